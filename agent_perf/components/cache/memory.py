"""
An in-process cache with a time to live per entry, bounded by count and by bytes.

Who goes when it is full is a policy's business: the least recently used (see lru.py), or
whoever is asked for least (see frequency.py). Expiry, bounds and statistics are the same.
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Awaitable, Callable, Coroutine, Hashable
from typing import Any, Final, Generic, Literal, ParamSpec, TypeVar, overload

from agent_perf.components.cache.entries import Bounds, Entries, Tally
from agent_perf.components.cache.footprint import deep_bytes
from agent_perf.components.cache.frequency import FrequencyEntries
from agent_perf.components.cache.lru import LruEntries
from agent_perf.components.cache.reading import Reading
from agent_perf.components.cache.stats import MISSING, CacheStats
from agent_perf.errors import ConfigError

P = ParamSpec("P")
V = TypeVar("V")
R = TypeVar("R")
D = TypeVar("D")

_POLICIES: Final = ("lru", "tiny_lfu")


class MemoryCache(Generic[V]):
    """
    A cache in this process, for any thread and any event loop.

    Values are handed out as they are, not copied: do not change what you get. Counts are
    exact under the GIL; on a free-threaded Python a few may be lost, entries never. Values'
    finalisers may use the cache; the ``__eq__`` of keys may not.

    Args:
        entries_max: Entries held at most, >= 1.
        bytes_max: Bytes held at most, >= 1; None for no such bound. Sizing every value
            costs a microsecond or more.
        ttl_s: Default time to live, > 0; None for entries that do not expire.
        policy: ``lru``: the least recently used goes first. ``tiny_lfu``: those asked for
            most often stay; more hits where a few keys are popular or scans pass through.
        statistics: False to spare the counting of lookups: hits and misses stay 0.
        jitter_ratio: Share of its time to live by which an entry may die early, 0 to
            under 1, drawn for each: what came together does not expire together.
        size_of: Size in bytes of a key and its value; by default, of both deeply.
        clock: Monotonic seconds; ``time.monotonic`` if not given.
        draw: Uniform draws from 0 to 1, for the jitter; ``random.random`` if not given.

    Raises:
        ConfigError: If an argument is out of its range.

    Example::

        cache: MemoryCache[str] = MemoryCache(entries_max=10_000, ttl_s=300)
        cache.set("greeting", "hello"); cache.get("greeting")
    """

    def __init__(  # noqa: PLR0913 (all optional, and named where they are given)
        self,
        *,
        entries_max: int = 10_000,
        bytes_max: int | None = None,
        ttl_s: float | None = None,
        policy: Literal["lru", "tiny_lfu"] = "lru",
        statistics: bool = True,
        jitter_ratio: float = 0.0,
        size_of: Callable[[Hashable, V], int] | None = None,
        clock: Callable[[], float] | None = None,
        draw: Callable[[], float] | None = None,
    ) -> None:
        if policy not in _POLICIES:
            raise ConfigError(f"policy={policy!r}; want one of {', '.join(_POLICIES)}")
        if not 0 <= jitter_ratio < 1:
            raise ConfigError(f"jitter_ratio={jitter_ratio}; want >= 0 and < 1")
        bounds = Bounds(
            entries_max=entries_max,
            bytes_max=bytes_max,
            ttl_s=ttl_s,
            size_of=size_of or deep_bytes,
            now_s=clock or time.monotonic,
        )
        self._now_s = bounds.now_s
        self._ttl_s = ttl_s
        self._jitter_ratio = jitter_ratio
        self._draw = draw or random.random
        self._tally = Tally(entries_max)
        make = LruEntries[V] if policy == "lru" else FrequencyEntries[V]
        self._entries: Entries[V] = make(bounds, self._tally, counts_lookups=statistics)
        self._reading: Reading[V] = Reading(
            self._entries, self.set, self._tally, self._now_s, counts_lookups=statistics
        )
        self._shorten_ways()

    @overload
    def get(self, key: Hashable) -> V | None: ...
    @overload
    def get(self, key: Hashable, default: D) -> V | D: ...
    def get(self, key: Hashable, default: D | None = None) -> V | D | None:
        """Return the live value of *key*, or *default*."""
        return self._entries.get(key, default)

    def set(
        self, key: Hashable, value: V, ttl_s: float | None = None, stale_s: float = 0.0
    ) -> None:
        """
        Store *value*, for *ttl_s* seconds if given, > 0.

        For *stale_s* seconds more, >= 0, get_or_set and cached may serve it stale; for get
        it is gone.

        Raises:
            ConfigError: If *ttl_s* or *stale_s* is out of its range.
        """
        ttl_s = self._ttl_s if ttl_s is None else ttl_s
        if ttl_s is not None:
            ttl_s *= 1 - self._jitter_ratio * self._draw()
        self._entries.put(key, value, ttl_s=ttl_s, stale_s=stale_s)

    def delete(self, key: Hashable) -> bool:
        """Remove *key*; return whether it was there. A flight under way will not bring it back."""
        self._reading.forget(key)
        return self._entries.remove(key)

    def clear(self) -> None:
        """Remove everything; statistics go on."""
        self._reading.forget_all()
        self._entries.clear()

    def purge(self) -> int:
        """
        Remove all expired entries, and return how many there were.

        Nothing needs it for correctness: expired entries are never returned, and the
        bounds hold. It looks at every entry, so call it seldom, and never per request.
        """
        return self._entries.purge(self._now_s())

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, key: Hashable) -> bool:
        return self._reading.left_s(key) is not None

    def find(self, key: Hashable) -> tuple[V, float | None] | None:
        """Return the live value of *key* and the seconds it has left, None for ever; or None."""
        value = self.get(key, MISSING)
        left_s = self._reading.left_s(key)
        if value is MISSING or left_s is None:
            return None
        return value, None if left_s == math.inf else left_s

    def stats(self) -> CacheStats:
        """Return what happened so far."""
        tally = self._tally
        return CacheStats(
            hits=tally.hits,
            misses=tally.misses,
            stale=tally.stale,
            refreshes=tally.refreshes,
            refresh_failures=tally.refresh_failures,
            evictions=tally.evictions,
            expired=tally.expired,
            rejected=tally.rejected,
            entry_count=len(self._entries),
            size_bytes=tally.size_bytes,
        )

    async def get_or_set(
        self,
        key: Hashable,
        compute: Callable[[], Awaitable[V]],
        *,
        ttl_s: float | None = None,
        stale_s: float = 0.0,
    ) -> V:
        """
        Return the value of *key*, awaiting ``compute()`` if there is none.

        However many callers miss at once, *compute* runs once. With *stale_s*, an entry that
        expired less than that ago is returned at once and computed anew in the
        background; if that fails, it is logged and counted, and the entry stays.
        """
        value = self.get(key, MISSING)
        if value is not MISSING:
            return value
        return await self._reading.miss(key, compute, ttl_s, stale_s)

    def cached(
        self,
        *,
        ttl_s: float | None = None,
        stale_s: float = 0.0,
        key: Callable[..., Hashable] | None = None,
    ) -> Callable[[Callable[P, Awaitable[R]]], Callable[P, Coroutine[Any, Any, R]]]:
        """
        Return a decorator that answers an async function's calls from this cache.

        Args:
            ttl_s: Time to live of its results, > 0; the cache's own if not given.
            stale_s: As in get_or_set.
            key: Arguments to key; by default the arguments' values, see call_key. A
                method's *self* takes part with its attribute ``cache_key``. Functions of one
                module and name, such as those that another function makes, share their
                entries: tell them apart here.

        Example::

            @cache.cached(ttl_s=60)
            async def answer(question: str) -> str: ...
        """
        return self._reading.decorator(self.get, ttl_s, stale_s, key)

    async def aclose(self) -> None:
        """End the refreshes that this event loop runs in the background; entries stay."""
        await self._reading.aclose()

    def _shorten_ways(self) -> None:
        # A method that only calls another costs half as much as the lookup itself. Who
        # derives a class and overrides one of them gets what they wrote.
        if type(self).get is MemoryCache.get:
            self.get = self._entries.get  # type: ignore[method-assign, assignment]  # see above
        if type(self).set is MemoryCache.set and not self._jitter_ratio:
            self.set = self._entries.put  # type: ignore[method-assign]  # see above
