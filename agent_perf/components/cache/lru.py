"""
Entries of which the least recently used goes first: cachebox's order, our bounds.

cachebox drops an evicted value while it holds its lock; a value whose ``__del__`` uses the
cache would wait for itself for ever. So nothing is dropped in there: we take entries out.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from typing import Final, Generic, TypeAlias, TypeVar

import cachebox

from agent_perf.components.cache.entries import (
    Bounds,
    Get,
    Put,
    Tally,
    bad_ttl,
    checked_stale,
    checked_ttl,
)

V = TypeVar("V")
D = TypeVar("D")

# Value, when it expires, until when it may be served stale, size in bytes. A time of None
# is never, and spares the look at the clock.
_Entry: TypeAlias = tuple[V, float | None, float | None, int]
_Order: TypeAlias = "cachebox.LRUCache[Hashable, _Entry[V]]"


class LruEntries(Generic[V]):
    """
    Entries by recency of use: see Entries.

    Args:
        bounds: What to hold, and how long.
        tally: Where to count.
        counts_lookups: Whether hits and misses are counted.
    """

    def __init__(self, bounds: Bounds[V], tally: Tally, *, counts_lookups: bool) -> None:
        # 0 is without a bound.
        self._order: _Order[V] = cachebox.LRUCache(0)
        self._tally = tally
        self._now_s: Final = bounds.now_s
        # A finaliser may use the cache while we hold the lock.
        self._lock = threading.RLock()
        make = _counting_get if counts_lookups else _plain_get
        self.get: Get[V] = make(self._order, self._expire, tally, bounds.now_s)
        self.put: Put[V] = (
            _unsized_put(self._order, tally, bounds)
            if bounds.bytes_max is None
            else _sized_put(self._order, tally, bounds, bounds.bytes_max, self._lock)
        )

    def look(self, key: Hashable) -> tuple[V, float | None, float | None] | None:
        """Return value, expiry and end of staleness of *key*, without counting it as a use."""
        entry = self._order.peek(key)
        return None if entry is None else entry[:3]

    def remove(self, key: Hashable) -> bool:
        """Remove *key*; return whether it was there."""
        with self._lock:
            entry = self._order.pop(key, None)
            if entry is None:
                return False
            self._tally.room += 1
            self._tally.size_bytes -= entry[3]
            return True

    def clear(self) -> None:
        """Remove everything."""
        for _ in range(len(self._order)):
            with self._lock:
                try:
                    entry = self._order.popitem()[1]
                except KeyError:
                    return
                self._tally.room += 1
                self._tally.size_bytes -= entry[3]

    def purge(self, now_s: float) -> int:
        """Remove what is neither live nor stale; return how many."""
        held = list(self._order.items())
        dead = [key for key, entry in held if entry[2] is not None and entry[2] <= now_s]
        count = sum(self.remove(key) for key in dead)
        self._tally.expired += count
        return count

    def __len__(self) -> int:
        return len(self._order)

    def _expire(self, key: Hashable, dead_s: float | None) -> None:
        # A value set in this very instant may go with it: a miss, never a stale value.
        if dead_s is not None and dead_s <= self._now_s() and self.remove(key):
            self._tally.expired += 1


def _counting_get(
    order: _Order[V],
    expire: Callable[[Hashable, float | None], None],
    tally: Tally,
    now_s: Callable[[], float],
) -> Get[V]:
    find = order.get

    def get(key: Hashable, default: D = None) -> V | D:  # type: ignore[assignment]  # D is None then
        entry = find(key)
        if entry is not None:
            value, expires_s, dead_s, _ = entry
            if expires_s is None or expires_s > now_s():
                tally.hits += 1
                return value
            expire(key, dead_s)
        tally.misses += 1
        return default

    return get


def _plain_get(
    order: _Order[V],
    expire: Callable[[Hashable, float | None], None],
    tally: Tally,
    now_s: Callable[[], float],
) -> Get[V]:
    del tally
    find = order.get

    def get(key: Hashable, default: D = None) -> V | D:  # type: ignore[assignment]  # D is None then
        entry = find(key)
        if entry is not None:
            value, expires_s, dead_s, _ = entry
            if expires_s is None or expires_s > now_s():
                return value
            expire(key, dead_s)
        return default

    return get


def _unsized_put(order: _Order[V], tally: Tally, bounds: Bounds[V]) -> Put[V]:
    insert, evict, now_s, own_ttl_s = order.insert, order.popitem, bounds.now_s, bounds.ttl_s

    def put(key: Hashable, value: V, ttl_s: float | None = None, stale_s: float = 0.0) -> None:
        if ttl_s is None:
            ttl_s = own_ttl_s
        if ttl_s is None:
            expires_s = dead_s = None
        elif ttl_s > 0:
            expires_s = dead_s = now_s() + ttl_s
        else:
            raise bad_ttl(ttl_s)
        if stale_s and expires_s is not None:
            dead_s = expires_s + checked_stale(stale_s)
        if insert(key, (value, expires_s, dead_s, 0)) is None:
            if tally.room:
                tally.room -= 1
                return
            try:
                evict()
                tally.evictions += 1
            except KeyError:
                # Another thread has cleared the cache since, our entry with it.
                tally.room -= 1

    return put


def _sized_put(
    order: _Order[V], tally: Tally, bounds: Bounds[V], bytes_max: int, lock: threading.RLock
) -> Put[V]:
    size_of, now_s, own_ttl_s = bounds.size_of, bounds.now_s, bounds.ttl_s
    insert, pop, evict = order.insert, order.pop, order.popitem

    def put(key: Hashable, value: V, ttl_s: float | None = None, stale_s: float = 0.0) -> None:
        ttl_s = own_ttl_s if ttl_s is None else checked_ttl(ttl_s)
        expires_s = dead_s = None if ttl_s is None else now_s() + ttl_s
        if stale_s and expires_s is not None:
            dead_s = expires_s + checked_stale(stale_s)
        size_bytes = size_of(key, value)
        with lock:
            if size_bytes > bytes_max:
                # What the key held until now is out of date, so it goes all the same.
                old = pop(key, None)
                tally.rejected += 1
            else:
                old = insert(key, (value, expires_s, dead_s, size_bytes))
                tally.size_bytes += size_bytes
                tally.room -= 1
            if old is not None:
                tally.size_bytes -= old[3]
                tally.room += 1
            while tally.size_bytes > bytes_max or tally.room < 0:
                old = evict()[1]
                tally.size_bytes -= old[3]
                tally.room += 1
                tally.evictions += 1

    return put
