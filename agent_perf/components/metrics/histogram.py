"""
A log-linear histogram: quantiles of any number of values in bounded memory.

The cells are HdrHistogram's (G. Tene), 128 to a power of two. They need no arithmetic: the
upper bits of a float are its cell. Values are gathered and counted 512 at a time, for the
machine counts a block of floats faster than Python counts one.
"""

from __future__ import annotations

import math
import threading
from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache
from itertools import accumulate, compress
from struct import Struct
from types import MappingProxyType
from typing import Final

from agent_perf.errors import ConfigError

ERROR_RATIO: Final = 2.0**-8
"""Largest relative error of a quantile, for values from SMALLEST on: half a cell."""

SMALLEST: Final = 2.0**-30
"""Values below it, 0.9 ns, share one cell with 0."""

LARGEST: Final = 2.0**60
"""Values above it are rejected; as bytes it is an exabyte."""

LATENCY_BOUNDS_S: Final = (
    *(0.001, 0.002, 0.005, 0.010, 0.020, 0.050, 0.100, 0.150, 0.200),
    *(0.500, 1.0, 2.0, 5.0, 10.0, 30.0),
)
"""Bounds for latencies: a decade in three steps, and the limits that are usually promised."""

# Of a float's 52 bits of fraction 7 choose the cell.
_SHIFT: Final = 45
_CHUNK: Final = 512
_FLOAT: Final = Struct("=d")
_BITS: Final = Struct("=q")


class Histogram:
    """
    Counts values >= 0, such as seconds, bytes or dollars; for any thread.

    At most some 12,000 cells, of which latencies of one service use a few hundred. No value is
    lost under the GIL. One that is not between 0 and LARGEST, as a clock that was set back
    gives, is left out and counted as rejected: a metric must not make a request fail.

    Args:
        bounds: Limits at which `HistogramSnapshot.cumulative` counts exactly; ascending, > 0,
            each at least 1 % above the one before.

    Example::

        latency = Histogram()
        latency.observe(0.012)
        latency.snapshot().quantile(0.95)  # None: of fewer than 20 values there is no P95
    """

    __slots__ = (
        "_below",
        "_bounds",
        "_buffer",
        "_cells",
        "_count",
        "_kept",
        "_lock",
        "_max",
        "_rejected",
        "_split",
        "_sum",
    )

    def __init__(self, *, bounds: Iterable[float] = ()) -> None:
        self._bounds = _checked(tuple(map(float, bounds)))
        # A bound cuts through a cell; what lies below is counted beside the cells.
        self._split = {_cell(bound): bound for bound in self._bounds}
        self._below: dict[int, int] = dict.fromkeys(self._split, 0)
        self._buffer: list[float] = []
        self._cells: Counter[int] = Counter()
        self._lock = threading.Lock()
        self._count = self._rejected = 0
        self._sum = self._max = 0.0
        self._kept = HistogramSnapshot(bounds=self._bounds, below=self._below.copy())

    @property
    def bounds(self) -> tuple[float, ...]:
        """The limits at which it counts exactly."""
        return self._bounds

    def observe(self, value: float) -> None:
        """Take in one value, 0 to LARGEST."""
        if SMALLEST <= value <= LARGEST:
            buffer = self._buffer
            buffer.append(value)
            # Whoever counts already will find the rest: waiting would hold up a request.
            if len(buffer) >= _CHUNK and self._lock.acquire(blocking=False):
                try:
                    self._count_buffer()
                finally:
                    self._lock.release()
        else:
            self._observe_odd(value)

    def merge(self, other: Histogram | HistogramSnapshot) -> None:
        """
        Take in all that *other* holds.

        Raises:
            ConfigError: If it was made with other bounds.
        """
        taken = other.snapshot() if isinstance(other, Histogram) else other
        if taken.bounds != self._bounds:
            raise ConfigError(
                f"bounds {taken.bounds} cannot be merged into {self._bounds}; make both alike"
            )
        with self._lock:
            self._cells.update(dict(zip(taken.cells, taken.counts, strict=True)))
            for cell, count in taken.below.items():
                self._below[cell] += count
            self._count += taken.count
            self._rejected += taken.rejected
            self._sum += taken.sum
            self._max = max(self._max, taken.max)

    def snapshot(self) -> HistogramSnapshot:
        """Return all that it holds now."""
        with self._lock:
            self._count_buffer()
            kept = self._kept
            # Nothing came since the last one, as in most series of most scrapes.
            if (kept.count, kept.rejected) == (self._count, self._rejected):
                return kept
            cells = tuple(sorted(self._cells))
            self._kept = kept = HistogramSnapshot(
                count=self._count,
                sum=self._sum,
                max=self._max,
                rejected=self._rejected,
                cells=cells,
                counts=tuple(map(self._cells.__getitem__, cells)),
                bounds=self._bounds,
                below=MappingProxyType(dict(self._below)),
            )
            return kept

    def quantile(self, q: float) -> float | None:
        """Return the *q*-quantile of all values so far; see `HistogramSnapshot.quantile`."""
        return self.snapshot().quantile(q)

    def _observe_odd(self, value: float) -> None:
        with self._lock:
            if 0.0 <= value < SMALLEST:
                self._cells[_CELL_OF_LEAST] += 1
                self._count += 1
                self._sum += value
                self._max = max(self._max, abs(value))
            else:
                self._rejected += 1

    def _count_buffer(self) -> None:
        """Move what was gathered into the cells; the lock is held."""
        buffer = self._buffer
        # What others append meanwhile stays: the buffer is never exchanged.
        chunk = array("d", buffer)
        size = len(chunk)
        if not size:
            return
        del buffer[:size]
        self._count += size
        self._sum += sum(chunk)
        self._max = max(self._max, *chunk)
        cells = [bits >> _SHIFT for bits in memoryview(chunk).cast("B").cast("q")]
        self._cells.update(cells)
        if self._split:
            split, below = self._split, self._below
            for value in compress(chunk, map(split.__contains__, cells)):
                cell = _cell(value)
                below[cell] += value <= split[cell]


@dataclass(frozen=True, slots=True, kw_only=True)
class HistogramSnapshot:
    """
    What a histogram held at one moment.

    Attributes:
        count: Values taken in.
        sum: Their sum.
        max: The largest, exactly; 0 without any.
        rejected: Values that were NaN, below 0 or above LARGEST; in none of the others.
        cells: Cells that have values, ascending.
        counts: How many values fell into each of them.
        bounds: Limits at which counts are exact, ascending.
        below: Cell with a bound in it to how many of its values are not above that.
    """

    count: int = 0
    sum: float = 0.0
    max: float = 0.0
    rejected: int = 0
    cells: tuple[int, ...] = ()
    counts: tuple[int, ...] = ()
    bounds: tuple[float, ...] = ()
    below: Mapping[int, int] = field(default_factory=dict)

    @property
    def mean(self) -> float | None:
        """Sum per value; None without any."""
        return self.sum / self.count if self.count else None

    def quantile(self, q: float) -> float | None:
        """
        Return the value at the nearest rank of *q*, within ERROR_RATIO of the true one.

        None if that rank is the last one, as for a P95 of fewer than 20 values or a P99 of
        fewer than 100: it would be the maximum under another name. For ``q=1`` it is the
        maximum, exactly.

        Args:
            q: 0 < q <= 1; taken as the decimal that it is written as.

        Raises:
            ConfigError: If *q* is out of range.

        Source: nearest rank, Hyndman & Fan, *Sample Quantiles in Statistical Packages*
        (1996), definition 1.
        """
        return self.quantiles(q)[0]

    def quantiles(self, *shares: float) -> tuple[float | None, ...]:
        """Return the quantile of each of *shares*, as quantile; together they cost as one."""
        sums = list(accumulate(self.counts))
        return tuple(self._at(q, sums) for q in shares)

    def _at(self, q: float, sums: Sequence[int]) -> float | None:
        share = _share(q)
        rank = -(-share.numerator * self.count // share.denominator)
        if not self.count or (rank == self.count and q < 1):
            return None
        if rank == self.count:
            return self.max
        return min(_middle(self.cells[bisect_left(sums, rank)]), self.max)

    def cumulative(self) -> tuple[tuple[float, int], ...]:
        """Return each bound and how many values are not above it, and last infinity."""
        sums = [0, *accumulate(self.counts)]
        counts = []
        for bound in self.bounds:
            cell = _cell(bound)
            counts.append((bound, sums[bisect_left(self.cells, cell)] + self.below[cell]))
        return (*counts, (math.inf, self.count))


def _cell(value: float) -> int:
    bits: int = _BITS.unpack(_FLOAT.pack(value))[0]
    return bits >> _SHIFT


def _middle(cell: int) -> float:
    if cell == _CELL_OF_LEAST:
        return 0.0
    value: float = _FLOAT.unpack(_BITS.pack((cell << _SHIFT) + (1 << _SHIFT >> 1)))[0]
    return value


_CELL_OF_LEAST: Final = _cell(0.0)


@lru_cache(maxsize=64)
def _share(q: float) -> Fraction:
    # As a float 0.07 is a hair more than 7/100, and its rank among 100 would be the 8th.
    if not 0 < q <= 1:
        raise ConfigError(f"q={q}; want 0 < q <= 1, such as 0.95")
    return Fraction(repr(float(q)))


def _checked(bounds: Sequence[float]) -> tuple[float, ...]:
    for below, bound in zip((0.0, *bounds), bounds, strict=False):
        if not (SMALLEST < bound < LARGEST and bound >= below * 1.01):
            raise ConfigError(
                f"bounds={list(bounds)}: {bound} after {below}; want them ascending by 1 % or "
                f"more, > {SMALLEST:g} and < {LARGEST:g}"
            )
    return tuple(bounds)
