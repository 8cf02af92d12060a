"""
What the study measures: five kinds of code, each with a knob for how much it does.

A call does *units* of equal work: 24 units against 20 are a planted slow-down by 20 %. What
does not depend on the units is so little that the true ratio is the planted one within a
per cent: ``python -m tools.study collect --verify`` measures it.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Callable
from itertools import count
from typing import Final

from agent_perf.components import MemoryCache

Workload = Callable[[int], object]
"""Does that many units of work: one call."""

BASE_UNITS: Final = 20
"""Units of base; 200 to 300 µs in all workloads but ``short``."""

SHORT_REPEATS: Final = 48
"""Calls of ``short`` that are timed together, as benchmark runners do with short calls."""

WORKLOADS: Final = ("messages", "graphs", "steps", "cache", "short")
"""In the order of all arrays of the study."""

TAIL_WORKLOADS: Final = ("messages", "steps", "cache")
"""
Where 8 % of slow calls move the P95: in ``graphs`` it is the garbage collector's anyway, and
calls of ``short`` are timed 48 at once, so that all of them move by 8 % instead.
"""

_TEXT: Final = "the quick brown fox jumps over the lazy dog " * 4


def build() -> dict[str, Workload]:
    """Return name to workload, each with a state of its own."""
    made: tuple[Workload, ...] = (messages, Graphs(), Steps(), Cached(), short)
    return dict(zip(WORKLOADS, made, strict=True))


def messages(units: int) -> None:
    """Encode and decode small tool calls: pure CPU."""
    for unit in range(units):
        for offset in (unit, unit + 20, unit + 40):
            call = {"id": unit, "role": "tool", "text": _TEXT[offset:][:60], "keys": [unit, 1, 2]}
            json.loads(json.dumps(call))


class Graphs:
    """Records that live for a while, and a few cycles: allocation, a collection now and then."""

    def __init__(self) -> None:
        self._recent: deque[dict[str, object]] = deque(maxlen=500)

    def __call__(self, units: int) -> None:
        """Make records, and one cycle a unit, which only the garbage collector can free."""
        for unit in range(units):
            for index in range(40):
                parts = [unit, index, str(index)]
                self._recent.append({"id": index, "role": "tool", "parts": parts})
            left, right = _Node(unit), _Node(unit)
            left.other, right.other = right, left


class _Node:
    """Half of a cycle."""

    def __init__(self, payload: int) -> None:
        self.payload = payload
        self.other: _Node | None = None


class Steps:
    """Tasks that yield to the event loop."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()

    def __call__(self, units: int) -> None:
        """Run the loop until one task after another has taken its steps."""
        self._loop.run_until_complete(self._run(units))

    async def _run(self, units: int) -> None:
        for _ in range(units):
            await self._loop.create_task(self._steps())

    async def _steps(self) -> None:
        for _ in range(5):
            await asyncio.sleep(0)


class Cached:
    """Our own MemoryCache, full: gets of keys in turn, a set for each miss."""

    def __init__(self) -> None:
        self._cache: MemoryCache[int] = MemoryCache(entries_max=200)
        self._keys = [f"user-{number * 7919 % 256}" for number in range(1_000)]
        self._next = count()

    def __call__(self, units: int) -> None:
        """Ask for 72 keys a unit, five popular ones for each other."""
        get, put, keys = self._cache.get, self._cache.set, self._keys
        for _ in range(units):
            start = next(self._next)
            for offset in range(12):
                key = keys[(start * 12 + offset) % 1_000]
                if get(key) is None:
                    put(key, offset)
                for popular in keys[:5]:
                    get(popular)


def short(units: int) -> None:
    """Mix bits for some 5 µs: too short for a clock, so it is timed in repetitions."""
    state = 1
    for _ in range(units * 4):
        state = (state * 1_103_515_245 + 12_345) & 0x7FFF_FFFF
