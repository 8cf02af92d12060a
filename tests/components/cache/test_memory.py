from __future__ import annotations

import asyncio
import math
import threading
from collections import OrderedDict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent_perf.components import MISSING, MemoryCache
from agent_perf.errors import ConfigError
from agent_perf.sim import SimLoop, simulate
from tests.components.fakes import Hands


class SlowCache:
    """An obvious cache to agree with: (value, expiry, size) by recency, oldest first."""

    def __init__(self, entries_max: int, bytes_max: float) -> None:
        self.entries: OrderedDict[int, tuple[object, float, int]] = OrderedDict()
        self.entries_max, self.bytes_max = entries_max, bytes_max
        self.hits = self.misses = self.evictions = self.expired = self.rejected = 0

    def get(self, key: int, now_s: float) -> object:
        entry = self.entries.get(key)
        if entry and entry[1] > now_s:
            self.hits += 1
            self.entries.move_to_end(key)
            return entry[0]
        if entry:
            self.expired += 1
            del self.entries[key]
        self.misses += 1
        return MISSING

    def set(self, key: int, value: object, expires_s: float, size: int) -> None:
        self.entries.pop(key, None)
        if size > self.bytes_max:
            self.rejected += 1
            return
        self.entries[key] = value, expires_s, size
        while len(self.entries) > self.entries_max or self.size() > self.bytes_max:
            self.entries.popitem(last=False)
            self.evictions += 1

    def size(self) -> int:
        return sum(size for _, _, size in self.entries.values())


steps = st.lists(
    st.one_of(
        st.tuples(st.just("get"), st.integers(0, 9)),
        st.tuples(st.just("set"), st.integers(0, 9), st.integers(1, 60), st.integers(1, 5)),
        st.tuples(st.just("delete"), st.integers(0, 9)),
        st.tuples(st.just("pass"), st.integers(1, 3)),
        st.tuples(st.just("purge")),
        st.tuples(st.just("clear")),
    ),
    max_size=60,
)


@settings(max_examples=100)
@given(steps, st.integers(1, 6), st.none() | st.integers(1, 100))
def test_agrees_with_an_obvious_cache(
    script: list[tuple], entries_max: int, bytes_max: int | None
) -> None:
    """
    Whatever is done to it, values, order of eviction, sizes and statistics are those of a
    cache written for clarity alone.
    """
    clock = Hands()
    cache: MemoryCache[int] = MemoryCache(
        entries_max=entries_max,
        bytes_max=bytes_max,
        size_of=lambda _, value: value,
        clock=clock,
    )
    slow = SlowCache(entries_max, math.inf if bytes_max is None else bytes_max)
    for step in script:
        match step:
            case "get", key:
                assert slow.get(key, clock()) == cache.get(key, MISSING)
            case "set", key, value, ttl_s:
                slow.set(key, value, clock() + ttl_s, value if bytes_max else 0)
                cache.set(key, value, ttl_s=ttl_s)
            case "delete", key:
                assert (slow.entries.pop(key, None) is not None) == cache.delete(key)
            case "pass", seconds:
                clock.now_s += seconds
            case ("purge",):
                dead = [key for key, entry in slow.entries.items() if entry[1] <= clock()]
                slow.expired += len(dead)
                for key in dead:
                    del slow.entries[key]
                assert len(dead) == cache.purge()
            case ("clear",):
                slow.entries.clear()
                cache.clear()

    stats = cache.stats()
    assert (slow.hits, slow.misses, slow.evictions, slow.expired, slow.rejected) == (
        stats.hits,
        stats.misses,
        stats.evictions,
        stats.expired,
        stats.rejected,
    )
    assert (len(slow.entries), slow.size()) == (stats.entry_count, stats.size_bytes)


def test_cached_none_is_a_hit() -> None:
    """
    None is a value like any other: it is found, and counted as found.
    """
    cache: MemoryCache[None] = MemoryCache()
    cache.set("key", None)

    assert None is cache.get("key", MISSING)
    assert MISSING is cache.get("other", MISSING)
    assert (1, 1) == (cache.stats().hits, cache.stats().misses)
    assert 0.5 == cache.stats().hit_ratio


def test_expires_exactly_at_its_time() -> None:
    """
    An entry of 10 s lives at 9.999 s, and not at 10 s.
    """
    clock = Hands()
    cache: MemoryCache[str] = MemoryCache(ttl_s=10, clock=clock)
    cache.set("key", "value")
    clock.now_s = 9.999

    assert "value" == cache.get("key")
    assert "key" in cache

    clock.now_s = 10.0

    assert "key" not in cache
    assert None is cache.get("key")
    assert 1 == cache.stats().expired


def test_entries_without_a_time_to_live_stay() -> None:
    """
    Without a ttl nothing expires.
    """
    clock = Hands()
    cache: MemoryCache[str] = MemoryCache(clock=clock)
    cache.set("key", "value")
    clock.now_s = 1e12

    assert "value" == cache.get("key")


def test_a_hit_does_not_clean_up() -> None:
    """
    A full cache is looked up without a walk over its entries: expired neighbours stay.
    """
    clock = Hands()
    cache: MemoryCache[int] = MemoryCache(entries_max=1000, clock=clock)
    for index in range(1000):
        cache.set(index, index, ttl_s=1 if index else None)
    clock.now_s = 2.0

    assert 0 == cache.get(0)
    assert 1000 == len(cache)


def test_one_value_over_the_byte_bound_is_rejected() -> None:
    """
    A value larger than the whole cache is not stored, and displaces nothing but its own past.
    """
    cache: MemoryCache[bytes] = MemoryCache(bytes_max=100, size_of=lambda _, value: len(value))
    cache.set("small", b"x" * 60)
    cache.set("large", b"y" * 40)
    cache.set("large", b"y" * 101)

    assert None is cache.get("large")
    assert b"x" * 60 == cache.get("small")
    assert (1, 60) == (cache.stats().rejected, cache.stats().size_bytes)


@pytest.mark.parametrize("ttl_s", [0, -1, math.nan])
def test_bad_ttl_is_refused(ttl_s: float) -> None:
    """
    A time to live that is not positive is an error, not an entry that never was.
    """
    cache: MemoryCache[str] = MemoryCache()

    with pytest.raises(ConfigError, match="ttl_s"):
        cache.set("key", "value", ttl_s=ttl_s)
    with pytest.raises(ConfigError, match="ttl_s"):
        cache.cached(ttl_s=ttl_s)
    with pytest.raises(ConfigError, match="ttl_s"):
        MemoryCache(ttl_s=ttl_s)


@pytest.mark.parametrize("bounds", [{"entries_max": 0}, {"bytes_max": 0}])
def test_bounds_are_checked(bounds: dict[str, int]) -> None:
    """
    A cache that can hold nothing is refused.
    """
    with pytest.raises(ConfigError, match="want >= 1"):
        MemoryCache(**bounds)


def test_threads_keep_the_books_straight() -> None:
    """
    After eight threads at once the size is the sum of the entries, within the bounds.
    """
    cache: MemoryCache[int] = MemoryCache(
        entries_max=50, bytes_max=1000, size_of=lambda _, value: value
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

    stats = cache.stats()
    held = [value for key in range(97) if (value := cache.get(key)) is not None]
    assert sum(held) == stats.size_bytes
    assert len(held) == stats.entry_count <= 50
    assert stats.size_bytes <= 1000


def test_decorated_function_runs_once_for_fifty_callers() -> None:
    """
    Fifty concurrent misses of one call are one run; afterwards there are only hits.
    """
    cache: MemoryCache[str] = MemoryCache(ttl_s=60)
    runs: list[str] = []

    @cache.cached()
    async def answer(question: str, *, locale: str = "en") -> str:
        """Answer it."""
        runs.append(question)
        await asyncio.sleep(1)
        return f"{question} {locale}"

    async def main(loop: SimLoop) -> tuple[set[str], float]:
        first = await asyncio.gather(*(answer("q", locale="fr") for _ in range(50)))
        return {*first, await answer("q", locale="fr")}, loop.time()

    assert ({"q fr"}, 1.0) == simulate(main)
    assert ["q"] == runs
    assert (1, 50) == (cache.stats().hits, cache.stats().misses)
    assert ("answer", "Answer it.") == (answer.__name__, answer.__doc__)


def test_decorated_function_may_return_none() -> None:
    """
    A function that found nothing is not run again to find nothing.
    """
    cache: MemoryCache[object] = MemoryCache()
    runs: list[int] = []

    @cache.cached()
    async def find(user_id: int) -> None:
        runs.append(user_id)

    async def main(_: SimLoop) -> list[None]:
        return [await find(17), await find(17)]

    assert [None, None] == simulate(main)
    assert [17] == runs


def test_decorated_results_expire() -> None:
    """
    A result lives as long as the decorator says.
    """
    cache: MemoryCache[object] = MemoryCache()
    runs: list[float] = []

    async def main(loop: SimLoop) -> None:
        @cache.cached(ttl_s=10)
        async def look() -> None:
            runs.append(loop.time())

        for _ in range(5):
            await look()
            await asyncio.sleep(4)

    simulate(main)

    assert [0.0, 12.0] == runs


def test_key_function_decides() -> None:
    """
    Calls with equal keys share a result, whatever their other arguments; two functions
    with the same key do not.
    """
    cache: MemoryCache[object] = MemoryCache()

    @cache.cached(key=lambda user, _trace: user)
    async def one(user: str, trace: str) -> str:
        return f"one {trace}"

    @cache.cached(key=lambda user, _trace: user)
    async def two(user: str, trace: str) -> str:
        return f"two {trace}"

    async def main(_: SimLoop) -> list[str]:
        return [await one("u", "a"), await one("u", "b"), await two("u", "c")]

    assert ["one a", "one a", "two c"] == simulate(main)


def test_methods_are_told_apart_by_cache_key() -> None:
    """
    Two agents share results if and only if they say that they are the same; one that does
    not say anything is refused.
    """
    cache: MemoryCache[object] = MemoryCache()

    class Agent:
        @cache.cached()
        async def answer(self, question: str) -> str:
            return f"{self.name}: {question}"

        def __init__(self, name: str, cache_key: str | None) -> None:
            self.name = name
            if cache_key:
                self.cache_key = cache_key

    async def main(_: SimLoop) -> list[str]:
        with pytest.raises(ConfigError, match="cache_key"):
            await Agent("x", None).answer("q")
        return [
            await Agent("a", "v1").answer("q"),
            await Agent("b", "v1").answer("q"),
            await Agent("c", "v2").answer("q"),
        ]

    assert ["a: q", "a: q", "c: q"] == simulate(main)


def test_errors_are_not_cached() -> None:
    """
    A failed call is tried again by the next caller.
    """
    cache: MemoryCache[object] = MemoryCache()
    outcomes = iter([ValueError("first"), "second"])

    @cache.cached()
    async def fetch() -> object:
        outcome = next(outcomes)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    async def main(_: SimLoop) -> object:
        with pytest.raises(ValueError, match="first"):
            await fetch()
        return await fetch()

    assert "second" == simulate(main)


def test_what_is_deleted_in_flight_is_not_stored() -> None:
    """
    A key that is deleted, or set, while its value is computed keeps what it was given.
    """
    cache: MemoryCache[str] = MemoryCache()

    async def compute() -> str:
        await asyncio.sleep(1)
        return "old"

    async def main(_: SimLoop) -> tuple[str, str | None, str, str | None]:
        first = asyncio.create_task(cache.get_or_set("deleted", compute))
        second = asyncio.create_task(cache.get_or_set("set", compute))
        await asyncio.sleep(0.5)
        cache.delete("deleted")
        cache.set("set", "new")
        return await first, cache.get("deleted"), await second, cache.get("set")

    assert ("old", None, "old", "new") == simulate(main)
