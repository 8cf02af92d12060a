"""
A log-linear histogram: quantiles of any number of latencies in bounded memory.

Source: the bucket layout of HdrHistogram (G. Tene), with 128 cells per power of two.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from agent_perf.records import LatencySummary

ERROR_RATIO: Final = 2.0**-8
"""Largest relative error of a quantile: half a cell of 2^-7."""

_LINEAR_BITS: Final = 7
_PER_MILLE: Final = (500, 950, 990, 999)


def cell_of(value: int) -> int:
    """Return the cell that *value* >= 0 falls into; values below 256 have their own."""
    shift = value.bit_length() - _LINEAR_BITS - 1
    return value if shift <= 0 else (shift << _LINEAR_BITS) + (value >> shift)


def middle_of(cell: int) -> int:
    """Return the value in the middle of *cell*, rounded down."""
    shift = (cell >> _LINEAR_BITS) - 1
    if shift <= 0:
        return cell
    low = (cell - (shift << _LINEAR_BITS)) << shift
    return low + (1 << shift >> 1)


def exact_summary(latency_ns: Sequence[int]) -> LatencySummary:
    """Return *latency_ns*, in any order, in a few numbers, without any error."""
    if not latency_ns:
        return LatencySummary()
    ordered = sorted(latency_ns)
    p50, p95, p99, p999 = (ordered[-(-len(ordered) * share // 1000) - 1] for share in _PER_MILLE)
    return LatencySummary(
        count=len(ordered),
        p50_ns=p50,
        p95_ns=p95,
        p99_ns=p99,
        p999_ns=p999,
        max_ns=ordered[-1],
        sum_ns=sum(ordered),
    )


class LatencyHistogram:
    """Counts of latencies in ns, each >= 0; at most some 7,000 cells, a megabyte, for any."""

    __slots__ = ("_cells", "count", "max_ns", "sum_ns")

    def __init__(self) -> None:
        self._cells: dict[int, int] = {}
        self.count = 0
        self.max_ns = 0
        self.sum_ns = 0

    def add(self, latency_ns: int) -> None:
        """Take in one latency."""
        shift = latency_ns.bit_length() - _LINEAR_BITS - 1
        # As cell_of, without the call: this runs twice per request.
        cell = latency_ns if shift <= 0 else (shift << _LINEAR_BITS) + (latency_ns >> shift)
        cells = self._cells
        cells[cell] = cells.get(cell, 0) + 1
        self.count += 1
        self.sum_ns += latency_ns
        self.max_ns = max(self.max_ns, latency_ns)

    def merge(self, other: LatencyHistogram) -> None:
        """Take in all that *other* holds."""
        for cell, count in other._cells.items():
            self._cells[cell] = self._cells.get(cell, 0) + count
        self.count += other.count
        self.sum_ns += other.sum_ns
        self.max_ns = max(self.max_ns, other.max_ns)

    def quantiles(self, per_mille: tuple[int, ...]) -> tuple[int, ...]:
        """
        Return the quantiles at *per_mille* (ascending, 1 to 1000): nearest ranks, in ns.

        Each is within ERROR_RATIO of the latency at that rank; 0 without any latency.
        """
        cells = sorted(self._cells.items())
        found, seen, index = [], 0, -1
        for share in per_mille:
            rank = -(-self.count * share // 1000)
            while seen < rank:
                index += 1
                seen += cells[index][1]
            found.append(min(middle_of(cells[index][0]), self.max_ns) if cells else 0)
        return tuple(found)

    def summary(self) -> LatencySummary:
        """Return the latencies in a few numbers."""
        if not self.count:
            return LatencySummary()
        p50, p95, p99, p999 = self.quantiles(_PER_MILLE)
        return LatencySummary(
            count=self.count,
            p50_ns=p50,
            p95_ns=p95,
            p99_ns=p99,
            p999_ns=p999,
            max_ns=self.max_ns,
            sum_ns=self.sum_ns,
            error_ratio=ERROR_RATIO,
        )
