from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from agent_perf.components import DiskCache, Layers, MemoryCache, Warmer, WarmStats, inline
from agent_perf.errors import ConfigError
from agent_perf.sim import SimLoop, simulate


async def load(key: str) -> str:
    await asyncio.sleep(1)
    return f"of {key}"


def test_loads_so_many_at_a_time() -> None:
    """
    Ten keys of a second each, three at a time, take four seconds and are all there.
    """
    cache: MemoryCache[str] = MemoryCache()

    async def main(loop: SimLoop) -> tuple[WarmStats, float]:
        warmer: Warmer[str, str] = Warmer(cache, load, concurrency=3)
        return await warmer.warm([f"{n}" for n in range(10)]), loop.time()

    stats, took_s = simulate(main)
    assert (WarmStats(loaded=10, present=0, failed=0, in_flight=0), 4.0) == (stats, took_s)
    assert all(cache.get(f"{n}") == f"of {n}" for n in range(10))


def test_loads_no_faster_than_told() -> None:
    """
    At two a second the loads begin every half second, and keys that are there take none.
    """
    cache: MemoryCache[str] = MemoryCache()
    cache.set("1", "old")
    begun: list[tuple[str, float]] = []

    async def main(loop: SimLoop) -> None:
        async def noted(key: str) -> str:
            begun.append((key, loop.time()))
            return await load(key)

        await Warmer(cache, noted, rate_per_s=2).warm("0123")

    simulate(main)
    assert [("0", 0.0), ("2", 0.5), ("3", 1.0)] == begun
    assert "old" == cache.get("1")


def test_what_is_there_is_loaded_if_told() -> None:
    """
    With refresh the cache's own values are replaced, and their life begins anew.
    """
    cache: MemoryCache[str] = MemoryCache()
    cache.set("key", "old", ttl_s=5)

    async def main(_: SimLoop) -> tuple[WarmStats, object]:
        stats = await Warmer(cache, load, ttl_s=60, refresh=True).warm(["key"])
        return stats, cache.find("key")

    stats, found = simulate(main)
    assert (1, 0) == (stats.loaded, stats.present)
    assert ("of key", 60.0) == found


def test_one_failure_does_not_stop_the_rest(caplog: pytest.LogCaptureFixture) -> None:
    """
    A key that cannot be loaded is counted and logged by name; the others are there.
    """
    cache: MemoryCache[str] = MemoryCache()

    async def picky(key: str) -> str:
        if key == "b":
            raise ValueError("no b")
        return key

    async def main(_: SimLoop) -> WarmStats:
        return await Warmer(cache, picky, concurrency=1).warm("abc")

    with caplog.at_level(logging.WARNING):
        assert WarmStats(loaded=2, present=0, failed=1, in_flight=0) == simulate(main)
    assert ["cache: could not warm 'b'"] == caplog.messages
    assert ("a", None, "c") == (cache.get("a"), cache.get("b"), cache.get("c"))


def test_keys_come_as_they_are_wanted() -> None:
    """
    An endless stream of keys is asked only for what is worked on, and progress can be seen.
    """
    cache: MemoryCache[str] = MemoryCache()
    given: list[int] = []
    closed: list[bool] = []

    async def keys() -> AsyncIterator[str]:
        try:
            for n in range(10**9):
                given.append(n)
                await asyncio.sleep(0)
                yield f"{n}"
        finally:
            closed.append(True)

    async def main(_: SimLoop) -> tuple[WarmStats, WarmStats]:
        warmer: Warmer[str, str] = Warmer(cache, load, concurrency=2)
        warming = asyncio.create_task(warmer.warm(keys()))
        await asyncio.sleep(2.5)
        seen = warmer.stats()
        warming.cancel()
        with pytest.raises(asyncio.CancelledError):
            await warming
        return seen, warmer.stats()

    seen, after = simulate(main)
    assert WarmStats(loaded=4, present=0, failed=0, in_flight=2) == seen
    assert WarmStats(loaded=4, present=0, failed=0, in_flight=0) == after
    assert [0, 1, 2, 3, 4, 5] == given
    assert 4 == len(cache)


def test_error_of_the_keys_is_raised() -> None:
    """
    If the keys themselves fail, the work ends with that error, and no task is left.
    """
    cache: MemoryCache[str] = MemoryCache()

    async def keys() -> AsyncIterator[str]:
        yield "a"
        raise LookupError("no more")

    async def main(_: SimLoop) -> int:
        with pytest.raises(LookupError, match="no more"):
            await Warmer(cache, load).warm(keys())
        return len(asyncio.all_tasks())

    assert 1 == simulate(main)


def test_warms_layers(tmp_path: Path) -> None:
    """
    Layers are warmed as one cache: memory and disk have it all.
    """

    async def main(_: SimLoop) -> list[object]:
        near: MemoryCache[bytes] = MemoryCache()
        disk: DiskCache[bytes] = DiskCache(tmp_path / "d", run=inline)
        layers: Layers[bytes] = Layers({"memory": near, "disk": disk})

        async def give(key: str) -> bytes:
            return key.encode()

        stats = await Warmer(layers, give).warm("abc")
        got = [stats.loaded, near.get("c"), await disk.get("c")]
        await disk.aclose()
        return got

    assert [3, b"c", b"c"] == simulate(main)


@pytest.mark.parametrize("options", [{"concurrency": 0}, {"rate_per_s": 0.0}])
def test_bad_arguments_are_refused(options: dict) -> None:
    """
    No work at a time, or none per second, is an error.
    """
    with pytest.raises(ConfigError, match="want"):
        Warmer(MemoryCache(), load, **options)
