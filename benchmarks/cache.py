"""
Caches: in process, in Redis, and the two together.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from functools import cache

from agent_perf import World, scenario
from agent_perf.asv_plugin import Cache, ScenarioBenchmark, drive, in_world, per_call
from agent_perf.components import MemoryCache, RedisStore, Serializer
from agent_perf.sim import U53
from agent_perf.suite import Ask, Request

KEYS = 2_000
CALLS = 1_000
STORE_CALLS = 100
DAY_S = 86_400.0

Profile = dict[str, str]

_PROFILE: Profile = {f"field-{n}": f"{n * 7919:x}" * 8 for n in range(32)}
"""About 2 KB, as a user's profile or a model's answer has."""

_MOST = [key for key in range(KEYS) if key % 8 != 7]
"""What Redis holds at the beginning."""


def _popular_key(world: World) -> str:
    """Return a key, a few of them most of the time: a power law, drawn in integers."""
    return f"user-{KEYS * world.draws.u53('key') ** 4 // U53**4}"


@asynccontextmanager
async def _store(world: World, keys: Iterable[int]) -> AsyncIterator[RedisStore[Profile]]:
    """Give a store that holds *keys*."""
    async with world.redis.client(max_connections=50, socket_timeout=1.0) as client:
        store: RedisStore[Profile] = RedisStore(
            client, namespace="profiles", kind=dict[str, str], ttl_s=DAY_S
        )
        await store.mset({f"user-{key}": _PROFILE for key in keys})
        yield store


@scenario("cache.redis_get", requests=1_000, targets="cache.get")
async def redis_get(world: World) -> AsyncIterator[Request]:
    """One value of 2 KB out of Redis, compressed and checked."""
    async with _store(world, _MOST) as store:

        async def request(ask: Ask) -> str:
            return "miss" if await store.get(_popular_key(world)) is None else "hit"

        yield request


class RedisGet(ScenarioBenchmark):
    scenario = redis_get
    counts = ("redis_trips", "redis_commands", "redis_misses", "bytes_received")

    def setup_cache(self) -> Cache:
        return self.measure()


@scenario("cache.redis_set", requests=1_000, targets="cache.set")
async def redis_set(world: World) -> AsyncIterator[Request]:
    """One value of 2 KB into Redis, under a tag by which it can be invalidated."""
    async with _store(world, _MOST) as store:

        async def request(ask: Ask) -> None:
            key = _popular_key(world)
            await store.set(key, _PROFILE, tags=(f"team-{ask.index % 10}",))

        yield request


class RedisSet(ScenarioBenchmark):
    scenario = redis_set
    counts = ("redis_trips", "redis_commands", "bytes_sent")

    def setup_cache(self) -> Cache:
        return self.measure()


@scenario("cache.layered", requests=2_000, targets="cache.get")
async def layered(world: World) -> AsyncIterator[Request]:
    """Memory before Redis before the database: where an answer comes from is its path."""
    near: MemoryCache[Profile] = MemoryCache(entries_max=500, ttl_s=600.0)
    async with _store(world, _MOST) as store:

        async def request(ask: Ask) -> str:
            path = "memory"

            async def from_database() -> Profile:
                nonlocal path
                path = "database"
                await world.sleep("db.statement")
                return _PROFILE

            async def from_redis() -> Profile:
                nonlocal path
                path = "redis"
                return await store.get_or_set(key, from_database)

            key = _popular_key(world)
            await near.get_or_set(key, from_redis)
            return path

        yield request


class Layered(ScenarioBenchmark):
    scenario = layered
    latencies = ("p50", "p95", "p99", "redis.p95")
    counts = ("redis_trips", "redis_commands", "redis_misses")

    def setup_cache(self) -> Cache:
        return self.measure()


@cache
def _full_cache() -> MemoryCache[int]:
    # Kept here and not in `setup`: with one, asv times every call by itself.
    entries: MemoryCache[int] = MemoryCache(entries_max=CALLS, ttl_s=3600.0)
    for key in range(CALLS):
        entries.set(key, key)
    return entries


@cache
def _serializer() -> Serializer[Profile]:
    return Serializer(dict[str, str])


@cache
def _serialized() -> bytes:
    return _serializer().dumps(_PROFILE)


async def _compute() -> int:
    return 1


class Memory:
    """The in-process cache, full with 1,000 entries; CPU time per operation."""

    @per_call(CALLS)
    def time_get_hit(self) -> None:
        get = _full_cache().get
        for key in range(CALLS):
            get(key)

    @per_call(CALLS)
    def time_get_miss(self) -> None:
        get = _full_cache().get
        for key in range(CALLS, 2 * CALLS):
            get(key)

    @per_call(CALLS)
    def time_set_evict(self) -> None:
        entries: MemoryCache[int] = MemoryCache(entries_max=CALLS // 2)
        put = entries.set
        for key in range(CALLS):
            put(key, key)

    @per_call(CALLS)
    def time_get_or_set_hit(self) -> None:
        async def calls() -> None:
            get_or_set = _full_cache().get_or_set
            for key in range(CALLS):
                await get_or_set(key, _compute)

        drive(calls())

    def peakmem_100_000_entries(self) -> None:
        entries: MemoryCache[str] = MemoryCache(entries_max=100_000)
        for key in range(100_000):
            entries.set(f"user-{key}", f"profile-{key}")


class Codec:
    """Values of 2 KB to bytes and back; CPU time per operation."""

    @per_call(CALLS)
    def time_dumps_2kb(self) -> None:
        dumps = _serializer().dumps
        for _ in range(CALLS):
            dumps(_PROFILE)

    @per_call(CALLS)
    def time_loads_2kb(self) -> None:
        loads, data = _serializer().loads, _serialized()
        for _ in range(CALLS):
            loads(data)


class Store:
    """The layer over Redis, redis-py and the simulated server included; CPU time per call."""

    @per_call(STORE_CALLS)
    def time_get_hit(self) -> None:
        async def calls(world: World) -> None:
            async with _store(world, [1]) as store:
                for _ in range(STORE_CALLS):
                    await store.get("user-1")

        in_world(calls)
