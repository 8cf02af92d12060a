"""
Where along a history a metric changed its level, by how much, and how sure that is.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from agent_perf.errors import SampleError
from agent_perf.stats.noise_scale import (
    Array,
    difference_scale,
    long_run_scale,
    without_spikes,
)
from agent_perf.stats.segmentation import POINTS_MIN, Stretches, step_over_slope
from agent_perf.stats.student_t import t_quantile

EFFECT_RATIO: Final = 0.03
"""Changes below three per cent are not told of sampled metrics: machines do that."""

_SCALE_MIN: Final = 1e-9
"""Of log levels: where nothing scatters, a billionth still divides."""

_PLACE_DROP: Final = -2 * math.log(1 - math.sqrt(0.95))
"""How far twice the log-likelihood falls within 95 % of a change's place: on either side its
maximum is exponential with mean one, in the limit of small changes; larger ones are surer.
Source: Siegmund, *Annals of Statistics* 16 (1988), "Confidence sets in change-point problems"."""

_FREEDOM_MAX: Final = 200
_RECENT: Final = 40
"""Within as many last values a step must explain more than a drift does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangePoint:
    """
    One change of level.

    Attributes:
        index: First position with the new level.
        earliest: The change came at this position or after, with 95 %; <= *index*. Positions
            without a value, right before the change, are counted in.
        latest: It came at this position or before; >= *index*.
        before: Level of the stretch before, in the unit of the series.
        after: Level of the stretch that begins here.
        change_ratio: after / before - 1; inf from zero.
        interval: 95 % interval of *change_ratio*; both ends the same if the series is exact.
        count_before: Values behind *before*.
        count_after: Values behind *after*.
        settled: Whether enough values came after it to tell a change from an outlier.
    """

    index: int
    earliest: int
    latest: int
    before: float
    after: float
    change_ratio: float
    interval: tuple[float, float]
    count_before: int
    count_after: int
    settled: bool = True


def change_points(
    values: ArrayLike, *, effect_ratio: float = EFFECT_RATIO
) -> tuple[ChangePoint, ...]:
    """
    Return where a sampled series changed its level, oldest first.

    What lasts for fewer than 5 values, or for fewer than 12 after which the old level is
    back, is an outlier and no change; a steady drift is none either (see trend). What the last
    2 to 4 values seem to have changed is told as not settled.

    Args:
        values: One per commit, oldest first; NaN where nothing was measured. Times and sizes
            are compared as ratios; with a zero or a negative value among them, as differences
            relative to the median size.
        effect_ratio: Smallest change told; > 0.

    Raises:
        SampleError: If *values* is not one-dimensional or has an infinite value, or if
            *effect_ratio* is not > 0.

    Source: seeded binary segmentation (Kovács et al., *Biometrika* 110, 2023) with narrowest
    over threshold (Baranowski, Chen & Fryzlewicz, *JRSS B* 81, 2019), on logarithms without
    spikes, against the long-run scale of the noise.
    """
    series, places = _measured(values)
    if not effect_ratio > 0:
        raise SampleError(f"effect_ratio={effect_ratio}; want a share > 0, as 0.03")
    if len(series) < 2 * POINTS_MIN - 1:
        return ()
    axis = _Axis.of(series)
    levels = axis.levels(series)
    scale = max(difference_scale(levels), _SCALE_MIN)
    clean = without_spikes(levels, scale)
    stretches = Stretches(
        levels=clean,
        scale=long_run_scale(clean, scale),
        effect=axis.effect(effect_ratio),
    )
    stretches.find()
    stretches.prune()
    bounds = stretches.bounds()
    told = [(*cut, True) for cut in zip(bounds, bounds[1:], bounds[2:], strict=False)]
    suspected = _suspected(stretches, bounds[-2])
    if suspected is not None:
        told.append((bounds[-2], suspected, len(series), False))
    return tuple(
        _change_point(stretches, axis, places, (low, cut, high), settled=settled)
        for low, cut, high, settled in told
    )


def exact_change_points(values: ArrayLike, *, effect_ratio: float = 0.0) -> tuple[ChangePoint, ...]:
    """
    Return where an exact series changed its value, oldest first: every difference is one.

    Args:
        values: One per commit, oldest first; NaN where nothing was measured: what differs
            after a gap may have changed anywhere in it.
        effect_ratio: Changes of this size or below are passed over; >= 0.

    Raises:
        SampleError: If *values* is not one-dimensional or has an infinite value.
    """
    series, places = _measured(values)
    cuts = [0, *(int(cut) + 1 for cut in np.flatnonzero(np.diff(series))), len(series)]
    found = []
    for low, cut, high in zip(cuts, cuts[1:], cuts[2:], strict=False):
        before, after = float(series[cut - 1]), float(series[cut])
        ratio = _ratio(before, after)
        if abs(ratio) > effect_ratio:
            found.append(
                ChangePoint(
                    index=int(places[cut]),
                    earliest=int(places[cut - 1]) + 1,
                    latest=int(places[cut]),
                    before=before,
                    after=after,
                    change_ratio=ratio,
                    interval=(ratio, ratio),
                    count_before=cut - low,
                    count_after=high - cut,
                )
            )
    return tuple(found)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Axis:
    """Logarithms, or where those do not exist, shares of a *unit*."""

    unit: float | None

    @classmethod
    def of(cls, series: Array) -> _Axis:
        if float(series.min()) > 0:
            return cls(unit=None)
        sizes = np.abs(series[series != 0])
        return cls(unit=float(np.median(sizes)) if len(sizes) else 1.0)

    def levels(self, series: Array) -> Array:
        levels: Array = np.log(series) if self.unit is None else series / self.unit
        return levels

    def effect(self, ratio: float) -> float:
        return math.log1p(ratio) if self.unit is None else ratio

    def value(self, level: float) -> float:
        return math.exp(level) if self.unit is None else level * self.unit

    def ratio(self, before: float, move: float) -> float:
        """Return the relative change when level *before* moves by *move*."""
        if self.unit is None:
            return math.expm1(move)
        return _ratio(before, before + move)


def _measured(values: ArrayLike) -> tuple[Array, NDArray[np.intp]]:
    """Return what is no NaN, and where it stood."""
    series = np.asarray(values, dtype=np.float64)
    if series.ndim != 1:
        raise SampleError(f"values of shape {series.shape}; want one dimension")
    if np.isinf(series).any():
        raise SampleError(
            f"value {int(np.flatnonzero(np.isinf(series))[0])} of the series is infinite; "
            "want finite numbers, NaN where nothing was measured"
        )
    places = np.flatnonzero(~np.isnan(series))
    return series[places], places


def _ratio(before: float, after: float) -> float:
    if before == 0:
        return math.copysign(math.inf, after) if after else 0.0
    return (after - before) / abs(before)


def _suspected(stretches: Stretches, low: int) -> int | None:
    """Return where the last few values seem to have left the level since *low*, or None."""
    high = len(stretches.levels)
    cuts = np.arange(max(low + POINTS_MIN, high - POINTS_MIN + 1), high - 1)
    if not len(cuts):
        return None
    contrasts = stretches.contrasts(low, high, cuts)
    cut = int(cuts[contrasts.argmax()])
    before, after = stretches.levels[low:cut], stretches.levels[cut:]
    moves = after - np.median(before)
    clear = float(contrasts.max()) > stretches.threshold * _scale(stretches, before, after)
    beyond = max(float(moves.min()), -float(moves.max())) > stretches.effect
    recent = stretches.levels[max(low, high - _RECENT) :]
    stepped = step_over_slope(recent, len(recent) - (high - cut)) > 1
    return cut if clear and beyond and stepped else None


def _change_point(
    stretches: Stretches,
    axis: _Axis,
    places: NDArray[np.intp],
    bounds: tuple[int, int, int],
    *,
    settled: bool,
) -> ChangePoint:
    low, cut, high = bounds
    before, after = stretches.levels[low:cut], stretches.levels[cut:high]
    level, move = float(before.mean()), float(after.mean() - before.mean())
    count = len(before) + len(after)
    scale = _scale(stretches, before, after)
    freedom = min(count - 2, _FREEDOM_MAX)
    reach = t_quantile(0.975, freedom) * scale * math.sqrt(1 / len(before) + 1 / len(after))
    cuts = np.arange(low + 1, high)
    drops = stretches.contrasts(low, high, cuts) ** 2
    near = cuts[drops >= drops[cut - low - 1] - _PLACE_DROP * scale**2]
    return ChangePoint(
        index=int(places[cut]),
        earliest=int(places[near[0] - 1]) + 1,
        latest=int(places[max(near[-1], cut)]),
        before=axis.value(level),
        after=axis.value(level + move),
        change_ratio=axis.ratio(level, move),
        interval=(axis.ratio(level, move - reach), axis.ratio(level, move + reach)),
        count_before=len(before),
        count_after=len(after),
        settled=settled,
    )


def _scale(stretches: Stretches, before: Array, after: Array) -> float:
    """Return the noise that a difference of both stretches is held against."""
    squares = before.var() * len(before) + after.var() * len(after)
    return max(stretches.scale, math.sqrt(squares / (len(before) + len(after) - 2)))
