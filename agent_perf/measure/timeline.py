"""
Builds a timeline while a run goes on, in bounded memory.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Final

from agent_perf.measure.histogram import LatencyHistogram
from agent_perf.records import Bucket, LevelTotal, Timeline

BUCKETS_MAX: Final = 240
"""More than a page shows; beyond it, two buckets become one."""


class TimelineBuilder:
    """
    Takes in what happens, in order of time.

    Args:
        start_ns: Where the timeline begins, on the loop's clock.
        bucket_ns: Length of a bucket, > 0; doubled whenever BUCKETS_MAX do not suffice.
        good_within_ns: Latency up to which an answer without error is good; None: any.
        held: What is held at the begin, by name.
    """

    def __init__(
        self,
        start_ns: int,
        bucket_ns: int,
        good_within_ns: int | None = None,
        held: Mapping[str, int] | None = None,
    ) -> None:
        self._start_ns = start_ns
        self._bucket_ns = bucket_ns
        self._good_within_ns = good_within_ns
        self._buckets: dict[int, _Open] = {}
        self._in_flight = 0
        self._last: _Open | None = None
        self._last_from_ns = self._last_to_ns = start_ns
        # By name: how much is held, since when; by bucket and name: peak and sum over time.
        self._held = {name: (level, start_ns) for name, level in (held or {}).items()}
        self._levels: dict[int, dict[str, _Level]] = {}

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

    def level(self, name: str, change: int, at_ns: int) -> None:
        """*change* more of *name* are held from *at_ns* on; never before the last move."""
        # What nobody has held until now was none all along.
        held = self._held.setdefault(name, (0, self._start_ns))[0]
        self._hold(name, at_ns)
        self._held[name] = (held + change, at_ns)
        total = self._level_at(name, at_ns)
        total.peak = max(total.peak, held + change)

    def result(self, end_ns: int | None = None) -> Timeline:
        """
        Return the timeline so far.

        Args:
            end_ns: Until when what is held now is held, on the loop's clock; None: until its
                last move.
        """
        for name, (_, since_ns) in list(self._held.items()):
            self._hold(name, since_ns if end_ns is None else end_ns)
        buckets, level = [], 0
        for index in range(max(self._buckets, default=-1) + 1):
            levels = {
                name: total.frozen() for name, total in sorted(self._levels.get(index, {}).items())
            }
            bucket = self._buckets.get(index)
            if bucket is None:
                # Nothing began and nothing ended; what was under way still was.
                buckets.append(Bucket(in_flight_max=level, levels=levels))
            else:
                buckets.append(bucket.frozen(levels))
                level = bucket.level
        return Timeline(bucket_ns=self._bucket_ns, buckets=tuple(buckets))

    def _hold(self, name: str, until_ns: int) -> None:
        """Take down that *name* was held as it is until *until_ns*, bucket by bucket."""
        level, since_ns = self._held.get(name, (0, until_ns))
        while since_ns < until_ns:
            index = self._index(since_ns)
            to_ns = min(until_ns, self._start_ns + (index + 1) * self._bucket_ns)
            total = self._level_at(name, since_ns)
            total.peak = max(total.peak, level)
            total.held_ns += level * (to_ns - since_ns)
            total.length_ns += to_ns - since_ns
            since_ns = to_ns
        self._held[name] = (level, since_ns)

    def _level_at(self, name: str, at_ns: int) -> _Level:
        return self._levels.setdefault(self._index(at_ns), {}).setdefault(name, _Level())

    def _at(self, at_ns: int) -> _Open:
        if self._last is not None and self._last_from_ns <= at_ns < self._last_to_ns:
            return self._last
        index = self._index(at_ns)
        bucket = self._buckets.get(index)
        if bucket is None:
            bucket = self._buckets[index] = _Open(self._in_flight)
        self._last = bucket
        self._last_from_ns = self._start_ns + index * self._bucket_ns
        self._last_to_ns = self._last_from_ns + self._bucket_ns
        return bucket

    def _index(self, at_ns: int) -> int:
        # A request that was to start before the warm-up had settled belongs to the begin.
        index = max(0, (at_ns - self._start_ns) // self._bucket_ns)
        while index >= BUCKETS_MAX:
            self._halve()
            index //= 2
        return index

    def _halve(self) -> None:
        self._bucket_ns *= 2
        merged: dict[int, _Open] = {}
        for index, bucket in sorted(self._buckets.items()):
            if index // 2 in merged:
                merged[index // 2].merge(bucket)
            else:
                merged[index // 2] = bucket
        self._buckets = merged
        levels: dict[int, dict[str, _Level]] = {}
        for index, totals in sorted(self._levels.items()):
            into = levels.setdefault(index // 2, {})
            for name, total in totals.items():
                into.setdefault(name, _Level()).merge(total)
        self._levels = levels
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

    def frozen(self, levels: Mapping[str, LevelTotal]) -> Bucket:
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
            levels=levels,
        )


class _Level:
    """What one bucket holds of one name."""

    __slots__ = ("held_ns", "length_ns", "peak")

    def __init__(self) -> None:
        self.peak = self.held_ns = self.length_ns = 0

    def merge(self, later: _Level) -> None:
        """Take in that of the bucket that follows."""
        self.peak = max(self.peak, later.peak)
        self.held_ns += later.held_ns
        self.length_ns += later.length_ns

    def frozen(self) -> LevelTotal:
        """Return it as a record."""
        return LevelTotal(peak=self.peak, held_ns=self.held_ns, length_ns=self.length_ns)
