from __future__ import annotations

import asyncio
import logging

import pytest

from agent_perf.components import MemoryCache
from agent_perf.errors import ConfigError
from agent_perf.sim import SimLoop, simulate


def counted(cache: MemoryCache[str], runs: list[float], *, takes_s: float = 1.0, **times: float):
    """Return a cached function that says when it ran, and takes its time."""

    @cache.cached(**times)
    async def answer() -> str:
        begun_s = asyncio.get_running_loop().time()
        runs.append(begun_s)
        await asyncio.sleep(takes_s)
        return f"of {begun_s:g}"

    return answer


@pytest.mark.parametrize("policy", ["lru", "tiny_lfu"])
def test_stale_value_is_served_at_once_and_refreshed_once(policy: str) -> None:
    """
    In its stale time an entry answers without a wait, fifty callers at once start one
    refresh, and the next callers get what it found.
    """
    cache: MemoryCache[str] = MemoryCache(policy=policy)
    runs: list[float] = []

    async def main(loop: SimLoop) -> list[object]:
        answer = counted(cache, runs, ttl_s=10, stale_s=5)
        await answer()
        await asyncio.sleep(12)
        stale = await asyncio.gather(*(answer() for _ in range(50)))
        at_s = loop.time()
        await asyncio.sleep(1)
        return [set(stale), at_s, await answer(), loop.time()]

    assert [{"of 0"}, 13.0, "of 13", 14.0] == simulate(main)
    assert [0.0, 13.0] == runs
    stats = cache.stats()
    assert (51, 1, 50, 1, 0) == (
        stats.hits,
        stats.misses,
        stats.stale,
        stats.refreshes,
        stats.refresh_failures,
    )


def test_too_stale_is_waited_for() -> None:
    """
    Past its stale time an entry is a miss like any other, and for get it is one before.
    """
    cache: MemoryCache[str] = MemoryCache()
    runs: list[float] = []

    async def main(loop: SimLoop) -> list[object]:
        answer = counted(cache, runs, ttl_s=10, stale_s=5)
        await answer()
        await asyncio.sleep(15)
        return [await answer(), loop.time()]

    assert ["of 16", 17.0] == simulate(main)
    assert (0, 2) == (cache.stats().hits, cache.stats().misses)


def test_failed_refresh_leaves_the_entry(caplog: pytest.LogCaptureFixture) -> None:
    """
    A refresh that fails is counted and logged; callers go on getting the stale value, and
    the next of them tries again.
    """
    cache: MemoryCache[str] = MemoryCache()
    outcomes = iter(["first", ValueError("down"), "second"])

    async def compute() -> str:
        outcome = next(outcomes)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    async def main(_: SimLoop) -> list[str]:
        got = []
        for wait_s in (12, 1, 1, 0):
            got.append(await cache.get_or_set("key", compute, ttl_s=10, stale_s=60))
            await asyncio.sleep(wait_s)
        return got

    with caplog.at_level(logging.WARNING):
        assert ["first", "first", "first", "second"] == simulate(main)
    assert (2, 1) == (cache.stats().refreshes, cache.stats().refresh_failures)
    assert ["cache: refreshing 'key' failed; it stays stale"] == caplog.messages


def test_a_miss_joins_the_refresh_under_way() -> None:
    """
    Who comes when the stale time is over, while the refresh is not, waits for it.
    """
    cache: MemoryCache[str] = MemoryCache()
    runs: list[float] = []

    async def main(loop: SimLoop) -> list[object]:
        answer = counted(cache, runs, takes_s=4, ttl_s=10, stale_s=2)
        await answer()
        await asyncio.sleep(11)
        await answer()
        await asyncio.sleep(2)
        return [await answer(), loop.time()]

    assert ["of 15", 19.0] == simulate(main)
    assert [0.0, 15.0] == runs


def test_what_is_deleted_is_not_refreshed_into_life() -> None:
    """
    A refresh whose key was deleted meanwhile stores nothing.
    """
    cache: MemoryCache[str] = MemoryCache()

    async def main(_: SimLoop) -> int:
        async def compute() -> str:
            await asyncio.sleep(1)
            return "value"

        await cache.get_or_set("key", compute, ttl_s=1, stale_s=9)
        await asyncio.sleep(2)
        await cache.get_or_set("key", compute, ttl_s=1, stale_s=9)
        cache.delete("key")
        await asyncio.sleep(2)
        return len(cache)

    assert 0 == simulate(main)


def test_aclose_ends_refreshes() -> None:
    """
    After aclose no refresh runs, and what was cached is still there.
    """
    cache: MemoryCache[str] = MemoryCache()
    runs: list[float] = []

    async def main(_: SimLoop) -> tuple[int, int]:
        answer = counted(cache, runs, takes_s=5, ttl_s=10, stale_s=60)
        await answer()
        await asyncio.sleep(12)
        await answer()
        before = len(asyncio.all_tasks())
        await cache.aclose()
        return before, len(asyncio.all_tasks())

    assert (2, 1) == simulate(main)
    assert (1, 0) == (cache.stats().entry_count, cache.stats().refresh_failures)


def test_refresh_survives_its_loop() -> None:
    """
    A refresh whose loop ended does not keep the next loop from refreshing.
    """
    now_s = [0.0]
    cache: MemoryCache[str] = MemoryCache(clock=lambda: now_s[0])
    runs: list[str] = []

    async def ask(name: str) -> str:
        async def compute() -> str:
            runs.append(name)
            await asyncio.sleep(0.001 if name != "lost" else 3600)
            return name

        return await cache.get_or_set("key", compute, ttl_s=10, stale_s=1000)

    async def ask_and_wait() -> str:
        stale = await ask("third")
        await asyncio.sleep(0.01)
        return f"{stale}, {cache.get('key')}"

    assert "first" == asyncio.run(ask("first"))
    now_s[0] = 11.0

    async def leave() -> str:
        stale = await ask("lost")
        await asyncio.sleep(0)
        return stale

    assert "first" == asyncio.run(leave())
    assert "first, third" == asyncio.run(ask_and_wait())
    assert ["first", "lost", "third"] == runs
    assert 0 == cache.stats().refresh_failures


def test_caller_who_leaves_does_not_end_the_refresh() -> None:
    """
    A caller that joined a refresh and was cancelled leaves it running.
    """
    cache: MemoryCache[str] = MemoryCache()
    runs: list[float] = []

    async def main(_: SimLoop) -> str | None:
        answer = counted(cache, runs, takes_s=4, ttl_s=10, stale_s=2)
        await answer()
        await asyncio.sleep(11)
        await answer()
        await asyncio.sleep(2)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(answer(), 1)
        await asyncio.sleep(1)
        return await asyncio.wait_for(answer(), 0.1)

    assert "of 15" == simulate(main)


@pytest.mark.parametrize("stale_s", [-1.0, float("inf"), float("nan")])
def test_bad_stale_time_is_refused(stale_s: float) -> None:
    """
    A stale time that is negative or endless is an error.
    """
    cache: MemoryCache[str] = MemoryCache(ttl_s=1)

    with pytest.raises(ConfigError, match="stale_s"):
        cache.set("key", "value", stale_s=stale_s)
    with pytest.raises(ConfigError, match="stale_s"):
        cache.cached(stale_s=stale_s)
