"""
Two services that are asked in turn: how much slower one is, and how many more errors it has.

Requests of a stream depend on each other: a slow moment hits many. What is counted is cut into
batches of time, and how much the difference scatters from batch to batch, against what
independent requests would make it scatter, tells how many requests the requests are worth.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Final

import numpy as np
import numpy.typing as npt

from agent_perf.errors import SampleError
from agent_perf.stats.binomial import rank_limits, share_limits
from agent_perf.stats.student_t import t_quantile

Counts = npt.NDArray[np.float64]

BATCHES_MIN: Final = 8
"""With fewer, the scatter between batches is hardly known: nothing is judged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """
    What one service was seen to do, batch by batch.

    Attributes:
        edges: Upper bounds of the cells of latency in seconds, ascending; the last is infinite
            and holds what was slower than all others, failed requests among them.
        counts: Requests in each cell, one row a batch.
        failed: Requests that failed, batch by batch.
    """

    edges: Sequence[float]
    counts: Counts
    failed: Counts

    @property
    def total(self) -> float:
        """Requests in all."""
        return float(self.counts.sum())


@dataclass(frozen=True, slots=True, kw_only=True)
class Shift:
    """
    How far the candidate is from the stable service.

    Attributes:
        stable: Its value: seconds, or a share; infinite if it lies beyond all cells.
        candidate: Likewise.
        change: Of a quantile candidate / stable - 1, of a share candidate - stable; None
            if one of them is not known.
        low: Lower limit of *change*, one-sided; minus infinity or -1 if there is none.
        high: Upper limit; infinity if there is none.
        worth: Share of the requests that as many independent ones would be; in (0, 1].
    """

    stable: float
    candidate: float
    change: float | None
    low: float
    high: float
    worth: float


def quantile_shift(stable: Side, candidate: Side, q: float, misses: tuple[float, float]) -> Shift:
    """
    Return how much the *q*-quantile of *candidate* is above that of *stable*.

    A quantile is known as the cell that it lies in. The limits hold whatever the distribution,
    for they rest on ranks alone; as wide as the cells, at least.

    Args:
        stable: At least BATCHES_MIN batches.
        candidate: In the same batches.
        q: 0 < q < 1.
        misses: Probability of the lower, and of the upper limit, to be wrong.

    Source: of the limits of one quantile, Hahn & Meeker, *Statistical Intervals* (1991), chapter
    5; of their difference, Donner & Zou, *Statistical Methods in Medical Research* 21 (2012).
    """
    cells = [_cell_of(side, q) for side in (stable, candidate)]
    # One pause of one side alone moves its quantile into the pause, where its own quantile no
    # longer tells it from others: so both sides are held against each other's, too.
    worth = min(
        _worth(_beyond(stable, first), _beyond(candidate, second))
        for first, second in (cells, cells[:1] * 2, cells[1:] * 2)
    )
    spans = [
        [
            _span(side, q, miss, _counted(worth, miss, len(side.counts)))
            for side in (stable, candidate)
        ]
        for miss in misses
    ]
    centres = [_cell(side, _cell_of(side, q)) for side in (stable, candidate)]
    low = _apart(centres[1][0], spans[0][1][0], centres[0][1], spans[0][0][1])
    high = -_apart(centres[0][0], spans[1][0][0], centres[1][1], spans[1][1][1])
    values = [_middle(centre) for centre in centres]
    known = all(0 < value < math.inf for value in values)
    return Shift(
        stable=values[0],
        candidate=values[1],
        change=values[1] / values[0] - 1 if known else None,
        low=math.expm1(low),
        high=math.expm1(high) if high < 700 else math.inf,
        worth=min(1.0, worth),
    )


def failed_shift(stable: Side, candidate: Side, misses: tuple[float, float]) -> Shift:
    """
    Return how much larger the share of requests is that failed on the side of *candidate*.

    Args:
        stable: At least BATCHES_MIN batches, and a request.
        candidate: In the same batches; likewise.
        misses: Probability of the lower, and of the upper limit, to be wrong.

    Source: Zou & Donner, *Biometrics* 64 (2008): the limits of a difference out of those of
    its parts.
    """
    sides = [
        np.stack((side.failed, side.counts.sum(axis=1)), axis=1) for side in (stable, candidate)
    ]
    counts = [float(side[:, 0].sum()) for side in sides]
    totals = [float(side[:, 1].sum()) for side in sides]
    worth = _worth(*sides)
    shares = [count / total for count, total in zip(counts, totals, strict=True)]
    limits = [
        [
            share_limits(count * counted, total * counted, miss)
            for count, total in zip(counts, totals, strict=True)
        ]
        for miss in misses
        for counted in (_counted(worth, miss, len(sides[0])),)
    ]
    change = shares[1] - shares[0]
    return Shift(
        stable=shares[0],
        candidate=shares[1],
        change=change,
        low=change - math.hypot(shares[1] - limits[0][1][0], limits[0][0][1] - shares[0]),
        high=change + math.hypot(limits[1][1][1] - shares[1], shares[0] - limits[1][0][0]),
        worth=min(1.0, worth),
    )


def _cell_of(side: Side, q: float) -> int:
    """Return the cell that the *q*-quantile of *side* lies in."""
    below = np.cumsum(side.counts.sum(axis=0))
    # What has been added up in another order may miss the rank by a rounding.
    return min(int(np.searchsorted(below, q * below[-1] * (1 - 1e-12))), len(below) - 1)


def _cell(side: Side, index: int) -> tuple[float, float]:
    """Return the bounds of a cell."""
    return (side.edges[index - 1] if index else 0.0), side.edges[index]


def _middle(cell: tuple[float, float]) -> float:
    low, high = cell
    return math.inf if high == math.inf else math.sqrt(low * high) if low else high / 2


def _span(side: Side, q: float, miss: float, worth: float) -> tuple[float, float]:
    """Return the limits of the *q*-quantile of *side*, 0 and infinity if there are none."""
    total = side.total
    low, high = rank_limits(total * worth, q, miss)
    below = np.cumsum(side.counts.sum(axis=0)) / total
    sure = low / (total * worth)
    # An edge that no more lie below than at the lower rank is itself surely not above it.
    first = int(np.searchsorted(below, sure, side="right"))
    last = int(np.searchsorted(below, high / (total * worth) - 1e-12))
    return (
        side.edges[first - 1] if low >= 0 and first else 0.0,
        side.edges[last] if last < len(below) else math.inf,
    )


def _apart(value: float, lowest: float, other: float, highest: float) -> float:
    """Return the lower limit of log *value* - log *other*, out of theirs."""
    if not lowest or highest == math.inf:
        return -math.inf
    fall, rise = math.log(value / lowest), math.log(highest / other)
    return math.log(value / other) - math.hypot(fall, rise)


def _beyond(side: Side, cell: int) -> Counts:
    """Return batch by batch how many were slower than *cell*, and of how many."""
    return np.stack((side.counts[:, cell + 1 :].sum(axis=1), side.counts.sum(axis=1)), axis=1)


def _worth(stable: Counts, candidate: Counts) -> float:
    """
    Return the share of requests that as many independent ones would be worth; above 1 by chance,
    or where both sides' slow moments cancel out.

    It is the variance that the difference of the shares would have, over the one that it has
    between batches. A slow moment that hits both sides moves both shares, and costs nothing.
    """
    batches = len(stable)
    if batches < BATCHES_MIN:
        raise SampleError(f"{batches} batches; want at least {BATCHES_MIN}")
    independent = 0.0
    apart = np.zeros(batches)
    for sign, side in ((-1, stable), (1, candidate)):
        count, total = side.sum(axis=0).tolist()
        share = count / total
        independent += share * (1 - share) / total
        apart += sign * (side[:, 0] - share * side[:, 1]) / total
    scatter = batches / (batches - 1) * float((apart**2).sum())
    return independent / scatter if scatter > 0 else math.inf


def _counted(worth: float, miss_probability: float, batches: int) -> float:
    """
    Return *worth*, at most 1, and less where few batches leave the scatter itself in doubt.

    Source: Korn & Graubard, *Survey Methodology* 24 (1998).
    """
    z = -NormalDist().inv_cdf(miss_probability)
    return min(1.0, worth * (z / t_quantile(1 - miss_probability, batches - 1)) ** 2)
