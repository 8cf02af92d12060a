"""
The Redis layer's own work, and its near tier: CPU time per call, and trips of a scenario.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from functools import cache
from typing import Any

from agent_perf import World, scenario
from agent_perf.asv_plugin import Cache, ScenarioBenchmark, drive, in_world, per_call
from agent_perf.components import NearTier, RedisStore, Serializer, Zstd, train_dictionary
from agent_perf.sim import U53
from agent_perf.suite import Ask, Request

KEYS = 2_000
CALLS = 1_000
NEAR_CALLS = 1_000

Profile = dict[str, str]


def _profile(number: int) -> Profile:
    return {f"field-{n}": f"{n * 7919 * number:x}" * 4 for n in range(32)}


class _Instant:
    """A Redis that answers at once, with what it was given first: what is left is the layer."""

    def __init__(self) -> None:
        self._reply: object = None

    async def execute(self, *command: Any) -> object:
        if command[0] == "SET":
            self._reply = command[2]
        return self._reply

    async def execute_many(self, commands: Sequence[Any]) -> list[object]:
        return [await self.execute(*command) for command in commands]

    async def aclose(self) -> None:
        """Nothing is open."""


@cache
def _store() -> RedisStore[Profile]:
    store = RedisStore(_Instant(), namespace="bench", kind=Profile)
    drive(store.set("key", _profile(1)))
    return store


@cache
def _with_dictionary() -> tuple[Serializer[Profile], bytes]:
    dictionary = train_dictionary(map(_profile, range(500)), size_bytes=16_384)
    serializer = Serializer(Profile, compressor=Zstd(dictionary=dictionary))
    return serializer, serializer.dumps(_profile(4_242))


async def _compute() -> Profile:
    return _profile(1)


class Layer:
    """A value of 1 KB through the layer, without a Redis; CPU time per call."""

    @per_call(CALLS)
    def time_get(self) -> None:
        get = _store().get

        async def calls() -> None:
            for _ in range(CALLS):
                await get("key")

        drive(calls())

    @per_call(CALLS)
    def time_set(self) -> None:
        put, value = _store().set, _profile(1)

        async def calls() -> None:
            for _ in range(CALLS):
                await put("key", value)

        drive(calls())

    @per_call(CALLS)
    def time_get_or_set_hit(self) -> None:
        get_or_set = _store().get_or_set

        async def calls() -> None:
            for _ in range(CALLS):
                await get_or_set("key", _compute)

        drive(calls())


class Dictionary:
    """Values of 1 KB with zstd and a trained dictionary; CPU time per operation."""

    @per_call(CALLS)
    def time_dumps(self) -> None:
        dumps, value = _with_dictionary()[0].dumps, _profile(4_242)
        for _ in range(CALLS):
            dumps(value)

    @per_call(CALLS)
    def time_loads(self) -> None:
        serializer, data = _with_dictionary()
        for _ in range(CALLS):
            serializer.loads(data)


class Near:
    """A hit in the near tier; CPU time per call."""

    @per_call(NEAR_CALLS)
    def time_get_hit(self) -> None:
        async def calls(world: World) -> None:
            async with world.redis.client() as client:
                near: NearTier[Profile] = NearTier(client)
                store = RedisStore(client, namespace="near", kind=Profile, near=near)
                await near.ready()
                await store.set("key", _profile(1))
                for _ in range(NEAR_CALLS):
                    await store.get("key")
                await store.aclose()

        in_world(calls)


@scenario("store.near", requests=1_000, targets="cache.get")
async def near_reads(world: World) -> AsyncIterator[Request]:
    """Popular values of 1 KB out of a near tier, while one request in fifty changes one."""
    async with world.redis.client(max_connections=50, socket_timeout=1.0) as client:
        near: NearTier[Profile] = NearTier(client)
        store = RedisStore(client, namespace="near", kind=Profile, near=near)
        await store.mset({f"user-{key}": _profile(key) for key in range(KEYS)})
        await near.ready()

        async def request(ask: Ask) -> str:
            key = f"user-{KEYS * world.draws.u53('key') ** 4 // U53**4}"
            if ask.index % 50 == 0:
                await store.set(key, _profile(ask.index))
                return "write"
            before = near.stats().hits
            await store.get(key)
            return "near" if near.stats().hits > before else "redis"

        yield request
        await store.aclose()


class NearReads(ScenarioBenchmark):
    scenario = near_reads
    counts = ("redis_trips", "redis_commands", "redis_misses")

    def setup_cache(self) -> Cache:
        return self.measure()
