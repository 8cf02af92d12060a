from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
import redis.asyncio
import redis.exceptions
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from agent_perf.components import RedisStore, StoreUnavailableError
from agent_perf.errors import ConfigError
from agent_perf.sim import SimLoop, SimRedis, simulate
from agent_perf.sim.faults import Fault, FaultSchedule, hang, outage
from tests.components.fakes import Counts, constant_draws

TRIP_S = 0.001

Story = Callable[[RedisStore[str], "World"], Awaitable[object]]


class World:
    """A simulated Redis in which a trip takes 1 ms and everything else no time."""

    def __init__(self, loop: SimLoop, faults: tuple[Fault, ...]) -> None:
        self.counts = Counts()
        draws = constant_draws(redis_trip=TRIP_S, redis_connect=0.0)
        self.redis = SimRedis(draws, self.counts, command_ns=0)
        self.faults = FaultSchedule(faults, loop=loop, draws=draws, witness=self.counts)
        self.redis.faults = self.faults.point("redis")
        self.client = self.redis.client(retry=Retry(NoBackoff(), 0))

    def trips(self) -> int:
        return self.counts.total["redis_trips"]


def tell(story: Story, *faults: Fault, **options: object) -> object:
    """Run *story* with a store in a world, and return what it returns."""

    async def main(loop: SimLoop) -> object:
        world = World(loop, faults)
        # The first command pays for the connection's greeting.
        await world.client.ping()
        store = RedisStore(world.client, namespace="answers", kind=str, **options)
        try:
            return await story(store, world)
        finally:
            await world.client.aclose()

    return simulate(main)


async def cost(world: World, work: Awaitable[object]) -> tuple[object, int, float]:
    """Return the result of *work*, its round trips, and the virtual seconds it took."""
    loop = asyncio.get_running_loop()
    trips, start_s = world.trips(), loop.time()
    result = await work
    return result, world.trips() - trips, round(loop.time() - start_s, 9)


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

        async def reply_late(reply: Awaitable[object]) -> object:
            answer = await reply
            await asyncio.sleep(1)
            return answer

        get = world.client.get
        world.client.get = lambda name: reply_late(get(name))
        late = asyncio.create_task(store.get_or_set("key", lambda: compute("late")))
        await asyncio.sleep(0.1)
        world.client.get = get
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


def test_a_tag_removes_all_that_carries_it() -> None:
    """
    After invalidate_tag entries with that tag are misses, others are not, at the price of
    one write; a reader that does not know the tags is not served either.
    """

    async def story(store: RedisStore[str], world: World) -> list[object]:
        await store.set("a", "1", tags=["user-1", "shop"])
        await store.set("b", "2", tags=["shop"])
        await store.set("c", "3")
        before = await store.mget(["a", "b", "c"])
        price = await cost(world, store.invalidate_tag("user-1"))
        after = await store.mget(["a", "b", "c"])
        return [before, price, after, await store.get("a")]

    assert [
        {"a": "1", "b": "2", "c": "3"},
        (None, 1, TRIP_S),
        {"b": "2", "c": "3"},
        None,
    ] == tell(story)


def test_tagged_lookup_with_its_tags_takes_one_trip() -> None:
    """
    get_or_set knows the tags, so it asks for value and generations together.
    """

    async def story(store: RedisStore[str], world: World) -> list[object]:
        async def compute() -> str:
            return "value"

        await store.get_or_set("key", compute, tags=["t"])
        hit = await cost(world, store.get_or_set("key", compute, tags=["t"]))
        without = await cost(world, store.get("key"))
        return [hit, without]

    assert [("value", 1, TRIP_S), ("value", 2, 2 * TRIP_S)] == tell(story)


def test_what_is_invalidated_while_computed_is_not_served_later() -> None:
    """
    A value computed from data that a tag, a pattern or a delete has made stale meanwhile is
    given to those who waited, and to nobody after.
    """

    async def story(store: RedisStore[str], _: World) -> list[object]:
        outcomes = []
        for invalidate in (
            lambda: store.invalidate_tag("t"),
            lambda: store.invalidate("k*"),
            lambda: store.delete("key"),
        ):

            async def compute() -> str:
                await asyncio.sleep(1)
                return "stale"

            waiting = asyncio.create_task(store.get_or_set("key", compute, tags=["t"]))
            await asyncio.sleep(0.5)
            await invalidate()
            outcomes += [await waiting, await store.get("key")]
        return outcomes

    assert ["stale", None] * 3 == tell(story)


def test_an_evicted_tag_does_not_wake_the_dead() -> None:
    """
    If Redis drops a tag's generation its entries are gone, also after the tag is used again.
    """

    async def story(store: RedisStore[str], world: World) -> list[object]:
        await store.set("old", "1", tags=["t"])
        await store.invalidate_tag("t")
        await world.client.delete("answers#t")
        lost = await store.get("old")
        await store.set("new", "2", tags=["t"])
        return [lost, await store.get("old"), await store.get("new")]

    assert [None, None, "2"] == tell(story)


def test_invalidate_walks_in_batches() -> None:
    """
    3,500 of 7,000 keys go in batches; those of other patterns and namespaces stay.
    """

    async def story(store: RedisStore[str], world: World) -> list[object]:
        other = RedisStore(world.client, namespace="answers2", kind=str)
        await store.mset({f"{'user' if n % 2 else 'shop'}-{n}": "x" for n in range(7000)})
        await other.set("user-1", "x")
        trips = world.trips()
        removed = await store.invalidate("user-*")
        return [
            removed,
            world.trips() - trips < 30,
            await store.get("user-1"),
            await store.get("shop-2"),
            await other.get("user-1"),
        ]

    assert [3500, True, None, "x", "x"] == tell(story)


def test_refuses_what_it_did_not_write(caplog: pytest.LogCaptureFixture) -> None:
    """
    A pickle or a value of another type under our key is a miss, is counted and logged once,
    and the next write puts it right.
    """

    async def story(store: RedisStore[str], world: World) -> list[object]:
        await world.client.set("answers:key", b"\x80\x04N.")
        await RedisStore(world.client, namespace="answers", kind=int).set("number", 7)
        found = await store.mget(["key", "number"])
        computed = await store.get_or_set("key", lambda: asyncio.sleep(0, "fresh"))
        return [found, computed, await store.get("key"), store.stats().refused]

    assert [{}, "fresh", "fresh", 3] == tell(story)
    assert ["refused the value of answers:key"] == [
        message.partition(": ")[0] for message in caplog.messages
    ]


def test_goes_on_without_redis(caplog: pytest.LogCaptureFixture) -> None:
    """
    While Redis is down reads miss, writes say no, values are computed, removals are errors;
    when it is back, so is the cache.
    """

    async def story(store: RedisStore[str], world: World) -> list[object]:
        await store.set("key", "value", ttl_s=60)

        world.faults.start()
        outcomes = [
            await store.get("key", "default"),
            await store.mget(["key"]),
            await store.set("key", "new"),
            await store.set("key", "new", tags=["t"]),
            await store.get_or_set("key", lambda: asyncio.sleep(0, "computed"), tags=["t"]),
            store.is_up,
        ]
        for removal in (store.delete("key"), store.invalidate("*"), store.invalidate_tag("t")):
            with pytest.raises(StoreUnavailableError):
                await removal
        await asyncio.sleep(2)
        return [*outcomes, await store.get("key"), store.is_up]

    with caplog.at_level(logging.INFO):
        assert ["default", {}, False, False, "computed", False, "value", True] == tell(
            story, outage("redis", for_s=1)
        )
    assert ["going on without redis", "redis is back"] == [
        next(start for start in ("going on without redis", "redis is back") if start in message)
        for message in caplog.messages
    ]


def test_a_redis_that_hangs_is_left_alone() -> None:
    """
    With a time-out of 50 ms a hundred requests lose 250 ms together, not five seconds.
    """

    async def story(store: RedisStore[str], world: World) -> list[object]:
        world.faults.start()
        loop = asyncio.get_running_loop()
        start_s = loop.time()
        for _ in range(100):
            await store.get("key")
        return [round(loop.time() - start_s, 6), store.stats().misses, store.stats().failures]

    assert [0.25, 100, 100] == tell(story, hang("redis"), timeout_s=0.05)


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
    A time to live that is not positive is an error in each place that takes one.
    """

    async def story(store: RedisStore[str], _: World) -> int:
        with pytest.raises(ConfigError, match="ttl_s"):
            await store.set("key", "value", ttl_s=0)
        with pytest.raises(ConfigError, match="ttl_s"):
            await store.mset({"key": "value"}, ttl_s=-1)
        return store.stats().writes

    assert 0 == tell(story)


@asynccontextmanager
async def real_store() -> AsyncIterator[tuple[RedisStore[str], redis.asyncio.Redis]]:
    """Give a store in the real Redis, under a namespace of its own, and clean up."""
    client = redis.asyncio.Redis(socket_connect_timeout=0.5, retry=Retry(NoBackoff(), 0))
    namespace = f"agent-perf-{uuid.uuid4().hex}"
    try:
        await client.ping()
    except redis.exceptions.ConnectionError as error:
        await client.aclose()
        pytest.skip(f"no Redis at 127.0.0.1:6379: {error}")
    try:
        yield RedisStore(client, namespace=namespace, kind=str, ttl_s=60), client
    finally:
        for pattern in (f"{namespace}:*", f"{namespace}#*"):
            names = [name async for name in client.scan_iter(match=pattern, count=1000)]
            if names:
                await client.unlink(*names)
        await client.aclose()


@pytest.mark.services
def test_real_redis_serves() -> None:
    """
    On a real Redis values, tags, patterns and times to live work as on the simulated one.
    """

    async def main() -> None:
        async with real_store() as (store, client):
            long = "x" * 5000
            assert await store.set("long", long, tags=["t"])
            assert await store.mset({"user-1": "1", "user-2": None})
            assert {"long": long, "user-1": "1", "user-2": None} == await store.mget(
                ["long", "user-1", "user-2", "other"]
            )
            name = (await client.keys("*:user-1"))[0].decode()
            assert 59_000 < await client.pttl(name) <= 60_000
            await store.invalidate_tag("t")
            assert None is await store.get("long")
            assert 2 == await store.invalidate("user-*")
            assert "new" == await store.get_or_set(
                "long", lambda: asyncio.sleep(0, "new"), tags=["t"]
            )
            assert "new" == await store.get("long")
            assert 1 == await store.delete("long")

    asyncio.run(main())


@pytest.mark.services
def test_real_redis_survives_cancelled_readers() -> None:
    """
    Readers cancelled in mid-answer do not hand their answers to those who come after.
    """

    async def main() -> None:
        async with real_store() as (store, _):
            keys = [f"key-{number}" for number in range(20)]
            await store.mset({key: key * 200 for key in keys})
            for _ in range(20):
                readers = [asyncio.create_task(store.get(key)) for key in keys]
                await asyncio.sleep(0)
                for reader in readers[::2]:
                    reader.cancel()
                await asyncio.gather(*readers, return_exceptions=True)
            for key in keys:
                assert key * 200 == await store.get(key)

    asyncio.run(main())
