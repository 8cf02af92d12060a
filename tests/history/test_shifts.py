from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_perf.history import find_shifts, version_steps
from agent_perf.records import Evidence, Point, Series, Verdict


def a_series(
    values: list[float], half_ratio: float | None = 0.02, evidence: Evidence = Evidence.SAMPLED
) -> Series:
    """Return a series whose intervals reach *half_ratio* to either side; None for none."""
    points = tuple(
        Point(
            label=f"{number}.0",
            value=value,
            interval=None
            if half_ratio is None
            else (value * (1 - half_ratio), value * (1 + half_ratio)),
        )
        for number, value in enumerate(values)
    )
    return Series(benchmark="redis.get", axis="redis", unit="s", evidence=evidence, points=points)


def told(series: Series) -> list[tuple[str, str]]:
    return [(shift.before.label, shift.after.label) for shift in find_shifts(series)]


def test_steps_of_a_library() -> None:
    """
    Of 32, 41, 38, 57 and 60, the two rises beyond 15 % are told, and neither the small
    fall nor the small rise.
    """
    assert [("0.0", "1.0"), ("2.0", "3.0")] == told(a_series([32, 41, 38, 57, 60]))


def test_change_is_relative_to_the_old_level() -> None:
    """
    A change is after / before - 1, and falls are told as well as rises.
    """
    (rise,) = find_shifts(a_series([40, 50]))
    (fall,) = find_shifts(a_series([50, 40]))

    assert 0.25 == rise.change_ratio
    assert -0.2 == round(fall.change_ratio, 12)


def test_small_steps_add_up() -> None:
    """
    Four rises of 5 % are told once they have left the old level by more than 15 %.
    """
    values = [100 * 1.05**n for n in range(5)]

    assert [("0.0", "3.0")] == told(a_series(values))


def test_touching_intervals_prove_nothing() -> None:
    """
    A rise of 20 % is not told when the intervals overlap, nor when there are none.
    """
    assert [] == told(a_series([100, 120], half_ratio=0.1))
    assert [] == told(a_series([100, 120], half_ratio=None))
    assert [("0.0", "1.0")] == told(a_series([100, 120], half_ratio=0.09))


def test_exact_points_need_no_interval() -> None:
    """
    An exact series has no noise: its change is a fact.
    """
    assert [("0.0", "1.0")] == told(a_series([100, 120], None, Evidence.EXACT))


def test_from_zero_there_is_no_ratio() -> None:
    """
    A rise from zero is infinite, so it is not told as a ratio; an empty series has no steps.
    """
    assert [] == told(a_series([0, 5], None, Evidence.EXACT))
    assert [] == told(a_series([]))


@given(st.lists(st.floats(100, 114), max_size=20))
def test_within_the_limit_nothing_is_told(values: list[float]) -> None:
    """
    Whatever wanders within 15 % has no step.
    """
    assert [] == told(a_series(values, None, Evidence.EXACT))


def test_steps_by_version() -> None:
    """
    Shifts of several series at one version are one step, the largest rise first, with the
    version as its commit and the one before as its parent.
    """
    slow, fast = a_series([10, 10, 20]), a_series([10, 10, 30])
    (step,) = version_steps([slow, fast, a_series([10, 10, 10])])

    assert ("2.0", "1.0", "redis 2.0") == (step.commit, step.parent, step.subject)
    assert [(10, 30), (10, 20)] == [(one.base, one.head) for one in step.comparisons]
    assert {Verdict.REGRESSED} == {one.verdict for one in step.comparisons}


def test_interval_of_a_change() -> None:
    """
    From 100 ± 10 to 150 ± 15 the change lies between 135/110 - 1 and 165/90 - 1; a fall
    is an improvement.
    """
    (step,) = version_steps([a_series([100, 150], half_ratio=0.1)])
    (rise,) = step.comparisons
    (better,) = version_steps([a_series([150, 100])])

    assert rise.interval is not None
    assert pytest.approx((135 / 110 - 1, 165 / 90 - 1)) == rise.interval
    assert Verdict.IMPROVED is better.comparisons[0].verdict


def test_versions_in_order() -> None:
    """
    Steps come in the order of the versions, and without series there are none.
    """
    rising = a_series([10, 20, 40, 80])

    assert ["1.0", "2.0", "3.0"] == [step.commit for step in version_steps([rising])]
    assert () == version_steps([])


def test_an_interval_that_reaches_down_to_nothing() -> None:
    """
    It bounds the change from below alone: how much more it is than nothing, nobody knows.
    """
    rising = a_series([40, 100])
    low = replace(rising.points[0], interval=(0.0, 50.0))
    (step,) = version_steps([replace(rising, points=(low, rising.points[1]))])

    assert (0.96, math.inf) == step.comparisons[0].interval


@pytest.mark.parametrize(
    ("evidence", "reason"),
    [
        (Evidence.EXACT, "beyond 15%"),
        (Evidence.SAMPLED, "beyond 15%, and the 99 % intervals do not touch"),
    ],
)
def test_a_step_tells_on_what_it_stands(evidence: Evidence, reason: str) -> None:
    """
    Exact values have no intervals that could touch.
    """
    (step,) = version_steps([a_series([40, 50], evidence=evidence)])

    assert reason == step.comparisons[0].reason
