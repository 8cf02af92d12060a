"""
Reading through a cache: what is not there is computed, once; what is stale, in the background.
"""

from __future__ import annotations

import functools
import logging
import math
from asyncio import Task, gather, get_running_loop
from collections.abc import Awaitable, Callable, Coroutine, Hashable
from typing import Any, Generic, ParamSpec, TypeVar

from agent_perf.components.cache.entries import (
    Entries,
    Get,
    Put,
    Tally,
    checked_stale,
    checked_ttl,
)
from agent_perf.components.cache.flight import Flights
from agent_perf.components.cache.keys import call_key
from agent_perf.components.cache.stats import MISSING

P = ParamSpec("P")
V = TypeVar("V")
R = TypeVar("R")

logger = logging.getLogger(__name__)


class Reading(Generic[V]):
    """
    The flights of a cache.

    Args:
        entries: Where values are looked for.
        put: What stores them.
        tally: Where to count.
        now_s: Clock in seconds.
        counts_lookups: Whether hits and misses are counted.
    """

    def __init__(
        self,
        entries: Entries[V],
        put: Put[V],
        tally: Tally,
        now_s: Callable[[], float],
        *,
        counts_lookups: bool,
    ) -> None:
        self._entries = entries
        self._put = put
        self._tally = tally
        self._now_s = now_s
        self._counts_lookups = counts_lookups
        self._flights = Flights()
        self._refreshes: set[Task[Any]] = set()
        self.forget = self._flights.forget
        self.forget_all = self._flights.forget_all

    async def miss(
        self,
        key: Hashable,
        compute: Callable[[], Awaitable[V]],
        ttl_s: float | None,
        stale_s: float,
    ) -> V:
        """Return the value of *key*, which a lookup has just missed: stale, or computed."""

        def fill() -> Coroutine[Any, Any, V]:
            return self._fill(key, compute, ttl_s, stale_s)

        entry = self._entries.look(key) if stale_s else None
        if entry is None or not self._is_usable(entry, stale_s):
            return await self._flights.join(key, fill)
        self._tally.stale += 1
        if self._counts_lookups:
            # The lookup took it for a miss.
            self._tally.hits += 1
            self._tally.misses -= 1
        task = self._flights.launch(key, fill)
        if task is not None:
            self._tally.refreshes += 1
            self._refreshes.add(task)
            task.add_done_callback(functools.partial(self._refreshed, key))
        return entry[0]

    def left_s(self, key: Hashable) -> float | None:
        """Return how long *key* still lives, inf for ever; None if it does not."""
        entry = self._entries.look(key)
        if entry is None:
            return None
        left_s = math.inf if entry[1] is None else entry[1] - self._now_s()
        return left_s if left_s > 0 else None

    def decorator(
        self,
        get: Get[Any],
        ttl_s: float | None,
        stale_s: float,
        key: Callable[..., Hashable] | None,
    ) -> Callable[[Callable[P, Awaitable[R]]], Callable[P, Coroutine[Any, Any, R]]]:
        """Return a decorator that answers calls by *get* and computes what it misses."""
        if ttl_s is not None:
            checked_ttl(ttl_s)
        checked_stale(stale_s)

        def decorate(
            function: Callable[P, Awaitable[R]],
        ) -> Callable[P, Coroutine[Any, Any, R]]:
            name = f"{function.__module__}.{function.__qualname__}"
            miss = self.miss

            @functools.wraps(function)
            async def answer(*args: P.args, **kwargs: P.kwargs) -> R:
                slot = (name, key(*args, **kwargs)) if key else call_key(name, args, kwargs)
                value: Any = get(slot, MISSING)
                if value is MISSING:
                    compute: Any = functools.partial(function, *args, **kwargs)
                    value = await miss(slot, compute, ttl_s, stale_s)
                return value  # type: ignore[no-any-return]

            return answer

        return decorate

    async def aclose(self) -> None:
        """End the refreshes of the running loop."""
        loop = get_running_loop()
        mine = [task for task in self._refreshes if task.get_loop() is loop]
        for task in mine:
            task.cancel()
        await gather(*mine, return_exceptions=True)

    def _is_usable(self, entry: tuple[V, float | None, float | None], stale_s: float) -> bool:
        _, expires_s, dead_s = entry
        if expires_s is None or dead_s is None:
            return True
        return min(dead_s, expires_s + stale_s) > self._now_s()

    async def _fill(
        self,
        key: Hashable,
        compute: Callable[[], Awaitable[V]],
        ttl_s: float | None,
        stale_s: float,
    ) -> V:
        value = await compute()
        # What was set or deleted meanwhile is newer than what this flight set out to find.
        if self._flights.carries(key) and self.left_s(key) is None:
            self._put(key, value, ttl_s=ttl_s, stale_s=stale_s)
        return value

    def _refreshed(self, key: Hashable, task: Task[Any]) -> None:
        self._refreshes.discard(task)
        if task.cancelled():
            return
        error = task.exception()
        if error is not None:
            self._tally.refresh_failures += 1
            logger.warning("cache: refreshing %r failed; it stays stale", key, exc_info=error)
