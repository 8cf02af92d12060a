from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from agent_perf.errors import SampleError
from agent_perf.stats import change_points, exact_change_points

NAN = math.nan


def noisy(
    steps: Sequence[tuple[int, float]], seed: int = 1, deviation: float = 0.01
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Return so many points of each level, with Gaussian noise on their logarithms."""
    levels = np.concatenate([np.full(count, level) for count, level in steps])
    draws = np.random.default_rng(seed).normal(0, deviation, len(levels))
    return levels * np.exp(draws)


def places(values: Sequence[float], **options: float) -> list[int]:
    return [point.index for point in change_points(values, **options) if point.settled]


def test_a_step_is_found_where_it_is() -> None:
    """
    A rise of 10 % in noise of 1 % is one change at its place, with both levels, its size,
    and intervals around them.
    """
    (point,) = change_points(noisy([(60, 2.0), (40, 2.2)]))

    assert 60 == point.index
    assert point.earliest <= 60 <= point.latest
    assert (60, 40, True) == (point.count_before, point.count_after, point.settled)
    assert pytest.approx((2.0, 2.2), rel=0.005) == (point.before, point.after)
    assert point.interval[0] < 0.1 < point.interval[1]
    assert pytest.approx(point.after / point.before - 1) == point.change_ratio


def test_each_of_several_steps_is_found() -> None:
    """
    Levels that rise, fall and rise again are told apart.
    """
    series = noisy([(50, 1.0), (30, 1.1), (40, 0.9), (60, 1.3)])

    assert [50, 80, 120] == places(series)


def test_small_changes_are_not_told() -> None:
    """
    A change below *effect_ratio* is none, however clear it is.
    """
    series = noisy([(50, 1.0), (50, 1.05)], deviation=0.001)

    assert [50] == places(series)
    assert [] == places(series, effect_ratio=0.06)


def test_outliers_are_no_changes() -> None:
    """
    Spikes of one or two values, a disturbance of eleven values after which the level is back,
    and a single wild value at the end change no level; a disturbance of twelve does.
    """
    spiky = noisy([(120, 1.0)])
    spiky[[20, 21, 70, 119]] *= 3

    assert () == change_points(spiky)
    assert () == change_points(noisy([(60, 1.0), (11, 1.2), (60, 1.0)]))
    assert [60, 72] == places(noisy([(60, 1.0), (12, 1.2), (60, 1.0)]))


@pytest.mark.parametrize("count_after", [2, 3, 4])
def test_last_commits_are_only_suspected(count_after: int) -> None:
    """
    What the last two to four values have changed is told, but as not settled.
    """
    (point,) = change_points(noisy([(60, 1.0), (count_after, 1.2)]))

    assert (60, False, count_after) == (point.index, point.settled, point.count_after)


def test_fifth_value_settles_it() -> None:
    """
    With five values on the new level a change is settled; with one it is not even suspected.
    """
    assert [60] == places(noisy([(60, 1.0), (5, 1.2)]))
    assert () == change_points(noisy([(60, 1.0), (1, 1.2)]))


def test_drift_is_no_change() -> None:
    """
    A steady rise of 20 % over 200 commits has no step to blame.
    """
    assert [] == places(noisy([(200, 1.0)]) * np.linspace(1.0, 1.2, 200))


def test_step_within_drift() -> None:
    """
    A step of 20 % is found though the levels on either side drift by 2 %.
    """
    drift = np.linspace(1.0, 1.02, 200)

    assert [100] == places(noisy([(100, 1.0), (100, 1.2)]) * drift)


def test_gaps_widen_the_place() -> None:
    """
    Where commits before the change were not measured, any of them may be the one.
    """
    series = noisy([(60, 1.0), (40, 1.2)], deviation=0.002)
    series[55:60] = NAN
    (point,) = change_points(series)

    assert (60, 55, 60) == (point.index, point.earliest, point.latest)
    assert (55, 40) == (point.count_before, point.count_after)


def test_rounded_values() -> None:
    """
    A series of a few rounded values, most equal to the one before, has its change found.
    """
    series = np.round(noisy([(80, 10.0), (80, 11.0)], deviation=0.02))

    assert [80] == places(series)


@pytest.mark.parametrize(("low", "high"), [(0.0, 5.0), (-2.0, 3.0), (5.0, 0.0)])
def test_zeros_and_negative_values(low: float, high: float) -> None:
    """
    Without logarithms, changes are told relative to the typical size; from zero the ratio
    is infinite.
    """
    steps = np.repeat([low, high], 30) + np.random.default_rng(3).normal(0, 1e-3, 60)
    (point,) = change_points(np.round(steps, 2))

    assert 30 == point.index
    assert pytest.approx((low, high), abs=0.01) == (point.before, point.after)


def test_ratio_from_exactly_zero() -> None:
    """
    From zero to anything is an infinite change, from anything to zero a loss of all.
    """
    (rise,) = change_points([0.0] * 20 + [4.0] * 20)
    (fall,) = change_points([4.0] * 20 + [0.0] * 20)

    assert (math.inf, 0.0, 4.0) == (rise.change_ratio, rise.before, rise.after)
    assert -1.0 == fall.change_ratio


@pytest.mark.parametrize("values", [[], [1.0], [1.0, 2.0] * 4, [NAN] * 30])
def test_too_short_to_tell(values: list[float]) -> None:
    """
    Fewer than nine values have no level before and after.
    """
    assert () == change_points(values)


def test_bad_input_is_named() -> None:
    """
    Infinite values, tables and effects of nothing are refused by name.
    """
    with pytest.raises(SampleError, match="value 1 of the series is infinite"):
        change_points([1.0, math.inf])
    with pytest.raises(SampleError, match=r"shape \(2, 2\)"):
        change_points([[1.0, 2.0], [3.0, 4.0]])
    with pytest.raises(SampleError, match="effect_ratio=0"):
        change_points([1.0] * 20, effect_ratio=0)


@given(st.floats(1e-9, 1e9), st.integers(1, 300))
def test_constant_series_have_none(value: float, count: int) -> None:
    """
    What never changes has no change point.
    """
    assert () == change_points([value] * count)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), factor=st.floats(1e-6, 1e6), rise=st.floats(0.1, 1.0))
def test_unit_does_not_matter(seed: int, factor: float, rise: float) -> None:
    """
    In seconds or in nanoseconds, the same changes are found, of the same relative size.
    """
    series = noisy([(40, 1.0), (40, 1.0 + rise)], seed, deviation=0.02)
    here, there = change_points(series), change_points(series * factor)

    assert [point.index for point in here] == [point.index for point in there]
    assert pytest.approx([point.change_ratio for point in here]) == [
        point.change_ratio for point in there
    ]


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), count=st.integers(20, 90), rise=st.floats(0.1, 1.0))
def test_reversed_history_has_reversed_changes(seed: int, count: int, rise: float) -> None:
    """
    Read backwards, a series changes at the same places, the other way round.
    """
    series = noisy([(count, 1.0), (60, 1.0 + rise)], seed, deviation=0.02)
    forwards, backwards = places(series), places(series[::-1])

    assert forwards == [len(series) - index for index in reversed(backwards)]


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), place=st.integers(10, 70), rise=st.floats(0.15, 1.0))
def test_place_is_where_two_means_fit_best(seed: int, place: int, rise: float) -> None:
    """
    One clear change lies where splitting the logarithms leaves the least squares, as found
    by trying every split.
    """
    series = noisy([(place, 1.0), (80 - place, 1.0 + rise)], seed)
    levels = np.log(series)

    def left_over(cut: int) -> float:
        return float(levels[:cut].var() * cut + levels[cut:].var() * (80 - cut))

    assert [min(range(5, 76), key=left_over)] == places(series)


@pytest.mark.slow
@pytest.mark.parametrize("rise", [0.03, 0.05, 0.1])
def test_intervals_hold_what_they_promise(rise: float) -> None:
    """
    Of 1,500 changes, the 95 % intervals of size and of place miss at most 6 % each, where the
    change itself is found; they promise 5 %, and no more than a sixth misses beyond by chance.
    """
    found = missed_size = missed_place = 0
    for seed in range(1_500):
        series = noisy([(70, 1.0), (50, 1 + rise)], seed, deviation=0.02)
        points = change_points(series, effect_ratio=0.005)
        if len(points) == 1:
            (point,) = points
            found += 1
            missed_size += not point.interval[0] <= rise <= point.interval[1]
            missed_place += not point.earliest <= 70 <= point.latest

    assert found > 1_300
    assert missed_size / found <= 0.06
    assert missed_place / found <= 0.06


@given(st.lists(st.integers(1, 4), max_size=40))
def test_every_difference_of_exact_values_is_a_change(values: list[int]) -> None:
    """
    An exact series changes exactly where a value differs from the one before.
    """
    found = exact_change_points(values)

    assert [i for i in range(1, len(values)) if values[i] != values[i - 1]] == [
        point.index for point in found
    ]
    assert all((point.change_ratio, point.change_ratio) == point.interval for point in found)


def test_exact_changes_after_gaps() -> None:
    """
    After a gap any of its commits may have changed the value; levels count what they rest on.
    """
    first, second = exact_change_points([4, NAN, 4, NAN, NAN, 6, 6, 3])

    assert (5, 3, 5, 4.0, 6.0, 0.5) == (
        first.index,
        first.earliest,
        first.latest,
        first.before,
        first.after,
        first.change_ratio,
    )
    assert (2, 2) == (first.count_before, first.count_after)
    assert (7, 7, 7, -0.5) == (second.index, second.earliest, second.latest, second.change_ratio)


def test_exact_changes_below_the_limit() -> None:
    """
    Exact changes up to *effect_ratio* are passed over, and a rise from zero is infinite.
    """
    assert [2] == [p.index for p in exact_change_points([100, 110, 150], effect_ratio=0.1)]
    assert [math.inf] == [p.change_ratio for p in exact_change_points([0, 1])]


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_indices_with_gaps(seed: int) -> None:
    """
    Wherever values are missing, places are those of the whole series, in order, and within
    their own intervals.
    """
    series = noisy([(60, 1.0), (60, 1.3), (60, 0.8)], seed, deviation=0.03)
    series[np.random.default_rng(seed).random(180) < 0.4] = NAN
    found = change_points(series)
    assume(found)

    assert all(point.earliest <= point.index <= point.latest for point in found)
    assert all(not math.isnan(series[point.index]) for point in found)
    assert sorted({point.index for point in found}) == [point.index for point in found]
