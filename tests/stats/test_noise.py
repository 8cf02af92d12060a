"""Noise of equal code: its scale, what correlation makes of it, and what it costs."""

from __future__ import annotations

import math
import random
from statistics import stdev

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_perf.errors import SampleError, TooFewSamplesError
from agent_perf.records import DuetRun
from agent_perf.stats import design_effect, metric_noise, robust_scale

FINITE = st.floats(-1e6, 1e6)


def duet(changes: list[float]) -> DuetRun:
    return DuetRun(
        benchmark="shop.time_work",
        metric="cpu.median",
        unit="s",
        base=(1.0,) * len(changes),
        head=tuple(math.exp(change) for change in changes),
        calls_per_round=200,
    )


def test_the_scale_of_a_few_values_by_hand() -> None:
    """Of 1, 2, 4, 8, 16 the third smallest distance is 3: times 2.219 and 0.844."""
    assert pytest.approx(3 * 2.21914 * 0.844) == robust_scale([16, 1, 8, 2, 4])
    assert pytest.approx(5 * 2.21914 * 0.399) == robust_scale([0, 5])


@pytest.mark.parametrize("count", [5, 8, 9, 10, 11, 16])
def test_the_scale_of_normal_values_is_their_deviation(count) -> None:
    """Over 2,000 samples of any size the mean is 1, within 3 %."""
    dice = random.Random(count)
    found = [robust_scale([dice.gauss(0, 1) for _ in range(count)]) for _ in range(2_000)]

    assert pytest.approx(1, abs=0.03) == sum(found) / len(found)


@given(st.lists(FINITE, min_size=2, max_size=20), st.floats(0.01, 100), FINITE)
def test_the_scale_moves_with_its_values(values, factor, shift) -> None:
    """Stretched values have a stretched scale, shifted ones the same."""
    moved = [value * factor + shift for value in values]

    assert pytest.approx(robust_scale(values) * factor, abs=1e-6, rel=1e-6) == robust_scale(moved)


def test_outliers_leave_the_scale_as_it_is() -> None:
    """Four of ten values a thousand times too large change it by less than threefold."""
    dice = random.Random(1)
    values = [dice.gauss(0, 1) for _ in range(10)]
    spoilt = [*values[:6], 1e3, 2e3, 3e3, 4e3]

    assert robust_scale(spoilt) < 3 * robust_scale(values) + 3
    assert stdev(spoilt) > 1e3


@pytest.mark.parametrize("values", [[], [1.0]])
def test_one_value_has_no_scale(values) -> None:
    with pytest.raises(TooFewSamplesError, match="at least 2"):
        robust_scale(values)


def test_no_number_has_no_scale() -> None:
    with pytest.raises(SampleError, match="want finite numbers"):
        robust_scale([1.0, math.nan])


def rounds_of(between: float, within: float, seed: int) -> list[list[float]]:
    dice = random.Random(seed)
    rounds = []
    for _ in range(40):
        level = dice.gauss(0, between)
        rounds.append([level + dice.gauss(0, within) for _ in range(20)])
    return rounds


def test_independent_blocks_have_no_design_effect() -> None:
    """Where a process has no level of its own, twenty blocks are worth twenty."""
    found = [design_effect(rounds_of(0, 0.02, seed)) for seed in range(40)]

    assert pytest.approx(1, abs=0.1) == sum(filter(None, found)) / len(found)


def test_blocks_of_a_process_that_are_alike_have_one() -> None:
    """A level of each process as large as the noise in it: 1 + 20 times the variance of one."""
    found = [design_effect(rounds_of(0.02, 0.02, seed)) for seed in range(40)]

    assert pytest.approx(21, rel=0.1) == sum(filter(None, found)) / len(found)


def test_what_does_not_vary_has_no_design_effect() -> None:
    """Neither few rounds nor equal blocks tell anything of correlation."""
    assert design_effect([[0.1, 0.2]] * 4) is None
    assert design_effect([[0.1, 0.1]] * 9) is None
    assert design_effect([[0.1]] * 9) is None


def test_noise_is_told_with_what_it_costs() -> None:
    """Scale, bias, single rounds beyond 15 %, and the rounds for each limit."""
    asked: list[tuple[float, float]] = []

    def needed(noise: float, limit: float) -> int | None:
        asked.append((noise, limit))
        return None if limit < 0.1 else 9

    found = metric_noise(duet([0.02, -0.01, 0.2, 0.0, 0.01, 0.13]), needed, round_s=0.5)

    assert ("shop.time_work", "cpu.median", 6, 1) == (
        found.benchmark,
        found.metric,
        found.round_count,
        found.beyond_count,
    )
    assert pytest.approx(math.expm1(0.015)) == found.bias_ratio
    assert [(0.15, 9), (0.10, 9), (0.05, None)] == [
        (one.limit_ratio, one.round_count) for one in found.rounds_needed
    ]
    assert {found.noise_ratio} == {noise for noise, _ in asked}
    assert found.design_effect is None
    assert 0.5 == found.round_s


def test_few_rounds_tell_nothing() -> None:
    with pytest.raises(TooFewSamplesError, match="4 rounds; noise wants at least 5"):
        metric_noise(duet([0.0] * 4), lambda *_: 4)


def test_a_round_without_time_is_refused() -> None:
    broken = DuetRun(
        benchmark="shop.time_work",
        metric="cpu.median",
        unit="s",
        base=(0.0,) * 5,
        head=(1.0,) * 5,
        calls_per_round=1,
    )
    with pytest.raises(SampleError, match=r"a round gave 0\.0"):
        metric_noise(broken, lambda *_: 4)
