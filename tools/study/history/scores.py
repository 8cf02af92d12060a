"""
How well places found agree with places known.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tools.study.history.series import Labelled

REACH: Final = 5
"""A change found within so many commits of a planted one is that one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """
    What one method made of one collection.

    Attributes:
        counts: One row for each series with planted changes: hits, false alarms, misses.
        errors: Distance in commits of each hit from its place, >= 0.
        flagged: For each series without a change, whether something was found in it.
        by_ratio: Size of change to found and planted.
    """

    counts: NDArray[np.int64]
    errors: tuple[int, ...]
    flagged: tuple[bool, ...]
    by_ratio: dict[float, tuple[int, int]]

    @property
    def precision(self) -> float:
        """Share of what was found that was planted."""
        hits, false_alarms, _ = self.counts.sum(axis=0)
        return _share(hits, hits + false_alarms)

    @property
    def recall(self) -> float:
        """Share of what was planted that was found."""
        hits, _, misses = self.counts.sum(axis=0)
        return _share(hits, hits + misses)

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall."""
        return _share(*_f1_parts(self.counts.sum(axis=0)))

    @property
    def null_ratio(self) -> float:
        """Share of the series without a change in which something was found."""
        return _share(sum(self.flagged), len(self.flagged))

    @property
    def error_mean(self) -> float:
        """Mean distance of what was found from its place, in commits."""
        return _share(sum(self.errors), len(self.errors))


def f1_difference(ours: Score, theirs: Score, seed: int = 1) -> tuple[float, float]:
    """
    Return a 95 % interval of how much higher the F1 of *ours* is than that of *theirs*.

    Both are of one collection, whose series are drawn again 2,000 times: a percentile bootstrap
    (Efron & Tibshirani, *An Introduction to the Bootstrap*, 1993, chapter 13).
    """
    count = len(ours.counts)
    rows = np.random.default_rng(seed).integers(0, count, (2_000, count))
    first, second = (
        np.divide(*_f1_parts(one.counts[rows].sum(axis=1).T)) for one in (ours, theirs)
    )
    low, high = np.quantile(first - second, (0.025, 0.975))
    return float(low), float(high)


def matched(known: Sequence[int], found: Sequence[int]) -> dict[int, int]:
    """
    Return known place to found place, each used once, nearest pairs first.

    Pairs farther apart than REACH do not match. Of equally near ones the earlier goes first.
    """
    pairs = sorted(
        (abs(place - other), place, other)
        for place in known
        for other in found
        if abs(place - other) <= REACH
    )
    match: dict[int, int] = {}
    taken: set[int] = set()
    for _, place, other in pairs:
        if place not in match and other not in taken:
            match[place] = other
            taken.add(other)
    return match


def score(series: Iterable[Labelled], found: Iterable[Sequence[int]]) -> Score:
    """Return how *found* agrees with the changes of *series*, one by one."""
    counts: list[tuple[int, int, int]] = []
    flagged: list[bool] = []
    errors: list[int] = []
    by_ratio: dict[float, tuple[int, int]] = {}
    for one, places in zip(series, found, strict=True):
        if not one.changes:
            flagged.append(bool(places))
            continue
        match = matched(one.changes, places)
        counts.append((len(match), len(places) - len(match), len(one.changes) - len(match)))
        errors += [abs(place - other) for place, other in match.items()]
        for change, ratio in zip(one.changes, one.ratios, strict=True):
            # 1 / 1.05 is the same step as 1.05, downwards.
            size = round(math.expm1(abs(math.log1p(ratio))), 3)
            got, planted = by_ratio.get(size, (0, 0))
            by_ratio[size] = (got + (change in match), planted + 1)
    return Score(
        counts=np.array(counts, dtype=np.int64).reshape(-1, 3),
        errors=tuple(errors),
        flagged=tuple(flagged),
        by_ratio=dict(sorted(by_ratio.items())),
    )


def _f1_parts(counts: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return numerator and denominator of F1 from hits, false alarms and misses."""
    hits, false_alarms, misses = counts
    return 2 * hits, 2 * hits + false_alarms + misses


def _share(part: float, whole: float) -> float:
    return float(part / whole) if whole else math.nan
