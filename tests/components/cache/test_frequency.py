from __future__ import annotations

import itertools
import random
import threading
from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from agent_perf.components import MISSING, MemoryCache
from tests.components.fakes import Hands


def hit_ratio(keys: Iterable[int], policy: str, entries_max: int = 1000) -> float:
    """Return the share of *keys* found, when those that are not are set."""
    cache: MemoryCache[int] = MemoryCache(entries_max=entries_max, policy=policy)
    for key in keys:
        if cache.get(key) is None:
            cache.set(key, key)
    return cache.stats().hit_ratio


def zipf(count: int) -> list[int]:
    weights = itertools.accumulate(1 / rank**0.9 for rank in range(1, 10_001))
    return random.Random(7).choices(range(10_000), cum_weights=list(weights), k=count)


def test_skewed_keys_hit_more_often() -> None:
    """
    Of a Zipf mix of 10,000 keys, 1,000 entries answer at least five points more than LRU.
    """
    keys = zipf(30_000)

    assert hit_ratio(keys, "tiny_lfu") > hit_ratio(keys, "lru") + 0.05


def test_a_scan_does_not_wash_out_the_popular() -> None:
    """
    After 10,000 keys that nobody asks for again, those asked for before are still there;
    an LRU has lost them all.
    """
    left = {}
    for policy in ("tiny_lfu", "lru"):
        cache: MemoryCache[int] = MemoryCache(entries_max=1000, policy=policy)
        for key in [*range(500), *range(500)]:
            if cache.get(key) is None:
                cache.set(key, key)
        for key in range(10_000, 20_000):
            cache.set(key, key)
        left[policy] = sum(key in cache for key in range(500))

    assert {"tiny_lfu": 500, "lru": 0} == left


def test_who_comes_back_while_remembered_stays() -> None:
    """
    A key that left unused, and is set again soon, outlives newcomers set after it.
    """
    cache: MemoryCache[int] = MemoryCache(entries_max=100, policy="tiny_lfu")
    for key in range(120):
        cache.set(key, key)

    assert 0 not in cache

    cache.set(0, 0)
    for key in range(1000, 1120):
        cache.set(key, key)

    assert 0 in cache


@pytest.mark.parametrize("bytes_max", [None, 50_000])
def test_work_per_set_is_bounded(bytes_max: int | None) -> None:
    """
    Where everything is popular a newcomer still finds room without a walk over all:
    the bound holds after each set, and most of the popular are still there.
    """
    cache: MemoryCache[int] = MemoryCache(
        entries_max=5000, bytes_max=bytes_max, size_of=lambda *_: 10, policy="tiny_lfu"
    )
    for key in range(5000):
        cache.set(key, key)
    for _ in range(3):
        for key in range(5000):
            cache.get(key)
    cache.set(-1, -1)

    assert 4900 < len(cache) <= 5000


def test_deleting_leaves_no_queue_behind() -> None:
    """
    Keys that come and go by delete, never filling the cache, take no memory.
    """
    cache: MemoryCache[int] = MemoryCache(entries_max=10_000, policy="tiny_lfu")
    for key in range(5000):
        cache.set(key, key)
        cache.delete(key)

    assert 0 == len(cache)
    assert sum(map(len, (cache._entries._small, cache._entries._main))) <= 65


class Invariants(RuleBasedStateMachine):
    """What holds of a cache by frequency, whatever is done to it, beside a plain dict."""

    bytes_max: int | None = None

    def __init__(self) -> None:
        super().__init__()
        self.clock = Hands()
        self.cache: MemoryCache[int] = MemoryCache(
            entries_max=8,
            bytes_max=self.bytes_max,
            size_of=lambda _, value: value,
            policy="tiny_lfu",
            clock=self.clock,
        )
        self.last: dict[int, tuple[int, float]] = {}
        self.lookups = 0

    @rule(key=st.integers(0, 20), value=st.integers(1, 40), ttl_s=st.integers(1, 9))
    def set(self, key: int, value: int, ttl_s: int) -> None:
        self.cache.set(key, value, ttl_s=ttl_s)
        self.last[key] = value, self.clock() + ttl_s

    @rule(key=st.integers(0, 20))
    def get(self, key: int) -> None:
        self.lookups += 1
        found = self.cache.get(key, MISSING)
        value, expires_s = self.last.get(key, (0, 0.0))
        assert found is MISSING or (found == value and expires_s > self.clock())

    @rule(key=st.integers(0, 20))
    def delete(self, key: int) -> None:
        self.cache.delete(key)
        assert key not in self.cache
        self.last.pop(key, None)

    @rule(seconds=st.integers(1, 5))
    def wait(self, seconds: int) -> None:
        self.clock.now_s += seconds

    @rule()
    def purge(self) -> None:
        self.cache.purge()
        live = {key for key, (_, expires_s) in self.last.items() if expires_s > self.clock()}
        assert len(self.cache) == len([key for key in live if key in self.cache])

    @rule()
    def clear(self) -> None:
        self.cache.clear()
        self.last.clear()
        assert 0 == len(self.cache) == self.cache.stats().size_bytes

    @invariant()
    def keeps_its_bounds(self) -> None:
        stats = self.cache.stats()
        assert stats.entry_count <= 8
        assert stats.hits + stats.misses == self.lookups
        if self.bytes_max is not None:
            held = [self.cache._entries.look(key) for key in self.last]
            assert stats.size_bytes == sum(entry[0] for entry in held if entry)
            assert stats.size_bytes <= self.bytes_max

    @invariant()
    def holds_what_was_just_set_if_there_is_room(self) -> None:
        if len(self.last) <= 8 and self.bytes_max is None:
            assert (
                all(
                    key in self.cache
                    for key, (_, expires_s) in self.last.items()
                    if expires_s > self.clock()
                )
                or self.cache.stats().evictions
            )


class SizedInvariants(Invariants):
    bytes_max = 100


TestInvariants = Invariants.TestCase
TestInvariants.settings = settings(max_examples=50, stateful_step_count=40, deadline=None)
TestSizedInvariants = SizedInvariants.TestCase
TestSizedInvariants.settings = settings(max_examples=50, stateful_step_count=40, deadline=None)


@given(st.integers(1, 70))
def test_every_bound_is_kept(entries_max: int) -> None:
    """
    From one entry to more than one batch, no set leaves more than entries_max, and the
    latest is there.
    """
    cache: MemoryCache[int] = MemoryCache(entries_max=entries_max, policy="tiny_lfu")
    for key in range(3 * entries_max):
        cache.set(key, key)
        assert len(cache) <= entries_max
    assert len(cache) >= entries_max - entries_max // 64 - 1


@pytest.mark.parametrize("bytes_max", [None, 1000])
def test_threads_keep_the_books_straight(bytes_max: int | None) -> None:
    """
    After eight threads at once the size is the sum of the entries, within the bounds, and
    the queues hold every entry once.
    """
    cache: MemoryCache[int] = MemoryCache(
        entries_max=50, bytes_max=bytes_max, size_of=lambda _, value: value, policy="tiny_lfu"
    )

    def work(seed: int) -> None:
        for step in range(2000):
            key = (seed * step) % 97
            if step % 3:
                cache.get(key)
            elif step % 7:
                cache.set(key, 1 + key % 40)
            else:
                cache.delete(key)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(1, 9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    entries = cache._entries
    held = [value for key in range(97) if (value := cache.get(key)) is not None]
    queued = [node for queue in (entries._small, entries._main) for node in queue if node[5] >= 0]
    assert (sum(held) if bytes_max else 0) == cache.stats().size_bytes
    assert len(held) == cache.stats().entry_count == len(queued) <= 50
