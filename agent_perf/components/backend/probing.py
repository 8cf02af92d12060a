"""
Health of parts: asked side by side, each within a limit, and not more often than useful.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Iterable

from agent_perf.components.backend.parts import Part
from agent_perf.components.cache.flight import Flights
from agent_perf.components.health import Health
from agent_perf.errors import ConfigError


class Prober:
    """
    Asks parts how they are; callers at the same time share one question.

    Args:
        timeout_s: Longest wait for an answer, > 0.
        ttl_s: How long an answer is good for, >= 0.
        now_s: Clock.
    """

    def __init__(self, *, timeout_s: float, ttl_s: float, now_s: Callable[[], float]) -> None:
        if not 0 < timeout_s < math.inf or not ttl_s >= 0:
            raise ConfigError(
                f"health_timeout_s={timeout_s}, health_ttl_s={ttl_s}; want finite, > 0, and >= 0"
            )
        self._timeout_s = timeout_s
        self._ttl_s = ttl_s
        self._now_s = now_s
        self._flights = Flights()
        self._known: dict[str, tuple[Health, float]] = {}

    async def ask(self, parts: Iterable[Part]) -> dict[str, Health]:
        """Return name to health of *parts*; those that cannot be asked are up."""
        parts = tuple(parts)
        answers = await asyncio.gather(*map(self._health, parts))
        return {part.name: health for part, health in zip(parts, answers, strict=True)}

    async def _health(self, part: Part) -> Health:
        if part.health is None:
            return Health(is_up=True, latency_s=0.0)
        known = self._known.get(part.name)
        # A clock that was set back must not make an answer good for ever.
        if known and 0 <= self._now_s() - known[1] < self._ttl_s:
            return known[0]
        return await self._flights.join(part.name, lambda: self._probe(part))

    async def _probe(self, part: Part) -> Health:
        assert part.health is not None
        began_s = self._now_s()
        # Waited for from outside: a probe that does not notice a cancellation holds up nobody.
        task = asyncio.create_task(_asked(part.health))
        try:
            done, _ = await asyncio.wait({task}, timeout=self._timeout_s)
            now_s = self._now_s()
            health = _answer(task) if done else f"no answer within {self._timeout_s:g} s"
            if isinstance(health, str):
                health = Health(is_up=False, latency_s=now_s - began_s, detail=health)
        finally:
            task.cancel()
        self._known[part.name] = (health, now_s)
        return health


async def _asked(health: Callable[[], Awaitable[object]]) -> object:
    # In here it may raise even before it is awaited.
    return await health()


def _answer(task: asyncio.Future[object]) -> Health | str:
    if task.cancelled():
        return "the question was cancelled from within"
    error = task.exception()
    if error is not None:
        return f"{type(error).__name__}: {error}"
    health = task.result()
    if not isinstance(health, Health):
        # Parts are others' code: a PING that says True is not what was asked for.
        return f"it answered {health!r}, which is no Health"
    return health
