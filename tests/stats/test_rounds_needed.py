"""Rounds needed, against the rule that they are needed for."""

from __future__ import annotations

import math
import random
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_perf.errors import SampleError
from agent_perf.records import DuetRun, Verdict
from agent_perf.stats import LOOKS, judge_duets, rounds_needed
from tests.stats.sampled_study import answers, gauss


def settled_ratio(noise: float, limit: float, rounds: int, trials: int = 400) -> float:
    """Return the share of equal code that is known to be within *limit* after *rounds*."""
    dice = random.Random(rounds)
    duets = [
        DuetRun(
            benchmark=f"b{trial}",
            metric="cpu.median",
            unit="s",
            base=(1.0,) * rounds,
            head=tuple(math.exp(dice.gauss(0, noise)) for _ in range(rounds)),
            calls_per_round=200,
        )
        for trial in range(trials)
    ]
    found = judge_duets(duets, [limit] * trials).comparisons
    return sum(one.verdict is not Verdict.UNDECIDED for one in found) / trials


@pytest.mark.parametrize(
    ("noise", "limit"), [(0.02, 0.05), (0.03, 0.15), (0.06, 0.15), (0.1, 0.15)]
)
def test_so_many_rounds_settle_equal_code(noise, limit) -> None:
    """With the rounds told, about nine of ten are settled; two looks earlier, clearly fewer."""
    rounds = rounds_needed(noise, limit)

    assert rounds is not None
    assert settled_ratio(noise, limit, rounds) > 0.85
    place = LOOKS.index(rounds)
    if place > 1:
        assert settled_ratio(noise, limit, LOOKS[place - 2]) < 0.85


def test_no_noise_takes_the_first_look_and_much_takes_for_ever() -> None:
    assert LOOKS[0] == rounds_needed(0.0, 0.05)
    assert rounds_needed(0.5, 0.05) is None


@given(st.floats(0, 0.5), st.floats(0, 0.5), st.floats(0.01, 0.5), st.floats(0.55, 0.99))
def test_more_noise_never_takes_fewer_rounds(noise, other, limit, power) -> None:
    """Nor does a smaller limit, or more power."""
    quiet, loud = sorted((noise, other))
    few = rounds_needed(quiet, limit, power) or math.inf

    assert few <= (rounds_needed(loud, limit, power) or math.inf)
    assert few <= (rounds_needed(quiet, limit / 2, power) or math.inf)
    assert few <= (rounds_needed(quiet, limit, (power + 1) / 2) or math.inf)


@pytest.mark.parametrize(
    "arguments", [(-0.1, 0.15), (math.nan, 0.15), (0.1, 0.0), (0.1, 0.15, 0.5)]
)
def test_what_is_out_of_range_is_refused(arguments) -> None:
    with pytest.raises(SampleError, match="want noise >= 0"):
        rounds_needed(*arguments)


@pytest.mark.parametrize(("noise", "limit"), [(0.02, 0.05), (0.05, 0.15), (0.1, 0.15)])
def test_the_power_is_that_of_the_rule(noise, limit) -> None:
    """
    At each look the share of 4,000 seeded cases that are settled there is the power for which
    so many rounds are told, give or take four per cent.
    """
    rng = np.random.default_rng(5)
    settled = answers(gauss(noise)(rng, (4000, LOOKS[-1])), math.log1p(limit), 0.15)[1]
    for look, next_look in pairwise(LOOKS):
        share = float((settled <= look).mean())
        if 0.56 < share < 0.95:
            assert look == rounds_needed(noise, limit, share - 0.05)
            assert next_look == rounds_needed(noise, limit, share + 0.04)
