"""
Where a metric is heading that no single commit has moved.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from agent_perf.errors import SampleError
from agent_perf.stats.level_changes import EFFECT_RATIO, ChangePoint
from agent_perf.stats.noise_scale import (
    Array,
    difference_scale,
    long_run_scale,
    without_spikes,
)

POINTS_MIN: Final = 20
"""Fewer values carry no slope: their noise alone leans one way or the other."""

_BLOCKS_MAX: Final = 64
_NORMAL_TOLD: Final = 3.2905
"""Of 1,000 series that go nowhere, one is said to: 99.9 % of the normal distribution."""
_NORMAL_SHOWN: Final = 1.96
_REACH: Final = 3.0
"""A forecast goes no farther than three times the stretch it rests on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Slope:
    """
    A steady drift over the last stretch of a series.

    Attributes:
        start: Position of its first value.
        level: Where the line stands at the last position, in the unit of the series.
        ratio_per_step: Relative slope from one position to the next.
        interval: 95 % interval of *ratio_per_step*.
        count: Values it rests on.
    """

    start: int
    level: float
    ratio_per_step: float
    interval: tuple[float, float]
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Passing:
    """
    When a slope reaches a target.

    Attributes:
        steps: Positions from the last one on, >= 0.
        soonest: The same at the steeper end of the slope's interval.
        latest: At the flatter end; None if it may never.
    """

    steps: int
    soonest: int
    latest: int | None


def find_slope(
    values: ArrayLike,
    changes: tuple[ChangePoint, ...] = (),
    *,
    effect_ratio: float = EFFECT_RATIO,
) -> Slope | None:
    """
    Return the drift of a series since its last change; None if there is none to speak of.

    It must be clear of zero with 99.9 %, and have come to *effect_ratio* over the stretch:
    many small steps, none of which would be told alone, are told by their sum.

    Args:
        values: As in change_points, all > 0.
        changes: What change_points found in them, or exact_change_points beyond the effect;
            those not settled are passed over.
        effect_ratio: Smallest total told; > 0.

    Raises:
        SampleError: If *values* is not one-dimensional.

    Source: Theil (1950); Sen, *JASA* 63 (1968), for slope and interval, on medians of blocks;
    neighbours that go together widen the interval by the long-run scale of the noise, as in
    Hamed & Rao, *Journal of Hydrology* 204 (1998).
    """
    series = np.asarray(values, dtype=np.float64)
    if series.ndim != 1:
        raise SampleError(f"values of shape {series.shape}; want one dimension")
    start = max((change.index for change in changes if change.settled), default=0)
    places = np.flatnonzero(np.isfinite(series[start:])) + start
    if len(places) < POINTS_MIN or float(series[places].min()) <= 0:
        return None
    levels = np.log(series[places])
    scale = difference_scale(levels)
    clean = without_spikes(levels, scale) if scale else levels
    times, middles = _blocks(places.astype(np.float64), clean)
    slopes = _pair_slopes(times, middles)
    slope = slopes[len(slopes) // 2]
    residuals = middles - slope * (times - times[-1])
    together = _togetherness(clean - slope * (places - places[-1]))
    if not _is_clear(slopes, len(times), together * _NORMAL_TOLD):
        return None
    if abs(slope) * float(places[-1] - places[0]) < math.log1p(effect_ratio):
        return None
    low, high = _interval(slopes, len(times), together * _NORMAL_SHOWN)
    level = float(np.median(residuals)) + slope * float(len(series) - 1 - times[-1])
    return Slope(
        start=start,
        level=math.exp(level),
        ratio_per_step=math.expm1(slope),
        interval=(math.expm1(low), math.expm1(high)),
        count=len(places),
    )


def passing(slope: Slope, target: float) -> Passing | None:
    """
    Return when *slope* reaches *target*; None if it moves away from it, or is too far.

    Args:
        slope: As found.
        target: In the unit of the series, > 0.
    """
    way = math.log(target / slope.level)
    if way == 0 or (way > 0) != (slope.ratio_per_step > 0):
        return None
    middle, first, last = (
        _steps(way, ratio) for ratio in (slope.ratio_per_step, *_steep_first(slope))
    )
    if middle is None or middle > _REACH * slope.count or first is None:
        return None
    return Passing(steps=middle, soonest=first, latest=last)


def _steep_first(slope: Slope) -> tuple[float, float]:
    low, high = slope.interval
    return (high, low) if slope.ratio_per_step > 0 else (low, high)


def _steps(way: float, ratio: float) -> int | None:
    pace = math.log1p(ratio)
    return math.ceil(way / pace) if pace and (way > 0) == (pace > 0) else None


def _blocks(times: Array, levels: Array) -> tuple[Array, Array]:
    """Return at most 64 medians of as many points each, with the middle of their times."""
    size = -(-len(levels) // _BLOCKS_MAX)
    count = len(levels) // size
    rest = len(levels) - count * size
    # What does not fill a block is left out at the old end.
    shape = (count, size)
    return (
        times[rest:].reshape(shape).mean(axis=1),
        np.median(levels[rest:].reshape(shape), axis=1),
    )


def _pair_slopes(times: Array, levels: Array) -> list[float]:
    """Return the slope between every two points, ascending."""
    first, second = np.triu_indices(len(times), 1)
    slopes = (levels[second] - levels[first]) / (times[second] - times[first])
    return [float(slope) for slope in np.sort(slopes)]


def _togetherness(residuals: Array) -> float:
    """Return by what factor neighbours that go together widen an interval; >= 1."""
    scale = difference_scale(residuals)
    return long_run_scale(residuals, scale) / scale if scale else 1.0


def _interval(slopes: list[float], count: int, reach: float) -> tuple[float, float]:
    """Return Sen's interval: as many slopes off the median as Kendall's statistic scatters."""
    spread = reach * math.sqrt(count * (count - 1) * (2 * count + 5) / 18)
    off = (len(slopes) - spread) / 2
    low, high = max(0, math.floor(off)), min(len(slopes) - 1, math.ceil(len(slopes) - 1 - off))
    return slopes[low], slopes[high]


def _is_clear(slopes: list[float], count: int, reach: float) -> bool:
    """Return whether the slope is clear of zero."""
    low, high = _interval(slopes, count, reach)
    return low > 0 or high < 0
