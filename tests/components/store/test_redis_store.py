from __future__ import annotations

import asyncio
import math

import pytest
import redis.asyncio
import redis.exceptions

from agent_perf.components import RedisPyClient, RedisStore
from agent_perf.errors import ConfigError
from tests.components.store.stored import TRIP_S, World, cost, tell


class Late:
    """A RedisClient whose replies come late."""

    def __init__(self, client: RedisPyClient) -> None:
        self._client = client
        self.delay_s = 1.0

    async def execute(self, *command: object) -> object:
        delay_s = self.delay_s
        reply = await self._client.execute(*command)
        await asyncio.sleep(delay_s)
        return reply

    async def execute_many(self, commands: list[tuple[object, ...]]) -> list[object]:
        return await self._client.execute_many(commands)


def test_get_and_set_take_one_trip_each() -> None:
    """
    A value comes back as it was set, for one round trip each way; mget and mset take one
    for all.
    """

    async def story(store: RedisStore[str], world: World) -> list[object]:
        return [
            await cost(world, store.set("a", "1")),
            await cost(world, store.get("a")),
            await cost(world, store.mset({"b": "2", "c": None})),
            await cost(world, store.mget(["c", "b", "a", "x", "a"])),
            await cost(world, store.delete("a", "x")),
            await cost(world, store.get("a")),
        ]

    assert [
        (True, 1, TRIP_S),
        ("1", 1, TRIP_S),
        (True, 1, TRIP_S),
        ({"c": None, "b": "2", "a": "1"}, 1, TRIP_S),
        (1, 1, TRIP_S),
        (None, 1, TRIP_S),
    ] == tell(story)


def test_cached_none_is_a_hit() -> None:
    """
    A stored None is found, and not computed again.
    """

    async def story(store: RedisStore[str], _: World) -> list[object]:
        await store.set("key", None)
        computed = await store.get_or_set("key", lambda: asyncio.sleep(0, "computed"))
        return [await store.get("key", "default"), computed, store.stats().hits]

    assert [None, None, 2] == tell(story)


def test_fifty_callers_one_computation() -> None:
    """
    Fifty tasks that miss one key at once look it up, and make one call and one SET; those
    that come while it is computed do not even look; afterwards each hit is one GET.
    """

    async def story(store: RedisStore[str], world: World) -> list[object]:
        runs: list[int] = []

        async def compute() -> str:
            runs.append(1)
            await asyncio.sleep(1)
            return "value"

        first = [asyncio.create_task(store.get_or_set("key", compute)) for _ in range(50)]
        await asyncio.sleep(0.5)
        later = [asyncio.create_task(store.get_or_set("key", compute)) for _ in range(50)]
        values = set(await asyncio.gather(*first, *later))
        miss = values, world.counts.total["redis_misses"], store.stats().writes
        hit = await cost(world, store.get_or_set("key", compute))
        return [miss, hit, len(runs)]

    assert [({"value"}, 50, 1), ("value", 1, TRIP_S), 1] == tell(story)


def test_a_miss_that_was_overtaken_is_looked_up_again() -> None:
    """
    Whose miss was still on its way when another's value was stored finds that value.
    """

    async def story(store: RedisStore[str], world: World) -> list[object]:
        runs: list[str] = []

        async def compute(name: str) -> str:
            runs.append(name)
            return name

        client = Late(RedisPyClient(world.client))
        store = RedisStore(client, namespace="answers", kind=str)
        late = asyncio.create_task(store.get_or_set("key", lambda: compute("late")))
        await asyncio.sleep(0.1)
        client.delay_s = 0.0
        early = await store.get_or_set("key", lambda: compute("early"))
        return [early, await late, runs]

    assert ["early", "early", ["early"]] == tell(story)


def test_values_expire() -> None:
    """
    A value lives as long as it was set for, else as long as the store says.
    """

    async def story(store: RedisStore[str], _: World) -> list[object]:
        await store.set("short", "1", ttl_s=2)
        await store.set("long", "2")
        await asyncio.sleep(3)
        found = [await store.get("short"), await store.get("long")]
        await asyncio.sleep(8)
        return [*found, await store.get("long")]

    assert [None, "2", None] == tell(story, ttl_s=10)


def test_decorated_function() -> None:
    """
    A decorated function runs once per arguments; its tags come from its arguments.
    """

    async def story(store: RedisStore[str], _: World) -> list[object]:
        runs: list[int] = []

        @store.cached(ttl_s=60, tags=lambda user_id: [f"user-{user_id}"])
        async def profile(user_id: int) -> str:
            runs.append(user_id)
            return f"profile {user_id}"

        answers = [await profile(1), await profile(1), await profile(2)]
        await store.invalidate_tag("user-1")
        return [*answers, await profile(1), await profile(2), runs]

    assert [
        "profile 1",
        "profile 1",
        "profile 2",
        "profile 1",
        "profile 2",
        [1, 2, 1],
    ] == tell(story)


def test_statistics_count_keys_and_bytes() -> None:
    """
    Hits, misses and bytes are those of the values, whatever the commands.
    """

    async def story(store: RedisStore[str], _: World) -> list[object]:
        # 1 tag byte, 2 bytes of msgpack head, 100 of text.
        await store.set("key", "x" * 100)
        await store.get("key")
        await store.mget(["key", "other"])
        stats = store.stats()
        return [
            (stats.hits, stats.misses, stats.writes, stats.hit_ratio),
            (stats.bytes_written, stats.bytes_read),
        ]

    assert [(2, 1, 1, 2 / 3), (103, 206)] == tell(story)


@pytest.mark.parametrize(
    "bad",
    [
        {"namespace": "a:b"},
        {"namespace": "a*"},
        {"namespace": ""},
        {"ttl_s": 0},
        {"ttl_s": 10, "tag_ttl_s": 5},
        {"ttl_s": math.inf, "tag_ttl_s": math.inf},
    ],
)
def test_arguments_are_checked(bad: dict[str, object]) -> None:
    """
    A namespace that would reach into others, and times to live that cannot be, are refused.
    """
    client = redis.asyncio.Redis()
    with pytest.raises(ConfigError):
        RedisStore(client, **{"namespace": "answers", "kind": str} | bad)


def test_a_client_that_decodes_is_refused() -> None:
    """
    A client that would turn our bytes into text is refused at once, with the way out.
    """
    with pytest.raises(ConfigError, match="decode_responses=False"):
        RedisStore(redis.asyncio.Redis(decode_responses=True), namespace="a", kind=str)


def test_bad_ttl_is_refused() -> None:
    """
    A time to live that is not positive, or more than Redis takes, is an error in each place
    that takes one.
    """

    async def nobody() -> str:
        raise AssertionError

    async def story(store: RedisStore[str], _: World) -> int:
        with pytest.raises(ConfigError, match="ttl_s"):
            await store.set("key", "value", ttl_s=0)
        with pytest.raises(ConfigError, match="ttl_s"):
            await store.mset({"key": "value"}, ttl_s=-1)
        for endless_s in (math.inf, 1e18):
            with pytest.raises(ConfigError, match="seconds"):
                await store.set("key", "value", ttl_s=endless_s)
        for stale_s in (math.inf, math.nan):
            with pytest.raises(ConfigError, match="seconds"):
                await store.get_or_set("key", nobody, stale_s=stale_s)
        return store.stats().writes

    assert 0 == tell(story)
