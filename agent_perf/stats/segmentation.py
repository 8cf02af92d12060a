"""
Cuts a noisy series into stretches of one level each.

First every place is found at which something may have happened, the narrowest evidence first;
then what does not stand up beside its neighbours is taken back.
"""

from __future__ import annotations

import bisect
import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from agent_perf.stats.noise_scale import Array

POINTS_MIN: Final = 5
"""The shortest stretch that counts as a level; fewer points are outliers."""

_EXCURSION: Final = 12
"""A stretch shorter than this, after which the old level is back, is an outlier: a machine that
was busy for a while. On public histories half of what was found without a change was that."""

_RETURN_RATIO: Final = 1 / 3
_THRESHOLD: Final = 1.05
"""Of sqrt(2 log n), the largest of n contrasts of pure noise; measured on public histories."""

_DECAY: Final = math.sqrt(2)


@dataclass(slots=True)
class Stretches:
    """
    A series, how it is cut, and what was computed of its parts.

    Attributes:
        levels: Values whose differences count, without spikes; what lay in an excursion has
            been moved to the level around it.
        scale: Noise of a mean, times the root of its length; > 0.
        effect: Smallest difference of levels told, > 0.
        cuts: First index of each stretch but the first, ascending.
    """

    levels: Array
    scale: float
    effect: float
    cuts: list[int] = field(default_factory=list)
    _sums: Array = field(init=False)
    _scores: dict[tuple[int, int, int], float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._settle()

    @property
    def threshold(self) -> float:
        """Contrast beyond which two stretches differ, in units of *scale*."""
        return _THRESHOLD * math.sqrt(2 * math.log(len(self.levels)))

    def bounds(self) -> list[int]:
        """Return the cuts between both ends of the series."""
        return [0, *self.cuts, len(self.levels)]

    def find(self) -> None:
        """Cut wherever the narrowest interval shows a contrast over the threshold."""
        found = sorted(self._contrasts())
        for length, _, start, cut in found:
            next_cut = bisect.bisect_right(self.cuts, start)
            if next_cut == len(self.cuts) or self.cuts[next_cut] >= start + length:
                bisect.insort(self.cuts, cut)
        self.cuts = self._moved(range(len(self.cuts)))

    def prune(self) -> None:
        """Take back cuts until each is between levels that differ, and last."""
        while self.cuts:
            bounds = self.bounds()
            scores = [self._score(*bounds[i : i + 3]) for i in range(len(self.cuts))]
            weakest = min(range(len(scores)), key=scores.__getitem__)
            if scores[weakest] < 1:
                del self.cuts[weakest]
                near = range(max(0, weakest - 1), min(len(self.cuts), weakest + 1))
                self.cuts = self._moved(near)
            elif not self._flatten_excursion(bounds):
                return

    def contrasts(self, low: int, high: int, places: NDArray[np.int64]) -> Array:
        """
        Return how clearly each of *places* parts levels[low:high].

        Returns:
            Difference of the means over its deviation, were the noise of one point 1.
        """
        left, right = self._sums[places] - self._sums[low], self._sums[high] - self._sums[places]
        before, after = places - low, high - places
        weight = np.sqrt(before * after / (high - low))
        contrasts: Array = np.abs(left / before - right / after) * weight
        return contrasts

    def _contrasts(self) -> Iterator[tuple[int, float, int, int]]:
        """Yield length, minus contrast, start and cut of the intervals over the threshold."""
        limit = self.threshold * self.scale
        for length, starts, places, weights in _intervals(len(self.levels)):
            begin = self._sums[starts][:, None]
            whole = self._sums[starts + length][:, None] - begin
            inside = self._sums[starts[:, None] + places] - begin
            contrast = np.abs(inside - whole * (places / length)) * weights
            best = contrast.argmax(axis=1)
            size = contrast[np.arange(len(starts)), best]
            for row in np.flatnonzero(size > limit):
                start = int(starts[row])
                yield length, -float(size[row]), start, start + int(places[best[row]])

    def _moved(self, which: range) -> list[int]:
        """Return the cuts, those of *which* moved to where they part their neighbours best."""
        bounds = self.bounds()
        moved = set(self.cuts)
        moved -= {bounds[i + 1] for i in which}
        return sorted(moved | {self._best(*bounds[i : i + 3]) for i in which})

    def _best(self, low: int, cut: int, high: int) -> int:
        reach = 2 * POINTS_MIN
        first, last = max(low + POINTS_MIN, cut - reach), min(high - POINTS_MIN, cut + reach)
        if first > last:
            return cut
        places = np.arange(first, last + 1)
        return int(places[self.contrasts(low, high, places).argmax()])

    def _score(self, low: int, cut: int, high: int) -> float:
        """Return by what factor the cut is good enough, in its weakest respect."""
        known = self._scores.get((low, cut, high))
        if known is None:
            known = self._scores[low, cut, high] = self._measure(low, cut, high)
        return known

    def _measure(self, low: int, cut: int, high: int) -> float:
        before, after = self.levels[low:cut], self.levels[cut:high]
        shortest = min(len(before), len(after), self._shortest_at_ends(low, cut, high))
        if shortest < POINTS_MIN:
            return shortest / POINTS_MIN
        middles = float(np.median(before)), float(np.median(after))
        spread = 1.4826 * max(
            float(np.median(np.abs(part - middle)))
            for part, middle in zip((before, after), middles, strict=True)
        )
        deviation = max(self.scale, spread) * math.sqrt(1 / len(before) + 1 / len(after))
        means = float(before.mean()), float(after.mean())
        return min(
            abs(middles[1] - middles[0]) / self.effect,
            abs(means[1] - means[0]) / deviation / self.threshold,
            self._beyond_drift(low, cut, high),
        )

    def _beyond_drift(self, low: int, cut: int, high: int) -> float:
        """Return how much better a step tells the levels than a drift, or goes beyond one."""
        levels = self.levels[low:high]
        better = step_over_slope(levels, cut - low)
        if better >= 1:
            return better
        step, weight = _step_beside_slope(levels, cut - low)
        return min(step / self.effect, step * weight / self.scale / self.threshold)

    def _shortest_at_ends(self, low: int, cut: int, high: int) -> int:
        """
        Return how short a stretch at an end of the series would be, were it cut at its best.

        A few values on another level, the last ones say, look like a stretch of five that
        begins too early.
        """
        reach = 2 * POINTS_MIN
        at_start = low == 0 and cut < reach
        at_end = high == len(self.levels) and high - cut < reach
        if not at_start and not at_end:
            return POINTS_MIN
        places = np.arange(
            low + 1 if at_start else max(low + 1, cut - reach),
            high if at_end else min(high, cut + reach),
        )
        best = int(places[self.contrasts(low, high, places).argmax()])
        return min(best - low, high - best)

    def _flatten_excursion(self, bounds: list[int]) -> bool:
        """Move the shortest stretch after which the old level is back; False if there is none."""
        middles = [
            float(np.median(self.levels[low:high])) for low, high in itertools.pairwise(bounds)
        ]
        back = [
            (bounds[i + 1] - bounds[i], i)
            for i in range(1, len(middles) - 1)
            if bounds[i + 1] - bounds[i] < _EXCURSION and _returns(*middles[i - 1 : i + 2])
        ]
        if not back:
            return False
        _, index = min(back)
        low, high = bounds[index], bounds[index + 1]
        around = (middles[index - 1] + middles[index + 1]) / 2
        self.levels = self.levels.copy()
        self.levels[low:high] += around - middles[index]
        self.cuts = [cut for cut in self.cuts if cut not in {low, high}]
        self._settle()
        self.cuts = self._moved(range(max(0, index - 2), min(len(self.cuts), index)))
        return True

    def _settle(self) -> None:
        """Compute anew what depends on the levels."""
        # Sums of what is left of the mean keep their digits over long series.
        centred = self.levels - self.levels.mean()
        self._sums = np.concatenate([[0.0], np.cumsum(centred)])
        self._scores = {}


def _returns(before: float, inside: float, after: float) -> bool:
    up, down = inside - before, after - inside
    return up * down < 0 and abs(up + down) < _RETURN_RATIO * max(abs(up), abs(down))


def step_over_slope(levels: Array, cut: int) -> float:
    """Return how much more a straight line leaves unexplained than a step; < 1: it is drift."""
    before, after = levels[:cut], levels[cut:]
    step = float(((before - before.mean()) ** 2).sum() + ((after - after.mean()) ** 2).sum())
    centred = levels - levels.mean()
    times = np.arange(len(levels)) - (len(levels) - 1) / 2
    slope = float(times @ centred / (times @ times))
    line = float(((centred - slope * times) ** 2).sum())
    return line / step if step > 0 else math.inf


def _step_beside_slope(levels: Array, cut: int) -> tuple[float, float]:
    """Return the step at *cut* of a line that has one, and what its size weighs against noise."""
    times = np.arange(len(levels)) - (len(levels) - 1) / 2
    rise = (times > times[cut - 1]).astype(np.float64)
    rise -= rise.mean()
    rise -= float(times @ rise / (times @ times)) * times
    squares = float(rise @ rise)
    # Two points before or after are on any line.
    return (abs(float(rise @ levels)) / squares, math.sqrt(squares)) if squares > 0 else (0.0, 0.0)


@lru_cache(maxsize=8)
def _intervals(
    count: int,
) -> tuple[tuple[int, NDArray[np.int64], NDArray[np.int64], Array], ...]:
    """
    Return lengths, with the starts, possible cuts and their weights, of the seeded intervals.

    Source: Kovács, Bühlmann, Li & Munk, *Biometrika* 110 (2023), "Seeded binary segmentation",
    definition 1.
    """
    rows = {}
    length = float(count)
    while length >= 2 * POINTS_MIN:
        whole = math.ceil(length)
        starts = np.linspace(0, count - whole, 2 * math.ceil(count / length) - 1)
        half = np.floor(starts[: (len(starts) + 1) // 2])
        mirrored = np.unique(np.concatenate([half, count - whole - half]).astype(np.int64))
        places = np.arange(POINTS_MIN, whole - POINTS_MIN + 1)
        weights = np.sqrt(whole / (places * (whole - places)))
        rows[whole] = (whole, mirrored, places, weights)
        length /= _DECAY
    return tuple(rows.values())
