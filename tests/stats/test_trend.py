from __future__ import annotations

import math

import numpy as np
import pytest

from agent_perf.errors import SampleError
from agent_perf.stats import (
    Slope,
    change_points,
    exact_change_points,
    find_slope,
    passing,
)


def drifting(total: float, count: int = 200, seed: int = 1, deviation: float = 0.02):
    """Return a series that rises by *total*, in equal parts a commit, with Gaussian noise."""
    draws = np.random.default_rng(seed).normal(0, deviation, count)
    return np.exp(draws + np.linspace(0, math.log1p(total), count))


def test_drift_is_found() -> None:
    """
    A rise of 20 % over 200 commits is a slope of 0.092 % a commit, within its interval.
    """
    slope = find_slope(drifting(0.2))
    true = math.expm1(math.log(1.2) / 199)

    assert slope is not None
    assert (0, 200) == (slope.start, slope.count)
    assert slope.interval[0] < true < slope.interval[1]
    assert pytest.approx(true, rel=0.1) == slope.ratio_per_step
    assert pytest.approx(1.2, rel=0.01) == slope.level


def test_many_small_steps_are_drift() -> None:
    """
    Thirty exact steps of 1 %, none of which is told alone, are told by their sum.
    """
    series = np.repeat(1.01 ** np.arange(30), 4)

    assert () == exact_change_points(series, effect_ratio=0.03)
    slope = find_slope(series)
    assert slope is not None
    assert pytest.approx(0.0025, rel=0.05) == slope.ratio_per_step


def test_one_step_is_no_drift() -> None:
    """
    A step in the middle of an otherwise level series has no slope.
    """
    assert find_slope(np.repeat([1.0, 1.02], 50), effect_ratio=0.01) is None


def test_slope_begins_after_the_last_change() -> None:
    """
    What came before a change does not lean on the slope after it.
    """
    series = np.concatenate([drifting(0.0, 60) * 3, drifting(0.3, 80)])
    changes = change_points(series)
    slope = find_slope(series, changes)

    assert [60] == [change.index for change in changes]
    assert slope is not None
    assert 60 == slope.start


@pytest.mark.parametrize(
    "series",
    [drifting(0.0), drifting(0.5, 19, deviation=0.001), [0.0] * 50, drifting(0.01)],
    ids=["level", "too short", "zeros", "too little"],
)
def test_no_slope(series) -> None:
    """
    A level series, 19 values, zeros, and a rise below the smallest change have none.
    """
    assert find_slope(series) is None


def test_a_table_is_refused() -> None:
    """
    Only one dimension is a series.
    """
    with pytest.raises(SampleError, match="one dimension"):
        find_slope([[1.0], [2.0]])


def make_slope(**changes: object) -> Slope:
    given = {
        "start": 0,
        "level": 100.0,
        "ratio_per_step": 0.01,
        "interval": (0.005, 0.02),
        "count": 100,
    }
    return Slope(**(given | changes))  # type: ignore[arg-type]


def test_passing_a_target() -> None:
    """
    From 100 at 1 % a commit, 150 is passed after log 1.5 / log 1.01 = 40.7 commits; at the
    ends of the interval after 20.5 and 81.3.
    """
    found = passing(make_slope(), 150.0)

    assert found is not None
    assert (41, 21, 82) == (found.steps, found.soonest, found.latest)


def test_passing_downwards() -> None:
    """
    A rate that falls by 1 % a commit passes half of itself after 69 commits.
    """
    found = passing(make_slope(ratio_per_step=-0.01, interval=(-0.02, -0.005)), 50.0)

    assert found is not None
    assert (69, 35, 139) == (found.steps, found.soonest, found.latest)


def test_it_may_never_pass() -> None:
    """
    If the interval reaches zero, the latest commit is unknown.
    """
    found = passing(make_slope(interval=(0.0, 0.02)), 150.0)

    assert found is not None
    assert found.latest is None


@pytest.mark.parametrize("target", [90.0, 1e9, 100.0])
def test_no_forecast(target: float) -> None:
    """
    Away from the target, or beyond three times the stretch, nothing is foretold; nor of
    where it already is.
    """
    assert passing(make_slope(), target) is None


@pytest.mark.slow
def test_level_series_seldom_have_a_slope() -> None:
    """
    Of 2,000 series that go nowhere, at most 10 are said to go somewhere, also where
    neighbours go together; of 300 that rise by 10 % over 200 commits, all but a few are found.
    """
    generator = np.random.default_rng(5)

    def wandering() -> np.ndarray:
        noise = generator.normal(0, 0.02, 250)
        for i in range(1, 250):
            noise[i] += 0.5 * noise[i - 1]
        return np.exp(noise[50:])

    level = [np.exp(generator.normal(0, 0.02, 200)) for _ in range(1_000)]
    level += [wandering() for _ in range(1_000)]
    found = sum(find_slope(one, change_points(one)) is not None for one in level)
    rising = [drifting(0.1, seed=seed) for seed in range(300)]

    assert found <= 10
    assert 290 < sum(find_slope(one, change_points(one)) is not None for one in rising)


@pytest.mark.slow
def test_slope_intervals_hold() -> None:
    """
    The 95 % interval of the slope misses the true one at most 8 % of 600 times.
    """
    true = math.expm1(math.log(1.3) / 199)
    slopes = [find_slope(drifting(0.3, seed=seed)) for seed in range(600)]
    missed = sum(s is None or not s.interval[0] <= true <= s.interval[1] for s in slopes)

    assert missed <= 48
