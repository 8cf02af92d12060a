import math
from dataclasses import replace

import pytest

from agent_perf.errors import ConfigError
from agent_perf.records import DuetRun, Verdict
from agent_perf.stats import judge_duets, open_confirmations, open_duets

JITTER = (0.99, 1.01, 1.0, 0.995, 1.005, 1.0, 0.99, 1.01)


def duet(*ratios: float) -> DuetRun:
    return DuetRun(
        benchmark="cache.Memory.time_get_hit",
        metric="cpu.median",
        unit="s",
        base=(2e-6,) * len(ratios),
        head=tuple(2e-6 * ratio for ratio in ratios),
        calls_per_round=200,
    )


def slowed(change: float) -> DuetRun:
    return duet(*(ratio * (1 + change) for ratio in JITTER))


def test_a_regression_is_confirmed() -> None:
    """
    Fresh rounds that say the same uphold a regression; the comparison shows both.
    """
    upheld = replace(slowed(0.5), confirmation=slowed(0.4))
    one = judge_duets([upheld], [0.15]).comparisons[0]

    assert Verdict.REGRESSED is one.verdict
    assert one.confirmation is not None
    assert Verdict.REGRESSED is one.confirmation.verdict
    assert 8 == one.confirmation.round_count


def test_a_refuted_regression_is_none() -> None:
    """
    Fresh rounds that find nothing leave the case undecided.
    """
    refuted = replace(slowed(0.5), confirmation=slowed(0.0))
    one = judge_duets([refuted], [0.15]).comparisons[0]

    assert Verdict.UNDECIDED is one.verdict


def test_a_bad_sample_spoils_one_duet() -> None:
    """
    What cannot be judged is undecided with its reason; the others are judged.
    """
    bad = replace(slowed(0.0), head=(math.nan,) * 8)
    one, other = judge_duets([bad, slowed(0.0)], [0.15, 0.15]).comparisons

    assert Verdict.UNDECIDED is one.verdict
    assert "head gave nan in round 1" in one.reason
    assert Verdict.UNCHANGED is other.verdict
    assert frozenset() == open_duets([bad], [0.15])


def test_who_wants_more() -> None:
    """
    An open duet wants first rounds, a suspected one confirmation, a settled one nothing.
    """
    duets = [duet(), slowed(0.0), slowed(0.5), replace(slowed(0.5), confirmation=slowed(0.5))]
    limits = [0.15] * 4

    assert frozenset({0}) == open_duets(duets, limits)
    assert frozenset() == open_duets(duets, limits, 0)
    assert frozenset({2}) == open_confirmations(duets, limits)
    assert frozenset() == open_confirmations(duets, limits, 0)


def test_a_limit_for_each() -> None:
    """
    Limits that are not paired with the duets are refused.
    """
    with pytest.raises(ConfigError, match="2 duets and 1 limits"):
        judge_duets([slowed(0.0), slowed(0.0)], [0.15])
