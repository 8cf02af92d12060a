"""
Makes series of readings while they come in, in bounded memory.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from agent_perf.measure.histogram import LatencyHistogram
from agent_perf.measure.process_tree import Reading
from agent_perf.measure.timeline import BUCKETS_MAX
from agent_perf.records import ResourceSeries
from agent_perf.records.resources import P95_SAMPLES_MIN

_P95_PER_MILLE: Final = 950
_FINE: Final = {"cpu": 1_000_000}
"""Histograms hold integers: whole bytes and counts, but millionths of a core."""

_DIGITS: Final = 6
"""Of a stretch's figures: more than a sampled one has, and half of the file's size."""

_Stretch = tuple[float, float, float]
"""Sum of samples times their seconds, these seconds, largest sample."""


class ResourceLog:
    """
    Takes in readings in order of time; what it holds does not grow with their number.

    Args:
        interval_s: What a tick is to be apart from the next, and the first length of a
            stretch; doubled whenever BUCKETS_MAX do not suffice. > 0.
        from_start: Whether what processes used before the first look counts in the totals.
    """

    def __init__(self, interval_s: float, *, from_start: bool = False) -> None:
        self._from_start = from_start
        self._bucket_s = interval_s
        self._samples: dict[str, _Samples] = {}
        self._totals: dict[str, float] = {}
        self._before: tuple[float, Mapping[str, float]] | None = None
        self._stretch_max = -1
        self.high_bytes = 0

    @property
    def bucket_s(self) -> float:
        """Length of a stretch, in seconds."""
        return self._bucket_s

    def add(self, at_s: float, reading: Reading) -> None:
        """
        Take in *reading*.

        Args:
            at_s: Seconds since the first one; a clock that does not advance gives nothing.
            reading: Of the tree; the first one says what was used before the recording.
        """
        self.high_bytes = max(self.high_bytes, reading.high_bytes)
        before, self._before = self._before, (at_s, reading.counters)
        if before is None:
            # The first look is held for no time: it counts in the peak, not in the mean.
            self._take(reading.levels, 0.0, 0.0)
            if self._from_start:
                # Interfaces count from the machine's start, processes from their own.
                self._totals = {
                    name: amount
                    for name, amount in reading.counters.items()
                    if not name.startswith("network_")
                }
            return
        before_s, counters = before
        length_s = at_s - before_s
        if length_s <= 0:
            self._before = before
            return
        rates = {}
        for name, amount in reading.counters.items():
            if name in counters:
                # A sum can fall for a moment, between a child's end and its parent's wait.
                used = max(0.0, amount - counters[name])
                rates[name] = used / length_s
                self._totals[name] = self._totals.get(name, 0.0) + used
        self._before = (
            at_s,
            {
                name: max(amount, counters.get(name, 0.0))
                for name, amount in (dict(counters) | reading.counters).items()
            },
        )
        # Its middle: a tick that comes a little late would fall into the next stretch.
        self._take(rates | reading.levels, (before_s + at_s) / 2, length_s)

    def series(self) -> dict[str, ResourceSeries]:
        """Return what came in so far, by name."""
        return {
            name: samples.result(name, self._stretch_max + 1, self._totals.get(name))
            for name, samples in sorted(self._samples.items())
        }

    def _take(self, values: Mapping[str, float], at_s: float, length_s: float) -> None:
        index = int(at_s / self._bucket_s)
        while index >= BUCKETS_MAX:
            self._bucket_s *= 2
            self._stretch_max //= 2
            for samples in self._samples.values():
                samples.halve()
            index = int(at_s / self._bucket_s)
        self._stretch_max = max(self._stretch_max, index)
        for name, value in values.items():
            self._samples.setdefault(name, _Samples(_FINE.get(name, 1))).add(index, value, length_s)


@dataclass(slots=True)
class _Total:
    weighted: float = 0.0
    length_s: float = 0.0
    peak: float = 0.0
    least: float = math.inf


class _Samples:
    """The samples of one resource, in *fine* parts of its unit where they are integers."""

    def __init__(self, fine: int) -> None:
        self._fine = fine
        self._stretches: dict[int, _Stretch] = {}
        self._histogram = LatencyHistogram()
        self._all = _Total()

    def add(self, index: int, value: float, length_s: float) -> None:
        """Take in a sample that stands for *length_s* seconds of stretch *index*."""
        old = self._stretches.get(index, (0.0, 0.0, 0.0))
        self._stretches[index] = _joined(old, (value * length_s, length_s, value))
        self._histogram.add(round(value * self._fine))
        self._all.weighted += value * length_s
        self._all.length_s += length_s
        self._all.peak = max(self._all.peak, value)
        self._all.least = min(self._all.least, value)

    def halve(self) -> None:
        """Make one stretch of each two."""
        merged: dict[int, _Stretch] = {}
        for index, stretch in self._stretches.items():
            merged[index // 2] = _joined(merged.get(index // 2, (0.0, 0.0, 0.0)), stretch)
        self._stretches = merged

    def result(self, name: str, count: int, total: float | None) -> ResourceSeries:
        """Return the series of *count* stretches."""
        whole = self._all
        samples = self._histogram.count
        return ResourceSeries(
            name=name,
            mean=self._along(count, _mean),
            peak=self._along(count, lambda stretch: stretch[2]),
            sample_count=samples,
            sample_mean=_mean((whole.weighted, whole.length_s, whole.peak)),
            sample_p95=(
                # A cell of the histogram begins below what is in it, and what never changed has
                # no P95 below its mean.
                max(self._histogram.quantiles((_P95_PER_MILLE,))[0] / self._fine, whole.least)
                if samples >= P95_SAMPLES_MIN
                else None
            ),
            sample_peak=whole.peak,
            total=total,
        )

    def _along(self, count: int, value: Callable[[_Stretch], float]) -> tuple[float | None, ...]:
        return tuple(
            _short(value(self._stretches[index])) if index in self._stretches else None
            for index in range(count)
        )


def _joined(one: _Stretch, other: _Stretch) -> _Stretch:
    return one[0] + other[0], one[1] + other[1], max(one[2], other[2])


def _mean(stretch: _Stretch) -> float:
    weighted, length_s, peak = stretch
    # A single look: what it saw is all that is known.
    return weighted / length_s if length_s else peak


def _short(value: float) -> float:
    return float(f"{value:.{_DIGITS}g}")
