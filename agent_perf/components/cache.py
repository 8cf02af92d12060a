"""
An in-process cache: LRU with a time to live per entry, bounded by count and by bytes.

Order and lookups are cachebox's (Rust, locked inside); expiry, byte accounting and
statistics are ours. A hit costs about three times a bare cachebox lookup, and a fifth of
``cachetools.TTLCache`` behind a lock.
"""

from __future__ import annotations

import functools
import math
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine, Hashable
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final, Generic, Literal, ParamSpec, TypeVar, overload

import cachebox

from agent_perf.components.flight import Flights
from agent_perf.components.footprint import deep_bytes
from agent_perf.components.keys import call_key
from agent_perf.errors import ConfigError

P = ParamSpec("P")
V = TypeVar("V")
R = TypeVar("R")
D = TypeVar("D")


class Missing(Enum):
    """The type of MISSING."""

    MISSING = "missing"


MISSING: Final[Literal[Missing.MISSING]] = Missing.MISSING
"""A default that no cached value can be: tells a cached None from a miss."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheStats:
    """
    What a cache has done since it was made.

    Attributes:
        hits: Lookups that found a live entry, one that holds None included.
        misses: Lookups that found nothing, or an expired entry.
        evictions: Live or expired entries that made room for others.
        expired: Entries found expired and removed.
        rejected: Values not stored because one alone exceeds the byte bound.
        entry_count: Entries held now, expired ones included.
        size_bytes: What they were sized at; 0 without a byte bound.
    """

    hits: int
    misses: int
    evictions: int
    expired: int
    rejected: int
    entry_count: int
    size_bytes: int

    @property
    def hit_ratio(self) -> float:
        """Hits per lookup, 0 to 1; 0 before the first lookup."""
        lookups = self.hits + self.misses
        return self.hits / lookups if lookups else 0.0


class MemoryCache(Generic[V]):
    """
    A cache in this process, for any thread and any event loop.

    Values are handed out as they are, not copied: do not change what you get. Counts are
    exact under the GIL; on a free-threaded Python a few may be lost, entries never.

    Args:
        entries_max: Entries held at most, >= 1.
        bytes_max: Bytes held at most, >= 1; None for no such bound. Sizing every value
            costs a microsecond or more.
        ttl_s: Default time to live, > 0; None for entries that do not expire.
        size_of: Size in bytes of a key and its value; by default, of both deeply.
        clock: Monotonic seconds; ``time.monotonic`` if not given.

    Example::

        cache: MemoryCache[str] = MemoryCache(entries_max=10_000, ttl_s=300)
        cache.set("greeting", "hello"); cache.get("greeting")
    """

    def __init__(
        self,
        *,
        entries_max: int = 10_000,
        bytes_max: int | None = None,
        ttl_s: float | None = None,
        size_of: Callable[[Hashable, V], int] | None = None,
        clock: Callable[[], float] | None = None,
    ) -> None:
        if entries_max < 1 or (bytes_max is not None and bytes_max < 1):
            raise ConfigError(f"entries_max={entries_max}, bytes_max={bytes_max}; want >= 1")
        self._entries_max = entries_max
        self._bytes_max = bytes_max
        self._ttl_s = math.inf if ttl_s is None else _checked_ttl(ttl_s)
        self._size_of = size_of or deep_bytes
        self._now_s = time.monotonic if clock is None else clock
        # With a byte bound we evict ourselves, because cachebox does not tell whom it evicted.
        self._entries: cachebox.LRUCache[Hashable, tuple[V, float, int]]
        self._entries = cachebox.LRUCache(entries_max if bytes_max is None else 0)
        self._find = self._entries.get
        self._insert = self._entries.insert
        self._lock = threading.Lock()
        self._flights = Flights()
        self._size_bytes = 0
        self._hits = self._misses = self._expired = self._rejected = 0
        # Evictions are those that came, less those that left otherwise, less those here.
        self._came = self._left = 0

    @overload
    def get(self, key: Hashable) -> V | None: ...
    @overload
    def get(self, key: Hashable, default: D) -> V | D: ...
    def get(self, key: Hashable, default: D | None = None) -> V | D | None:
        """Return the live value of *key*, or *default*."""
        entry = self._find(key)
        if entry is not None:
            if entry[1] > self._now_s():
                self._hits += 1
                return entry[0]
            # A value set in this very instant may go with it: a miss, never a stale value.
            if self._remove(key):
                self._expired += 1
        self._misses += 1
        return default

    def set(self, key: Hashable, value: V, *, ttl_s: float | None = None) -> None:
        """
        Store *value*, for *ttl_s* seconds if given, > 0.

        Raises:
            ConfigError: If *ttl_s* is not positive.
        """
        ttl_s = self._ttl_s if ttl_s is None else _checked_ttl(ttl_s)
        expires_s = self._now_s() + ttl_s
        if self._bytes_max is not None:
            self._set_sized(key, value, expires_s, self._bytes_max)
        elif self._insert(key, (value, expires_s, 0)) is None:
            self._came += 1

    def delete(self, key: Hashable) -> bool:
        """Remove *key*; return whether it was there. A flight under way will not bring it back."""
        self._flights.forget(key)
        return self._remove(key)

    def clear(self) -> None:
        """Remove everything; statistics go on."""
        self._flights.forget_all()
        with self._lock:
            self._left += len(self._entries)
            self._entries.clear()
            self._size_bytes = 0

    def purge(self) -> int:
        """
        Remove all expired entries, and return how many there were.

        Nothing needs it for correctness: expired entries are never returned, and the
        bounds hold. It looks at every entry, so call it seldom, and never per request.
        """
        now_s = self._now_s()
        expired = [key for key, entry in list(self._entries.items()) if entry[1] <= now_s]
        count = sum(self._remove(key) for key in expired)
        self._expired += count
        return count

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, key: Hashable) -> bool:
        entry = self._entries.peek(key)
        return entry is not None and entry[1] > self._now_s()

    def stats(self) -> CacheStats:
        """Return what happened so far."""
        entry_count = len(self._entries)
        return CacheStats(
            hits=self._hits,
            misses=self._misses,
            evictions=max(0, self._came - self._left - entry_count),
            expired=self._expired,
            rejected=self._rejected,
            entry_count=entry_count,
            size_bytes=self._size_bytes,
        )

    async def get_or_set(
        self, key: Hashable, compute: Callable[[], Awaitable[V]], *, ttl_s: float | None = None
    ) -> V:
        """
        Return the value of *key*, awaiting ``compute()`` if there is none.

        However many callers miss at once, *compute* runs once.
        """
        value = self.get(key, MISSING)
        if value is not MISSING:
            return value
        return await self._flights.join(key, lambda: self._fill(key, compute, ttl_s))

    def cached(
        self,
        *,
        ttl_s: float | None = None,
        key: Callable[..., Hashable] | None = None,
    ) -> Callable[[Callable[P, Awaitable[R]]], Callable[P, Coroutine[Any, Any, R]]]:
        """
        Return a decorator that answers an async function's calls from this cache.

        Args:
            ttl_s: Time to live of its results, > 0; the cache's own if not given.
            key: Arguments to key; by default the arguments' values, see call_key. A
                method's *self* takes part with its attribute ``cache_key``.

        Example::

            @cache.cached(ttl_s=60)
            async def answer(question: str) -> str: ...
        """
        if ttl_s is not None:
            _checked_ttl(ttl_s)

        def decorate(
            function: Callable[P, Awaitable[R]],
        ) -> Callable[P, Coroutine[Any, Any, R]]:
            name = f"{function.__module__}.{function.__qualname__}"
            get, fly, fill = self.get, self._flights.join, self._fill

            @functools.wraps(function)
            async def answer(*args: P.args, **kwargs: P.kwargs) -> R:
                slot = (name, key(*args, **kwargs)) if key else call_key(name, args, kwargs)
                value: Any = get(slot, MISSING)
                if value is MISSING:
                    compute: Any = functools.partial(function, *args, **kwargs)
                    value = await fly(slot, lambda: fill(slot, compute, ttl_s))
                return value  # type: ignore[no-any-return]

            return answer

        return decorate

    async def _fill(
        self, key: Hashable, compute: Callable[[], Awaitable[V]], ttl_s: float | None
    ) -> V:
        value = await compute()
        # What was set or deleted meanwhile is newer than what this flight set out to find.
        if self._flights.carries(key) and key not in self:
            self.set(key, value, ttl_s=ttl_s)
        return value

    def _set_sized(self, key: Hashable, value: V, expires_s: float, bytes_max: int) -> None:
        size_bytes = self._size_of(key, value)
        with self._lock:
            if size_bytes > bytes_max:
                # What the key held until now is out of date, so it goes all the same.
                self._rejected += 1
                self._drop(key)
                return
            old = self._insert(key, (value, expires_s, size_bytes))
            if old is None:
                self._came += 1
                self._size_bytes += size_bytes
            else:
                self._size_bytes += size_bytes - old[2]
            while self._size_bytes > bytes_max or len(self._entries) > self._entries_max:
                self._size_bytes -= self._entries.popitem()[1][2]

    def _remove(self, key: Hashable) -> bool:
        with self._lock:
            return self._drop(key)

    def _drop(self, key: Hashable) -> bool:
        entry = self._entries.pop(key, None)
        if entry is None:
            return False
        self._left += 1
        self._size_bytes -= entry[2]
        return True


def _checked_ttl(ttl_s: float) -> float:
    if not ttl_s > 0:
        raise ConfigError(f"ttl_s={ttl_s}; want > 0, or None for entries that do not expire")
    return ttl_s
