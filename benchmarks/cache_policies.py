"""
The in-process cache by policy, what it costs to count, stale values, disk and layers.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from functools import cache
from pathlib import Path

from agent_perf import World, scenario
from agent_perf.asv_plugin import Cache, ScenarioBenchmark, drive, per_call
from agent_perf.components import DiskCache, Layers, MemoryCache, RedisStore
from agent_perf.sim import U53
from agent_perf.suite import Ask, Request

KEYS = 2_000
CALLS = 1_000
DISK_CALLS = 200

_VALUE = b"v" * 4096


def _popular_key(world: World) -> str:
    """Return a key, a few of them most of the time: a power law, drawn in integers."""
    return f"answer-{KEYS * world.draws.u53('key') ** 4 // U53**4}"


async def _ask_model(world: World) -> str:
    await world.sleep("db.statement")
    return "answer"


@scenario("cache.layers", requests=2_000, targets="cache.get")
async def layers(world: World) -> AsyncIterator[Request]:
    """Layers of memory, small, and Redis before a slow source, one key asked for by many."""
    async with world.redis.client(max_connections=50, socket_timeout=1.0) as client:
        near: MemoryCache[str] = MemoryCache(entries_max=200, ttl_s=600.0, policy="tiny_lfu")
        store: RedisStore[str] = RedisStore(client, namespace="answers", kind=str, ttl_s=3600.0)
        both: Layers[str] = Layers({"memory": near, "redis": store})

        async def request(ask: Ask) -> None:
            await both.get_or_set(_popular_key(world), lambda: _ask_model(world))

        yield request


class LayersOfCaches(ScenarioBenchmark):
    scenario = layers
    latencies = ("p50", "p95", "p99")
    counts = ("redis_trips", "redis_commands", "redis_misses")

    def setup_cache(self) -> Cache:
        return self.measure()


@scenario("cache.stale", requests=2_000, targets={"latency.p99": 0.001})
async def stale(world: World) -> AsyncIterator[Request]:
    """Answers that live a second and may be a minute old: nobody waits for the second one."""
    near: MemoryCache[str] = MemoryCache()
    for key in range(KEYS):
        near.set(f"answer-{key}", "answer", ttl_s=1.0, stale_s=3600.0)

    async def request(ask: Ask) -> None:
        await near.get_or_set(
            _popular_key(world), lambda: _ask_model(world), ttl_s=1.0, stale_s=3600.0
        )

    yield request
    await near.aclose()


class StaleWhileRevalidate(ScenarioBenchmark):
    scenario = stale
    latencies = ("p50", "p99")

    def setup_cache(self) -> Cache:
        return self.measure()


@cache
def _full_cache(*, policy: str = "lru", statistics: bool = True) -> MemoryCache[int]:
    # Kept here and not in `setup`: with one, asv times every call by itself.
    entries: MemoryCache[int] = MemoryCache(
        entries_max=CALLS,
        ttl_s=3600.0,
        policy="tiny_lfu" if policy == "tiny_lfu" else "lru",
        statistics=statistics,
    )
    for key in range(CALLS):
        entries.set(key, key)
    return entries


def _get_all(entries: MemoryCache[int]) -> None:
    get = entries.get
    for key in range(CALLS):
        get(key)


async def _compute() -> int:
    return 1


class Policies:
    """CPU time per operation of a cache of 1,000 entries."""

    @per_call(CALLS)
    def time_get_hit_tiny_lfu(self) -> None:
        _get_all(_full_cache(policy="tiny_lfu"))

    @per_call(CALLS)
    def time_get_hit_uncounted(self) -> None:
        _get_all(_full_cache(statistics=False))

    @per_call(CALLS)
    def time_set_evict_tiny_lfu(self) -> None:
        entries: MemoryCache[int] = MemoryCache(entries_max=CALLS // 2, policy="tiny_lfu")
        put = entries.set
        for key in range(CALLS):
            put(key, key)

    @per_call(CALLS)
    def time_set_evict_sized(self) -> None:
        entries: MemoryCache[int] = MemoryCache(bytes_max=CALLS * 50, size_of=lambda *_: 100)
        put = entries.set
        for key in range(CALLS):
            put(key, key)

    @per_call(CALLS)
    def time_stale_hit(self) -> None:
        now_s = 0.0
        entries: MemoryCache[int] = MemoryCache(clock=lambda: now_s)
        for key in range(CALLS):
            entries.set(key, key, ttl_s=1.0, stale_s=60.0)
        now_s = 2.0

        async def calls() -> None:
            # The refreshes begin, but do not come to an end before all have been answered.
            for key in range(CALLS):
                await entries.get_or_set(key, _compute, ttl_s=1.0, stale_s=60.0)
            await entries.aclose()

        drive(calls())

    @per_call(CALLS)
    def time_decorator_hit(self) -> None:
        entries: MemoryCache[object] = MemoryCache(ttl_s=3600.0)

        @entries.cached()
        async def answer(user: str, question: str, *, top: int = 5) -> str:
            return f"{user} {question} {top}"

        async def calls() -> None:
            for _ in range(CALLS):
                await answer("u1", "q1", top=7)

        drive(calls())

    def peakmem_100_000_entries_tiny_lfu(self) -> None:
        entries: MemoryCache[str] = MemoryCache(entries_max=100_000, policy="tiny_lfu")
        for key in range(100_000):
            entries.set(f"user-{key}", f"profile-{key}")


class Disk:
    """A real file and its thread, 4 KB a value; CPU time per call."""

    @per_call(DISK_CALLS)
    def time_set(self) -> None:
        asyncio.run(_on_disk(at_once=1))

    @per_call(DISK_CALLS)
    def time_set_50_tasks(self) -> None:
        asyncio.run(_on_disk(at_once=50))

    @per_call(DISK_CALLS)
    def time_get_50_tasks(self) -> None:
        asyncio.run(_on_disk(at_once=50, reads=True))


async def _on_disk(*, at_once: int, reads: bool = False) -> None:
    with tempfile.TemporaryDirectory() as folder:
        disk: DiskCache[bytes] = DiskCache(Path(folder) / "cache.db", ttl_s=3600.0)

        async def work(first: int) -> None:
            for key in range(first, DISK_CALLS, at_once):
                if reads:
                    await disk.get(f"key-{key}")
                else:
                    await disk.set(f"key-{key}", _VALUE)

        await asyncio.gather(*(work(first) for first in range(at_once)))
        await disk.aclose()
