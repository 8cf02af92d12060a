"""
Entries of which those asked for most often stay: S3-FIFO.

A newcomer waits in a small queue, a tenth of the cache. Whoever is not asked for again there
leaves, and only a hash is remembered; who comes back while it is remembered goes straight to the
main queue. There an entry lives through as many rounds as it was asked for in the last one, three
at most. So a scan of keys that nobody wants twice passes through the small queue, and the rest
of the cache stays as it is.

A hit adds one to a small number: no lock, no order to keep. Evictions come in batches, for
the lock and the call are dearer than the eviction.

Source: Yang et al., *FIFO queues are all you need for cache eviction*, SOSP 2023, section 4.
Of TinyLFU (Einziger et al., 2017) it keeps the idea, admission by frequency with a
doorkeeper. Measured against it: more hits with skewed keys, keys that change and scans, and
fewer only when keys come round in a loop; see docs/components/cache.md.
"""

from __future__ import annotations

import logging
import math
import threading
from collections import deque
from collections.abc import Callable, Hashable
from typing import Any, Final, Generic, TypeAlias, TypeVar

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

logger = logging.getLogger(__name__)

# Value, when it expires, until when it may be served stale, size in bytes, key, uses. Lists,
# because uses change with every hit; mypy knows no lists of different things.
_Node: TypeAlias = list[Any]
_SIZE: Final = 3
_KEY: Final = 4
_USES: Final = 5

_USES_MAX: Final = 3
_GONE: Final = -1
_SMALL_SHARE: Final = 10
# Room is made for a 64th of the cache at once: a call each would double the cost of a set.
_BATCH_SHARE: Final = 64
# Entries that one batch may let off: what one call may cost is bounded.
_PATIENCE: Final = 1024


class FrequencyEntries(Generic[V]):
    """
    Entries by frequency of use: see Entries.

    Args:
        bounds: What to hold, and how long.
        tally: Where to count.
        counts_lookups: Whether hits and misses are counted.
    """

    def __init__(self, bounds: Bounds[V], tally: Tally, *, counts_lookups: bool) -> None:
        self._nodes: dict[Hashable, _Node] = {}
        self._tally = tally
        self._now_s: Final = bounds.now_s
        self._entries_max = bounds.entries_max
        self._bytes_max = bounds.bytes_max
        self._small: deque[_Node] = deque()
        self._main: deque[_Node] = deque()
        # Hashes of those who left the small queue: this and the last generation, each of
        # half as many as there are entries.
        self._remembered: set[int] = set()
        self._remembered_before: set[int] = set()
        self._gone_count = 0
        # A finaliser may use the cache while we hold the lock.
        self._lock = threading.RLock()
        make = _counting_get if counts_lookups else _plain_get
        self.get: Get[V] = make(self._nodes, self._expire, tally, bounds.now_s)
        self.put: Put[V] = (
            self._unsized_put(bounds)
            if bounds.bytes_max is None
            else self._sized_put(bounds, bounds.bytes_max)
        )

    def look(self, key: Hashable) -> tuple[V, float | None, float | None] | None:
        """Return value, expiry and end of staleness of *key*, without counting it as a use."""
        node = self._nodes.get(key)
        return None if node is None else (node[0], node[1], node[2])

    def remove(self, key: Hashable) -> bool:
        """Remove *key*; return whether it was there."""
        with self._lock:
            node = self._nodes.pop(key, None)
            if node is None:
                return False
            node[_USES] = _GONE
            # The value goes now, though the node still waits in its queue.
            node[0] = None
            self._tally.size_bytes -= node[_SIZE]
            self._gone_count += 1
            if self._gone_count > max(64, len(self._nodes)):
                self._sweep()
            return True

    def clear(self) -> None:
        """Remove everything, and what is remembered."""
        with self._lock:
            try:
                for key in list(self._nodes):
                    self.remove(key)
            except Exception:  # noqa: BLE001 (a key that cannot be looked up: see _evict)
                self._nodes.clear()
                self._small.clear()
                self._main.clear()
                self._tally.size_bytes = 0
            self._remembered, self._remembered_before = set(), set()

    def purge(self, now_s: float) -> int:
        """Remove what is neither live nor stale; return how many."""
        held = list(self._nodes.items())
        dead = [key for key, node in held if node[2] is not None and node[2] <= now_s]
        count = sum(self.remove(key) for key in dead)
        self._tally.expired += count
        return count

    def __len__(self) -> int:
        return len(self._nodes)

    def _expire(self, key: Hashable, dead_s: float | None) -> None:
        # A value set in this very instant may go with it: a miss, never a stale value.
        if dead_s is not None and dead_s <= self._now_s() and self.remove(key):
            self._tally.expired += 1

    def _unsized_put(self, bounds: Bounds[V]) -> Put[V]:
        now_s, own_ttl_s, tally = bounds.now_s, bounds.ttl_s, self._tally
        claim, wait, promote = self._nodes.setdefault, self._small.append, self._main.append

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
            node = [value, expires_s, dead_s, 0, key, 0]
            held = claim(key, node)
            if held is not node:
                # One step: no reader sees the new value with the old expiry.
                held[:_SIZE] = node[:_SIZE]
                return
            hashed = hash(key)
            if hashed in self._remembered or hashed in self._remembered_before:
                promote(node)
            else:
                wait(node)
            tally.room -= 1
            if tally.room < 0:
                self._make_room()

        return put

    def _sized_put(self, bounds: Bounds[V], bytes_max: int) -> Put[V]:
        now_s, own_ttl_s, tally, size_of = (
            bounds.now_s,
            bounds.ttl_s,
            self._tally,
            bounds.size_of,
        )

        def put(key: Hashable, value: V, ttl_s: float | None = None, stale_s: float = 0.0) -> None:
            ttl_s = own_ttl_s if ttl_s is None else checked_ttl(ttl_s)
            expires_s = dead_s = None if ttl_s is None else now_s() + ttl_s
            if stale_s and expires_s is not None:
                dead_s = expires_s + checked_stale(stale_s)
            size_bytes = size_of(key, value)
            node = [value, expires_s, dead_s, size_bytes, key, 0]
            with self._lock:
                if size_bytes > bytes_max:
                    # What the key held until now is out of date, so it goes all the same.
                    tally.rejected += 1
                    self.remove(key)
                    return
                held = self._nodes.setdefault(key, node)
                tally.size_bytes += size_bytes
                if held is not node:
                    tally.size_bytes -= held[_SIZE]
                    held[:_KEY] = node[:_KEY]
                else:
                    hashed = hash(key)
                    known = hashed in self._remembered or hashed in self._remembered_before
                    (self._main if known else self._small).append(node)
                    tally.room -= 1
                if tally.room < 0 or tally.size_bytes > bytes_max:
                    self._make_room()

        return put

    def _make_room(self) -> None:  # noqa: C901 (a call for each entry would cost as much again)
        # One loop and local names: it is half of what a set costs.
        with self._lock:
            tally, nodes, small, main = self._tally, self._nodes, self._small, self._main
            drop, take, take_small, keep = nodes.pop, main.popleft, small.popleft, main.append
            bytes_max = math.inf if self._bytes_max is None else self._bytes_max
            excess = len(nodes) - self._entries_max
            if excess > 0:
                excess += self._entries_max // _BATCH_SHARE
            small_left = len(small) - (len(nodes) // _SMALL_SHARE or 1)
            patience = _PATIENCE
            remember, evictions = self._remembered.add, 0
            while excess > 0 or tally.size_bytes > bytes_max:
                if small_left >= 0 or not main:
                    if not small:
                        # What is in no queue yet is another thread's, on its way.
                        break
                    node, is_new = take_small(), True
                    small_left -= 1
                else:
                    node, is_new = take(), False
                uses = node[_USES]
                if uses > 0 and patience:
                    node[_USES] = 0 if is_new else uses - 1
                    patience -= 1
                    keep(node)
                elif uses != _GONE:
                    key = node[_KEY]
                    try:
                        held = drop(key, None)
                        if is_new:
                            remember(hash(key))
                    except Exception:
                        # Its __hash__ or __eq__ fails. It can be neither found nor removed;
                        # the others make room for it until the cache is cleared.
                        logger.exception("cache: a key of type %s cannot be evicted", type(key))
                        continue
                    if held is not None:
                        if held[_SIZE]:
                            tally.size_bytes -= held[_SIZE]
                        evictions += 1
                        excess -= 1
            if len(self._remembered) > len(nodes) // 2:
                self._remembered_before, self._remembered = self._remembered, set()
            tally.evictions += evictions
            tally.room = self._entries_max - len(nodes)

    def _sweep(self) -> None:
        for queue in (self._small, self._main):
            for _ in range(len(queue)):
                node = queue.popleft()
                if node[_USES] != _GONE:
                    queue.append(node)
        self._gone_count = 0


def _counting_get(
    nodes: dict[Hashable, _Node],
    expire: Callable[[Hashable, float | None], None],
    tally: Tally,
    now_s: Callable[[], float],
) -> Get[V]:
    find = nodes.get

    def get(key: Hashable, default: D = None) -> V | D:  # type: ignore[assignment]  # D is None then
        node = find(key)
        if node is not None:
            value, expires_s, dead_s, _, _, uses = node
            if expires_s is None or expires_s > now_s():
                if uses < _USES_MAX:
                    node[_USES] = uses + 1
                tally.hits += 1
                return value  # type: ignore[no-any-return]
            expire(key, dead_s)
        tally.misses += 1
        return default

    return get


def _plain_get(
    nodes: dict[Hashable, _Node],
    expire: Callable[[Hashable, float | None], None],
    tally: Tally,
    now_s: Callable[[], float],
) -> Get[V]:
    del tally
    find = nodes.get

    def get(key: Hashable, default: D = None) -> V | D:  # type: ignore[assignment]  # D is None then
        node = find(key)
        if node is not None:
            value, expires_s, dead_s, _, _, uses = node
            if expires_s is None or expires_s > now_s():
                if uses < _USES_MAX:
                    node[_USES] = uses + 1
                return value  # type: ignore[no-any-return]
            expire(key, dead_s)
        return default

    return get
