"""
Latencies of a project's own services, as they were measured and are committed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final, Literal

from agent_perf.errors import SampleError

TABLES_FILE: Final = "latency_tables.json"
"""Beside the scenarios, whose default tables it replaces."""

_NAME: Final = re.compile(r"[a-z0-9_-]+(\.[A-Za-z0-9_-]+)+")
_U53: Final = 1 << 53
_NS_MAX: Final = 3_600 * 1_000_000_000
"""An hour: longer waits are somebody's mistake."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibratedTable:
    """
    What one operation took.

    Attributes:
        name: As simulations know it: ``redis.trip``.
        service: Kind and version of what was asked: ``Redis 7.0.15``.
        where: Whether that was this machine; which other one it was is nobody's business.
        how: What was timed, and what was taken off, in words.
        measured_at: UTC, as ``2026-11-21T16:40:00Z``.
        rate_hz: Questions a second at most, > 0.
        sample_count: Latencies behind it, >= 1. Rarer ones than one of so many are not in it:
            it ends at the largest that was seen.
        value_ns: One for each point of the file's grid, ascending, >= 0.
    """

    name: str
    service: str
    where: Literal["this machine", "another machine"]
    how: str
    measured_at: str
    rate_hz: float
    sample_count: int
    value_ns: tuple[int, ...]

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise SampleError(f"table {self.name!r}; want a name such as redis.trip")
        if self.sample_count < 1 or not 0 < self.rate_hz < float("inf"):
            raise SampleError(
                f"table {self.name!r}: sample_count = {self.sample_count}, rate_hz = "
                f"{self.rate_hz}; want both > 0"
            )
        for index, (low, high) in enumerate(pairwise(self.value_ns), 1):
            if low > high:
                raise SampleError(
                    f"table {self.name!r}: value_ns[{index}] = {high} is less than the one before "
                    f"it, {low}; want ascending values"
                )
        if not self.value_ns or not 0 <= self.value_ns[0] <= self.value_ns[-1] <= _NS_MAX:
            raise SampleError(
                f"table {self.name!r}: values from {self.value_ns[:1]} to {self.value_ns[-1:]} ns; "
                f"want them between 0 and {_NS_MAX}, an hour"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibratedTables:
    """
    All tables of a project.

    Attributes:
        agent_perf: Version that measured last.
        python: Version of Python that measured last.
        grid: Cumulative probabilities times 2**53, ascending; first 0, last 2**53.
        tables: One for each operation that was measured, by name.
    """

    agent_perf: str
    python: str
    grid: tuple[int, ...]
    tables: tuple[CalibratedTable, ...] = field(default=())

    def __post_init__(self) -> None:
        ends = (self.grid[:1], self.grid[-1:])
        if ends != ((0,), (_U53,)) or list(self.grid) != sorted(set(self.grid)):
            raise SampleError(
                f"grid from {ends[0]} to {ends[1]}; want it to ascend from 0 to 2**53"
            )
        names = [table.name for table in self.tables]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise SampleError(f"table {twice[0]!r} is there twice; keep one")
        for table in self.tables:
            if len(table.value_ns) != len(self.grid):
                raise SampleError(
                    f"table {table.name!r}: {len(table.value_ns)} values for a grid of "
                    f"{len(self.grid)} points; want one each"
                )
