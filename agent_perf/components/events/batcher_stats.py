"""
What became of the events of a batcher.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True, kw_only=True)
class BatcherStats:
    """
    What became of the events.

    published = delivered + failed + dropped + drained + waiting + under_way.

    Attributes:
        published: Events accepted.
        delivered: Events that the service took.
        failed: Events given up, each logged and handed to ``on_failure``.
        rejected: Events refused with QueueFullError because the queue was full.
        dropped: Events accepted, and given up for newer ones because the queue was full.
        ignored: Events not accepted, without an error, because the queue was full.
        duplicates: Events not accepted because their key was published shortly before.
        waited: Events that waited for room before they were accepted.
        drained: Events that were handed back undelivered.
        repeated: Events sent again although they may have been delivered before.
        batches: Batches sent, with success or without.
        attempts: Requests made for them.
        waiting: Events in the queue now.
        under_way: Events in batches being sent now.
        latency_s_p50: Seconds from publication to delivery, of the last 4,096 delivered; nan
            before the 2nd.
        latency_s_p95: The same; nan before the 20th, when it would be the maximum.
        latency_s_p99: The same; nan before the 100th.
        latency_s_max: The same; nan before the 1st.
    """

    LEVELS: ClassVar[frozenset[str]] = frozenset(
        {
            "waiting",
            "under_way",
            "latency_s_p50",
            "latency_s_p95",
            "latency_s_p99",
            "latency_s_max",
        }
    )

    published: int
    delivered: int
    failed: int
    rejected: int
    dropped: int
    ignored: int
    duplicates: int
    waited: int
    drained: int
    repeated: int
    batches: int
    attempts: int
    waiting: int
    under_way: int
    latency_s_p50: float
    latency_s_p95: float
    latency_s_p99: float
    latency_s_max: float


def latency_percentiles(latencies_s: Iterable[float]) -> dict[str, float]:
    """Return the latency fields of BatcherStats; nearest rank, nan where there are too few."""
    ordered = sorted(latencies_s)
    return {
        "latency_s_p50": _percentile(ordered, 50),
        "latency_s_p95": _percentile(ordered, 95),
        "latency_s_p99": _percentile(ordered, 99),
        "latency_s_max": ordered[-1] if ordered else math.nan,
    }


def _percentile(ordered: list[float], percent: int) -> float:
    # With fewer, its rank is the last: the maximum by another name.
    if len(ordered) * (100 - percent) < 100:
        return math.nan
    return ordered[-(-len(ordered) * percent // 100) - 1]
