"""
What a run looks like along its virtual time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from agent_perf.errors import SampleError
from agent_perf.records.levels import LevelTotal


@dataclass(frozen=True, slots=True, kw_only=True)
class LatencySummary:
    """
    Latencies in a few numbers; quantiles are nearest ranks, 0 if there is no request.

    Attributes:
        count: Requests, >= 0.
        p50_ns: As the others, within *error_ratio* of the true value.
        max_ns: Exact.
        sum_ns: Exact.
        error_ratio: 0 if the quantiles are exact.
    """

    count: int = 0
    p50_ns: int = 0
    p95_ns: int = 0
    p99_ns: int = 0
    p999_ns: int = 0
    max_ns: int = 0
    sum_ns: int = 0
    error_ratio: float = 0.0

    @property
    def mean_s(self) -> float:
        """Mean in seconds, 0 if there is no request."""
        return self.sum_ns / (self.count * 1e9) if self.count else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """
    One stretch of a timeline.

    Attributes:
        started: Requests whose intended start lies in it, those that were dropped aside.
        ended: Requests that ended in it.
        good: Of those, answered without error and within the time that counts as good.
        dropped: Requests refused at their intended start: a limit of the load was reached.
        errors: Category to number, of those that ended.
        in_flight_max: Most requests under way at an instant.
        latency: Of those that ended; within 2^-8 of the true values.
        counts: Selected work counts.
        levels: What was held in it, by name.
    """

    started: int = 0
    ended: int = 0
    good: int = 0
    dropped: int = 0
    errors: Mapping[str, int] = field(default_factory=dict)
    in_flight_max: int = 0
    latency: LatencySummary = field(default_factory=LatencySummary)
    counts: Mapping[str, int] = field(default_factory=dict)
    levels: Mapping[str, LevelTotal] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """
    Equal stretches of virtual time, from the end of the warm-up on.

    Attributes:
        bucket_ns: Length of each, > 0.
        buckets: In order; the first begins at 0, the last may be cut short.
    """

    bucket_ns: int
    buckets: tuple[Bucket, ...] = ()

    def __post_init__(self) -> None:
        if self.bucket_ns < 1:
            raise SampleError(f"buckets of {self.bucket_ns} ns; want at least 1 ns")
