"""
What counters of Prometheus tell of a service: their increases, batch by batch.

The raw samples are read, and not what `increase()` makes of them: it extrapolates, so that what it
counts are no requests, and may look like more of them than there were.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from agent_perf.errors import BrokenError
from agent_perf.stats import Side

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """
    One counter of one instance.

    Attributes:
        labels: Of it.
        samples: When, in seconds since the epoch, and its value then; ascending in time.
    """

    labels: Mapping[str, str]
    samples: Sequence[tuple[float, float]]


def increases(series: Sequence[Series], begin_s: float, end_s: float, batches: int) -> Floats:
    """
    Return by how much *series* rose together in each of *batches* from *begin_s* to *end_s*.

    What rose between two samples is counted when it was seen; a counter that fell began anew at 0.
    """
    found = np.zeros(batches)
    for one in series:
        for at_s, value in one.samples:
            if not math.isfinite(value):
                raise BrokenError(f"a counter is {value} at {at_s}: {dict(one.labels)}")
        for (_, before), (at_s, after) in zip(one.samples, one.samples[1:], strict=False):
            batch = min(int((at_s - begin_s) / (end_s - begin_s) * batches), batches - 1)
            found[max(batch, 0)] += after - before if after >= before else after
    return found


def scrape_gap_s(series: Sequence[Series]) -> float | None:
    """Return the usual time between two samples; None if there are no two."""
    gaps = [
        after - before
        for one in series
        for (before, _), (after, _) in zip(one.samples, one.samples[1:], strict=False)
    ]
    return float(np.median(gaps)) if gaps else None


def bucket_bounds(series: Sequence[Series], told: str) -> frozenset[float]:
    """
    Return the upper bounds of the buckets in *series*, those above 0.

    Raises:
        BrokenError: If there is one without a bound, or not the infinite one; it tells *told*.
    """
    try:
        bounds = frozenset(float(one.labels["le"]) for one in series)
    except (KeyError, ValueError):
        raise BrokenError(
            f"{told} has series without a bucket's bound (le): it is no classic histogram"
        ) from None
    if math.inf not in bounds:
        raise BrokenError(f'{told} has no bucket le="+Inf": it is no histogram')
    # Nothing is as fast as 0 s: what is counted there is counted by the next bound, too.
    return frozenset(bound for bound in bounds if bound > 0)


def side_of(
    buckets: Sequence[Series],
    failures: Sequence[Series],
    bounds: Sequence[float],
    span: tuple[float, float],
    batches: int,
) -> Side:
    """
    Return what one service did, as its counters tell.

    Args:
        buckets: Of its histogram of latencies, from all instances.
        failures: Counters of failed requests.
        bounds: Of the buckets to use, ascending, the infinite one last.
        span: Begin and end, in seconds since the epoch.
        batches: Into how many batches of time.
    """
    below = np.stack(
        [
            increases([one for one in buckets if float(one.labels["le"]) == bound], *span, batches)
            for bound in bounds
        ],
        axis=1,
    )
    counts = np.maximum(np.diff(below, axis=1, prepend=0.0), 0.0)
    total = counts.sum(axis=1)
    # Both counters are read at one instant, but a request may be counted by one before.
    failed = np.minimum(increases(failures, *span, batches), total)
    return Side(edges=tuple(bounds), counts=counts, failed=failed)
