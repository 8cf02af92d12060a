"""
Builds a timeline while a run goes on, in bounded memory.
"""

from __future__ import annotations

from collections import Counter
from typing import Final

from agent_perf.measure.histogram import LatencyHistogram
from agent_perf.records import Bucket, Timeline

BUCKETS_MAX: Final = 240
"""More than a page shows; beyond it, two buckets become one."""


class TimelineBuilder:
    """
    Takes in what happens, in order of time.

    Args:
        start_ns: Where the timeline begins, on the loop's clock.
        bucket_ns: Length of a bucket, > 0; doubled whenever BUCKETS_MAX do not suffice.
        good_within_ns: Latency up to which an answer without error is good; None: any.
    """

    def __init__(self, start_ns: int, bucket_ns: int, good_within_ns: int | None = None) -> None:
        self._start_ns = start_ns
        self._bucket_ns = bucket_ns
        self._good_within_ns = good_within_ns
        self._buckets: dict[int, _Open] = {}
        self._in_flight = 0
        self._last: _Open | None = None
        self._last_from_ns = self._last_to_ns = start_ns

    def begin(self, at_ns: int) -> None:
        """A request starts."""
        bucket = self._at(at_ns)
        bucket.started += 1
        self._in_flight = level = self._in_flight + 1
        bucket.level = level
        bucket.level_max = max(bucket.level_max, level)

    def end(self, at_ns: int, latency_ns: int, error: str | None) -> bool:
        """A request ends; return whether its answer was good."""
        bucket = self._at(at_ns)
        bucket.histogram.add(latency_ns)
        self._in_flight -= 1
        bucket.level = self._in_flight
        if error is not None:
            bucket.errors[error] += 1
            return False
        if self._good_within_ns is not None and latency_ns > self._good_within_ns:
            return False
        bucket.good += 1
        return True

    def drop(self, at_ns: int) -> None:
        """A request is refused."""
        self._at(at_ns).dropped += 1

    def count(self, at_ns: int, name: str, amount: int) -> None:
        """Work is done."""
        self._at(at_ns).counts[name] += amount

    def result(self) -> Timeline:
        """Return the timeline so far."""
        buckets, level = [], 0
        for index in range(max(self._buckets, default=-1) + 1):
            bucket = self._buckets.get(index)
            if bucket is None:
                # Nothing began and nothing ended; what was under way still was.
                buckets.append(Bucket(in_flight_max=level))
            else:
                buckets.append(bucket.frozen())
                level = bucket.level
        return Timeline(bucket_ns=self._bucket_ns, buckets=tuple(buckets))

    def _at(self, at_ns: int) -> _Open:
        if self._last is not None and self._last_from_ns <= at_ns < self._last_to_ns:
            return self._last
        # A request that was to start before the warm-up had settled belongs to the begin.
        index = max(0, (at_ns - self._start_ns) // self._bucket_ns)
        while index >= BUCKETS_MAX:
            self._halve()
            index //= 2
        bucket = self._buckets.get(index)
        if bucket is None:
            bucket = self._buckets[index] = _Open(self._in_flight)
        self._last = bucket
        self._last_from_ns = self._start_ns + index * self._bucket_ns
        self._last_to_ns = self._last_from_ns + self._bucket_ns
        return bucket

    def _halve(self) -> None:
        self._bucket_ns *= 2
        merged: dict[int, _Open] = {}
        for index, bucket in sorted(self._buckets.items()):
            if index // 2 in merged:
                merged[index // 2].merge(bucket)
            else:
                merged[index // 2] = bucket
        self._buckets = merged
        self._last = None


class _Open:
    """A bucket under way."""

    __slots__ = (
        "counts",
        "dropped",
        "errors",
        "good",
        "histogram",
        "level",
        "level_max",
        "started",
    )

    def __init__(self, level: int) -> None:
        self.started = self.good = self.dropped = 0
        self.level = self.level_max = level
        self.errors: Counter[str] = Counter()
        self.counts: Counter[str] = Counter()
        self.histogram = LatencyHistogram()

    def merge(self, later: _Open) -> None:
        """Take in the bucket that follows."""
        self.started += later.started
        self.good += later.good
        self.dropped += later.dropped
        self.level = later.level
        self.level_max = max(self.level_max, later.level_max)
        self.errors.update(later.errors)
        self.counts.update(later.counts)
        self.histogram.merge(later.histogram)

    def frozen(self) -> Bucket:
        """Return the bucket as a record."""
        return Bucket(
            started=self.started,
            ended=self.histogram.count,
            good=self.good,
            dropped=self.dropped,
            errors=dict(sorted(self.errors.items())),
            in_flight_max=self.level_max,
            latency=self.histogram.summary(),
            counts=dict(sorted(self.counts.items())),
        )
