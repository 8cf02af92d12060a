"""An in-process cache under keys, values, clocks and callers that misbehave."""

from __future__ import annotations

import asyncio
import gc
import threading
import tracemalloc
from collections import Counter
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent_perf.components import MISSING, MemoryCache
from agent_perf.errors import ConfigError
from agent_perf.sim import SimLoop, simulate
from tests.components.fakes import Hands

both = pytest.mark.parametrize("policy", ["lru", "tiny_lfu"])


class Key:
    """A key whose hash is that of many, and which can be told to fail."""

    def __init__(self, name: int) -> None:
        self.name = name
        self.fails_in: set[str] = set()

    def __hash__(self) -> int:
        if "hash" in self.fails_in:
            raise RuntimeError("hash")
        return self.name % 3

    def __eq__(self, other: object) -> bool:
        if "eq" in self.fails_in or (isinstance(other, Key) and "eq" in other.fails_in):
            raise RuntimeError("eq")
        return isinstance(other, Key) and self.name == other.name


@both
@pytest.mark.parametrize("bytes_max", [None, 1000])
@pytest.mark.parametrize("fault", ["hash", "eq"])
def test_keys_that_fail_are_their_callers_error(
    policy: str, bytes_max: int | None, fault: str
) -> None:
    """
    A key whose __hash__ or __eq__ raises does so to its caller alone: nothing is stored,
    the books are right, and the cache works on.
    """
    cache: MemoryCache[int] = MemoryCache(
        policy=policy, entries_max=10, bytes_max=bytes_max, size_of=lambda *_: 10
    )
    for name in range(6):
        cache.set(Key(name), name)
    bad = Key(99)
    bad.fails_in = {fault}

    calls: list[Callable[[], object]] = [
        lambda: cache.get(bad),
        lambda: cache.set(bad, 99),
        lambda: cache.delete(bad),
        lambda: bad in cache,
    ]
    for call in calls:
        with pytest.raises(RuntimeError, match=fault):
            call()
    with pytest.raises(TypeError, match="unhashable"):
        cache.set([], 1)

    assert list(range(6)) == [cache.get(Key(name)) for name in range(6)]
    assert 6 == len(cache)
    assert (60 if bytes_max else 0) == cache.stats().size_bytes


@pytest.mark.parametrize(
    # cachebox asks keys whose hashes merely begin alike whether they are equal, so that one
    # whose __eq__ begins to fail is in the way of one in 128 others.
    ("policy", "fault"),
    [("lru", "hash"), ("tiny_lfu", "hash"), ("tiny_lfu", "eq")],
)
def test_keys_that_fail_later_do_not_stop_the_cache(policy: str, fault: str) -> None:
    """
    Keys that begin to fail after they were stored are evicted or stay, but others come and go
    within the bound, and clear removes all.
    """
    cache: MemoryCache[int] = MemoryCache(policy=policy, entries_max=20)
    bad = [Key(1000 + 3 * index) for index in range(5)]
    for key in bad:
        cache.set(key, 0)
    for key in bad:
        key.fails_in = {fault}
    for name in range(1, 400):
        # Of another hash than theirs, so that they need not be asked whether they are equal.
        cache.set(f"key-{name}", name)
        assert cache.get(f"key-{name}") == name
        assert len(cache) <= 20
    cache.clear()

    assert 0 == len(cache)


@both
@pytest.mark.parametrize("bytes_max", [None, 1000])
def test_finalisers_may_use_the_cache(policy: str, bytes_max: int | None) -> None:
    """
    A value whose __del__ uses the cache it is dropped from neither blocks nor breaks it.
    """
    cache: MemoryCache[object] = MemoryCache(
        policy=policy, entries_max=8, bytes_max=bytes_max, size_of=lambda *_: 100
    )
    dropped: list[int] = []

    class Session:
        def __init__(self, name: int) -> None:
            self.name = name

        def __del__(self) -> None:
            dropped.append(self.name)
            cache.get("other")
            cache.delete(self.name)
            cache.set("last", self.name)

    def use() -> None:
        for name in range(100):
            cache.set(name % 20, Session(name))
        cache.delete(19)
        cache.clear()

    thread = threading.Thread(target=use, daemon=True)
    thread.start()
    thread.join(20)

    assert not thread.is_alive()
    assert list(range(100)) == sorted(dropped)
    assert len(cache) <= 8
    assert 100 * len(cache) == cache.stats().size_bytes or bytes_max is None


@both
def test_values_may_be_anything(policy: str) -> None:
    """
    A value that is equal to nothing, false, a tuple like our own entries, or an exception is
    given back as it is.
    """

    class Odd:
        def __eq__(self, other: object) -> bool:
            raise RuntimeError("eq")

        def __bool__(self) -> bool:
            raise RuntimeError("bool")

        __hash__ = None

    cache: MemoryCache[object] = MemoryCache(policy=policy)
    values = [Odd(), None, False, 0, float("nan"), (1, None, None, 0), MISSING.value, ValueError()]
    for index, value in enumerate(values):
        cache.set(index, value)
        cache.set(index, value)

    assert all(cache.get(index, MISSING) is value for index, value in enumerate(values))


@both
def test_failing_size_changes_nothing(policy: str) -> None:
    """
    If a value cannot be sized, what its key held before is still there.
    """

    def size_of(_: object, value: int) -> int:
        if value == 13:
            raise ValueError("13")
        return value

    cache: MemoryCache[int] = MemoryCache(policy=policy, bytes_max=100, size_of=size_of)
    cache.set("key", 5)
    with pytest.raises(ValueError, match="13"):
        cache.set("key", 13)

    assert (5, 5) == (cache.get("key"), cache.stats().size_bytes)


@both
@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 50), st.integers(-100, 100)), max_size=20))
def test_clock_jumps(policy: str, script: list[tuple[int, int]]) -> None:
    """
    However the clock jumps, nothing fails, and no entry is found later than its time to
    live after it was set, by that clock.
    """
    clock = Hands(1000.0)
    cache: MemoryCache[float] = MemoryCache(policy=policy, entries_max=5, clock=clock)
    for index, (ttl_s, jump_s) in enumerate(script):
        cache.set(index % 7, clock() + ttl_s, ttl_s=ttl_s)
        clock.now_s += jump_s
        for key in range(7):
            expires_s = cache.get(key)
            assert expires_s is None or clock() < expires_s
    clock.now_s += 10_000
    assert len(cache) == cache.purge()
    assert 0 == len(cache)


@both
def test_ten_thousand_callers_of_one_key(policy: str) -> None:
    """
    10,000 callers at once, half of whom give up, run the function once.
    """
    cache: MemoryCache[str] = MemoryCache(policy=policy)
    runs: list[int] = []

    async def main(loop: SimLoop) -> list[object]:
        @cache.cached()
        async def answer() -> str:
            runs.append(1)
            await asyncio.sleep(2)
            return "value"

        callers = [asyncio.create_task(answer()) for _ in range(10_000)]
        await asyncio.sleep(1)
        for caller in callers[::2]:
            caller.cancel()
        got = await asyncio.gather(*callers, return_exceptions=True)
        return [Counter(map(str, map(type, got))), loop.time()]

    assert [
        Counter({str(str): 5000, str(asyncio.CancelledError): 5000}),
        2.0,
    ] == simulate(main)
    assert [1] == runs


@both
def test_ten_thousand_keys_at_once(policy: str) -> None:
    """
    10,000 callers of 10,000 keys each get their own value, though only 100 fit.
    """
    cache: MemoryCache[int] = MemoryCache(policy=policy, entries_max=100)

    async def main(loop: SimLoop) -> list[object]:
        async def compute(n: int) -> int:
            await asyncio.sleep(1)
            return n

        got = await asyncio.gather(
            *(cache.get_or_set(n, lambda n=n: compute(n)) for n in range(10_000))
        )
        return [got == list(range(10_000)), loop.time(), len(cache._reading._flights)]

    assert [True, 1.0, 0] == simulate(main)
    assert len(cache) <= 100


@both
def test_memory_is_bounded(policy: str) -> None:
    """
    Whatever passes through a cache of 5 MB in values of up to 1 MB, the process holds
    little more, and a value of 10 MB is refused.
    """
    tracemalloc.start()
    try:
        cache: MemoryCache[bytes] = MemoryCache(
            policy=policy, entries_max=100_000, bytes_max=5_000_000
        )
        for step in range(3000):
            cache.set(step, bytes(1000 if step % 100 else 1_000_000))
            if step % 3 == 0:
                cache.delete(step - 50)
        cache.set("huge", bytes(10_000_000))
        gc.collect()
        held_bytes, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert 1 == cache.stats().rejected
    assert cache.stats().size_bytes <= 5_000_000
    assert held_bytes < 6_500_000


@both
def test_ten_megabytes_are_a_value_like_any_other(policy: str) -> None:
    """
    A value of 10 MB is sized, kept and given back without a copy.
    """
    cache: MemoryCache[bytes] = MemoryCache(policy=policy, bytes_max=20_000_000)
    value = bytes(10_000_000)
    cache.set("key", value)

    assert cache.get("key") is value
    assert 10_000_000 < cache.stats().size_bytes < 10_001_000


@both
def test_eight_threads_count_right(policy: str) -> None:
    """
    Every lookup of eight threads is counted once, each value found is its key's, and the
    bound holds but for one entry for each thread.
    """
    cache: MemoryCache[int] = MemoryCache(policy=policy, entries_max=64)
    wrong: list[object] = []

    def work(seed: int) -> None:
        for step in range(3000):
            key = seed * step % 150
            value = cache.get(key)
            if value is None:
                cache.set(key, key * 2)
            elif value != key * 2:
                wrong.append((key, value))
            if len(cache) > 64 + 8:
                wrong.append(len(cache))
            if step % 50 == 0:
                cache.delete(key)
            if step % 1000 == 999:
                cache.clear()

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(1, 9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    stats = cache.stats()

    assert [] == wrong
    assert 8 * 3000 == stats.hits + stats.misses
    cache.set("last", 0)
    assert len(cache) <= 64
    assert cache._tally.room <= 64 - len(cache)


@both
def test_without_statistics_lookups_are_not_counted(policy: str) -> None:
    """
    Without statistics a cache answers the same, and its hits and misses stay 0.
    """
    clock = Hands()
    cache: MemoryCache[int] = MemoryCache(
        policy=policy, entries_max=2, ttl_s=5, statistics=False, clock=clock
    )
    for key in range(3):
        cache.set(key, key)

    async def compute() -> int:
        return 7

    async def main(_: SimLoop) -> list[int]:
        got = []
        for wait_s in (6.0, 0.0):
            got.append(await cache.get_or_set("key", compute, ttl_s=5, stale_s=5))
            clock.now_s += wait_s
        return got

    assert [None, 2, 7, 7] == [cache.get(0), cache.get(2), *simulate(main)]
    stats = cache.stats()
    assert (0, 0, 0.0, 1) == (stats.hits, stats.misses, stats.hit_ratio, stats.stale)
    assert stats.evictions


def test_jitter_spreads_expiry() -> None:
    """
    With a jitter of a quarter entries of 100 s live 75 to 100 s, as drawn.
    """
    clock = Hands()
    draws = iter([0.0, 0.5, 1.0])
    cache: MemoryCache[int] = MemoryCache(
        ttl_s=100, jitter_ratio=0.25, draw=lambda: next(draws), clock=clock
    )
    for key in range(3):
        cache.set(key, key)

    assert [(0, 100.0), (1, 87.5), (2, 75.0)] == [cache.find(key) for key in range(3)]
    for jitter_ratio in (-0.1, 1.0):
        with pytest.raises(ConfigError, match="jitter_ratio"):
            MemoryCache(jitter_ratio=jitter_ratio)


def test_unknown_policy_is_refused() -> None:
    """
    A misspelt policy is an error that names the ones there are.
    """
    with pytest.raises(ConfigError, match="want one of lru, tiny_lfu"):
        MemoryCache(policy="lfu")


def test_derived_classes_get_what_they_wrote() -> None:
    """
    A class that overrides get or set is asked through them, also by get_or_set.
    """

    class Loud(MemoryCache[str]):
        def get(self, key: str, default: object = None) -> object:
            value = super().get(key, default)
            return value.upper() if isinstance(value, str) else value

        def set(self, key: str, value: str, ttl_s: float | None = None, stale_s: float = 0) -> None:
            super().set(key, value + "!", ttl_s=ttl_s)

    cache = Loud(ttl_s=5)
    cache.set("key", "value")

    assert "VALUE!" == cache.get("key")
    assert "VALUE!" == simulate(lambda _: cache.get_or_set("key", lambda: None))
