"""A service that takes events, or does not."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from agent_perf.components import (
    Event,
)


class Service:
    """An event service that takes *latency_s* per batch, and may fail by plan."""

    def __init__(self, latency_s: float = 0.1, plan: Callable[[int], None] | None = None) -> None:
        self.latency_s = latency_s
        self.plan = plan
        self.calls: list[tuple[float, list[str]]] = []
        self.delivered: list[str] = []

    async def __call__(self, events: Sequence[Event]) -> None:
        names = [event.name for event in events]
        self.calls.append((round(asyncio.get_running_loop().time(), 9), names))
        call = len(self.calls)
        await asyncio.sleep(self.latency_s)
        if self.plan:
            self.plan(call)
        self.delivered += names
