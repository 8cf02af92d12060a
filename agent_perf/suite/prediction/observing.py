"""
What requests take of the CPU, and how long services let them wait, while one is asked at a time.
"""

from __future__ import annotations

import asyncio
import statistics
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from agent_perf.live.calibration import SAMPLES_MIN, quantiles
from agent_perf.sim import LatencyTable, default_tables
from agent_perf.sim.cpu import REQUESTS
from agent_perf.sim.latency import constant_table
from agent_perf.units import NS

_STARTS: Final[Mapping[str, str]] = {
    "db_connects": "db.connect",
    "db_statements": "db.statement",
    "http_connects": "http.connect",
    "redis_connects": "redis.connect",
    "redis_trips": "redis.trip",
}
"""Work count to the operation that begins with it, and is a service's to answer."""

_SIZES: Final = frozenset({"bytes_received", "bytes_sent", "llm_cost_nanousd", "llm_tokens_in"})
"""Counts that say how large a piece of work was, and come right after another's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """
    One request, asked alone.

    Attributes:
        path: How it was answered.
        cpu_ns: What the process took of the CPU from the end of the request before to its own.
        counts: The work in that time, a request among it.
        spent_ns: Work count to the CPU time that led to it; in sum *cpu_ns*.
    """

    path: str
    cpu_ns: int
    counts: Mapping[str, int]
    spent_ns: Mapping[str, int]


class Watcher:
    """
    A probe of a run in real time whose requests follow each other.

    CPU time is read whenever work is counted: what was spent since the count before has led to
    this one. So it is known where in a request it is spent, which is what others wait for: a
    request's time in one piece keeps them all waiting, and in fifty pieces hardly anybody.

    What is left to the background, as events sent in batches, is counted to the request during
    which it is done. Waits are real time without CPU time: that is charged for apart.

    Args:
        cpu_ns: Reads the CPU time of the process.

    Attributes:
        requests: Those after the warm-up, in order.
        failures: Error category to how many of them ended with it.
        waits_ns: Operation to how long its service let us wait, each time.
    """

    def __init__(self, cpu_ns: Callable[[], int]) -> None:
        self.requests: list[Observed] = []
        self.failures: Counter[str] = Counter()
        self.waits_ns: dict[str, list[int]] = {}
        self._cpu_ns = cpu_ns
        self._begun_ns: dict[str, int] = {}
        self._counts: Counter[str] = Counter()
        self._spent: Counter[str] = Counter()
        self._last_ns: int | None = None

    def step(self, now_ns: int, handle: asyncio.Handle) -> None:
        """Nothing: real loops do not tell."""

    def event(self, now_ns: int, *event: object) -> None:
        """Take note of a begin, an end, a count or a span."""
        match event:
            case ("begin", int(), int()):
                if self._last_ns is None:
                    self._last_ns = self._cpu_ns()
                    self._counts.clear()
                    self._spent.clear()
            case ("end", int(number), str(path), error):
                if number >= 0 and error is not None:
                    self.failures[str(error)] += 1
                self._end(number, path)
            case (str(name), int(start_ns), int(end_ns), str()):
                self._span(name, end_ns - start_ns)
            case (str(name), int(amount), str()):
                self._count(name, amount)
                if name in _STARTS:
                    self._begun_ns[_STARTS[name]] = self._cpu_ns()

    def _count(self, name: str, amount: int) -> None:
        self._counts[name] += amount
        if self._last_ns is None or name in _SIZES:
            return
        now_ns = self._cpu_ns()
        self._spent[name] += now_ns - self._last_ns
        self._last_ns = now_ns

    def _end(self, number: int, path: str) -> None:
        if number < 0 or self._last_ns is None:
            # The warm-up's; what comes next begins anew, after a pause.
            self._last_ns = None
            return
        self._count(REQUESTS, 1)
        self.requests.append(
            Observed(
                path=path,
                cpu_ns=self._spent.total(),
                counts=dict(self._counts),
                spent_ns=dict(self._spent),
            )
        )
        self._counts.clear()
        self._spent.clear()

    def _span(self, name: str, wall_ns: int) -> None:
        begun_ns = self._begun_ns.pop(name, None)
        if begun_ns is not None:
            wait_ns = max(0, wall_ns - (self._cpu_ns() - begun_ns))
            self.waits_ns.setdefault(name, []).append(wait_ns)


def tables_from(waits_ns: Mapping[str, Sequence[int]]) -> dict[str, LatencyTable]:
    """
    Return a table of each operation that was waited for; of a rare one, its median alone.

    Args:
        waits_ns: Operation to its waits, each >= 0.
    """
    return {table.name: table for table in _tables(waits_ns)}


def _tables(waits_ns: Mapping[str, Sequence[int]]) -> Iterator[LatencyTable]:
    known = default_tables()
    for name, waits in waits_ns.items():
        if not waits or name not in known:
            continue
        if len(waits) < SAMPLES_MIN:
            yield constant_table(name, statistics.median(waits) / NS)
        else:
            grid = known[name].grid
            yield LatencyTable(name=name, grid=grid, value_ns=quantiles(waits, grid, name))
