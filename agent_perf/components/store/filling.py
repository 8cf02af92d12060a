"""
Values that are computed where the store has none: once, however many ask.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from agent_perf.components.cache.flight import Flights
from agent_perf.components.errors import StoreUnavailableError
from agent_perf.components.store.entries import Found, RedisEntries
from agent_perf.components.store.leases import Leases
from agent_perf.components.store.statistics import Tally

V = TypeVar("V")

_log = logging.getLogger(__name__)

# The keys stored last: a reply to a look from before them is on its way for a trip, not longer.
_STORED_MAX: Final = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Want(Generic[V]):
    """
    What a caller wants of one key.

    Attributes:
        key: Which.
        compute: Gives the value if there is none.
        ttl_ms: How long it is fresh.
        stale_ms: How long after that it may still be served.
        tags: What it is to be invalidated with.
    """

    key: str
    compute: Callable[[], Awaitable[V]]
    ttl_ms: int
    stale_ms: int
    tags: Collection[str]


class Filling(Generic[V]):
    """
    Answers from the entries, and fills in what they lack.

    Args:
        entries: Where values are.
        tally: Counts refreshes.
        leases: One computation at a time among processes, too; None: in this one only.

    Attributes:
        stores: Values computed and stored so far.

    Example::

        filling = Filling(entries, tally, None)
        value = await filling.answer(want)
    """

    def __init__(self, entries: RedisEntries[V], tally: Tally, leases: Leases[V] | None) -> None:
        self._entries = entries
        self._tally = tally
        self._leases = leases
        self._flights = Flights()
        self._refreshes = Flights()
        self.stores = 0
        self._stored: dict[str, int] = {}
        self._tasks: set[asyncio.Task[V]] = set()

    async def answer(self, want: Want[V]) -> V:
        """Return the value wanted; see RedisStore.get_or_set."""
        key = want.key
        found: Found[V] = Found(answered=False)
        if key not in self._flights:
            found = await self._look_up(want)
            if key in found.values:
                # -1: it lives for ever, so somebody else has put it there.
                if want.stale_ms and 0 <= found.left_ms[key] <= want.stale_ms:
                    self._refresh(want, found)
                return found.values[key]  # type: ignore[return-value]  # None only if V has it.
        return await self._fly(want, found)

    async def answer_miss(self, want: Want[V], since: int, *, answered: bool) -> V:
        """
        Return the value wanted, without tags, after a look for it that found nothing.

        Args:
            want: What.
            since: What *stores* was when the look began.
            answered: Whether Redis gave an answer.
        """
        key = want.key
        if key not in self._flights and self._is_overtaken(key, since):
            found = await self._entries.find((key,))
            if key in found.values:
                return found.values[key]  # type: ignore[return-value]  # None only if V has it.
        return await self._fly(want, Found(answered=answered))

    def __contains__(self, key: str) -> bool:
        """Return whether *key* is computed now."""
        return key in self._flights

    def forget(self, keys: Collection[str]) -> None:
        """Let nobody store what was computed for *keys* until now."""
        for key in keys:
            self._flights.forget(key)
            self._refreshes.forget(key)

    def forget_all(self) -> None:
        """Do the same for every key."""
        self._flights.forget_all()
        self._refreshes.forget_all()

    async def aclose(self) -> None:
        """Cancel the refreshes under way."""
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _refresh(self, want: Want[V], found: Found[V]) -> None:
        task = self._refreshes.launch(want.key, lambda: self._fill(self._refreshes, want, found))
        if task is not None:
            self._tally.refreshes += 1
            self._tasks.add(task)
            task.add_done_callback(self._note_refresh)

    def _note_refresh(self, task: asyncio.Task[V]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._tally.refresh_failures += 1
            _log.warning("a stale value could not be refreshed: %r", error)

    async def _look_up(self, want: Want[V]) -> Found[V]:
        since, ttls = self.stores, want.stale_ms > 0
        found = await self._entries.find((want.key,), want.tags, ttls=ttls)
        if want.key not in found.values and self._is_overtaken(want.key, since):
            found = await self._entries.find((want.key,), want.tags, ttls=ttls)
        return found

    def _is_overtaken(self, key: str, since: int) -> bool:
        # While a miss was on its way here, another's value was stored.
        return self.stores != since and self._stored.get(key, 0) > since

    def _note_store(self, key: str) -> None:
        self.stores += 1
        self._stored.pop(key, None)
        self._stored[key] = self.stores
        if len(self._stored) > _STORED_MAX:
            del self._stored[next(iter(self._stored))]

    async def _fly(self, want: Want[V], found: Found[V]) -> V:
        flights = self._flights
        if want.key in self._refreshes:
            # It was stale, and is gone before its successor came.
            flights = self._refreshes
        return await flights.join(want.key, lambda: self._fill(flights, want, found))

    async def _fill(self, flights: Flights, want: Want[V], found: Found[V]) -> V:
        generations: dict[str, bytes] | None = None
        if found.answered:
            # Before computing: what is invalidated meanwhile must be stored as dead.
            with suppress(StoreUnavailableError):
                generations = await self._entries.tags.ensure(want.tags, found.generations)
        if generations is None:
            return await want.compute()
        key, life_ms = want.key, want.ttl_ms + want.stale_ms
        if self._leases is not None:
            fresh = flights is self._refreshes
            return await self._leases.compute(
                key,
                want.compute,
                life_ms=life_ms,
                generations=generations,
                may_store=lambda: flights.carries(key),
                known_stale_ms=want.stale_ms if fresh else 0,
            )
        value = await want.compute()
        if flights.carries(key):
            await self._entries.write({key: value}, life_ms, generations)
            self._note_store(key)
        return value
