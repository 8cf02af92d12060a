"""A far layer whose answers and times are told, and a simulation around a story."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable

from agent_perf.sim import SimLoop, simulate


class Far:
    """A layer elsewhere: a dict that takes a second, may be down, and counts what it is asked."""

    def __init__(self, takes_s: float = 1.0) -> None:
        self.values: dict[str, object] = {}
        self.asked: Counter[str] = Counter()
        self.takes_s = takes_s
        self.error: Exception | None = None

    async def _work(self, name: str) -> None:
        self.asked[name] += 1
        await asyncio.sleep(self.takes_s)
        if self.error:
            raise self.error

    async def get(self, key: str, default: object = None) -> object:
        await self._work("get")
        return self.values.get(key, default)

    async def set(self, key: str, value: object, *, ttl_s: float | None = None) -> None:
        await self._work("set")
        self.values[key] = value

    async def delete(self, key: str) -> None:
        await self._work("delete")
        self.values.pop(key, None)


def run(story: Callable[[SimLoop], Awaitable[object]]) -> object:
    return simulate(story)
