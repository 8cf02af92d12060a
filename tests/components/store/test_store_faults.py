"""A store over both clients while the simulated Redis fails in every way."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent_perf.components import NearTier, RedisLink, RedisStore, StoreUnavailableError
from agent_perf.sim import simulate
from agent_perf.sim.faults import Fault, FaultSchedule, errors, hang, outage, reset, slow
from agent_perf.sim.wire import Network
from agent_perf.sim.wire.redis import WireRedis
from tests.components.fakes import Counts, Hands
from tests.components.store.stored import World, tell
from tests.sim.wire.nets import draws, ideal

CLIENTS = ("redis-py", "link")


def on_wire(story, *faults: Fault, client: str = "link", **options: object) -> object:
    """Return what *story* returns, given a store, its RedisClient, the Redis and the faults."""

    async def main(loop):
        counts = Counts()
        network = Network(loop, draws(), counts)
        service = WireRedis(network, draws(), counts, link=ideal("redis"), command_ns=0)
        schedule = FaultSchedule(faults, loop=loop, draws=draws(), witness=counts)
        service.faults = schedule.point("redis")
        if client == "link":
            ours = RedisLink("redis://redis.sim:6379", timeout_s=1.0)
        else:
            ours = service.client(socket_timeout=1.0)
        store = RedisStore(ours, namespace="answers", kind=str, **options)
        try:
            return await story(store, service, schedule)
        finally:
            await store.aclose()
            await ours.aclose()
            network.close()

    return simulate(main)


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize(
    "fault",
    [
        outage("redis", at_s=0.5, for_s=2),
        hang("redis", at_s=0.5, for_s=2),
        reset("redis", at_s=0.5, for_s=2, probability=0.3),
        slow("redis", at_s=0.5, for_s=2, added_s=0.4),
        slow("redis", at_s=0.5, for_s=2, added_s=3.0, probability=0.2),
        errors("redis", at_s=0.5, for_s=2, message="OOM command not allowed"),
        errors("redis", at_s=0.5, for_s=2, message="LOADING Redis is loading"),
        errors("redis", at_s=0.5, for_s=2, message="MISCONF Redis cannot save"),
    ],
    ids=["outage", "hang", "reset", "slow", "late", "oom", "loading", "disk-full"],
)
def test_the_right_value_or_none_whatever_fails(client: str, fault: Fault) -> None:
    """
    Callers who read, write and leave in mid-call while Redis fails get their own value or
    none, no error, and all of it when Redis is well again.
    """

    async def story(store, service, schedule):
        keys = [f"key-{number}" for number in range(40)]
        await store.mset({key: f"value of {key}" for key in keys})
        schedule.start()
        wrong: list[object] = []

        async def call(index: int) -> None:
            key = keys[index % 40]
            await asyncio.sleep(index * 0.01)
            value = await store.get(key)
            if value not in {None, f"value of {key}"}:
                wrong.append((key, value))
            if index % 7 == 0:
                await store.set(key, f"value of {key}")
            found = await store.get_or_set(key, lambda: asyncio.sleep(0.001, f"value of {key}"))
            if found != f"value of {key}":
                wrong.append((key, found))

        tasks = [asyncio.create_task(call(index)) for index in range(300)]
        for index, task in enumerate(tasks):
            if index % 5 == 0:
                asyncio.get_running_loop().call_later(index * 0.01 + 0.0013, task.cancel)
        ended = await asyncio.gather(*tasks, return_exceptions=True)
        failed = [e for e in ended if e and not isinstance(e, asyncio.CancelledError)]
        await asyncio.sleep(10)
        await store.get("key-0")
        await asyncio.sleep(2)
        after = await store.mget(keys)
        return [wrong, failed, all(after[key] == f"value of {key}" for key in after), store.is_up]

    assert [[], [], True, True] == on_wire(story, fault, client=client)


@pytest.mark.parametrize("client", ["link", pytest.param("redis-py", marks=pytest.mark.slow)])
def test_ten_thousand_callers(client: str) -> None:
    """
    10,000 callers at once each get their own key's value; 10,000 of one missing key make one
    computation.
    """

    async def story(store, service, schedule):
        keys = [f"key-{number}" for number in range(10_000)]
        for at in range(0, 10_000, 1_000):
            await store.mset({key: f"value of {key}" for key in keys[at : at + 1_000]})
        found = await asyncio.gather(*(store.get(key) for key in keys))
        runs: list[int] = []

        async def compute() -> str:
            runs.append(1)
            await asyncio.sleep(1)
            return "computed"

        same = await asyncio.gather(*(store.get_or_set("new", compute) for _ in range(10_000)))
        return [found == [f"value of {key}" for key in keys], set(same), len(runs)]

    assert [True, {"computed"}, 1] == on_wire(story, client=client)


@pytest.mark.parametrize("client", CLIENTS)
def test_poisoned_keys_are_misses(client: str) -> None:
    """
    A list, a hash, random bytes, nothing, a cut value or a bomb under our key is a miss to get,
    mget, batch and get_or_set, is counted, and is put right by the next write.
    """

    async def story(store, service, schedule):
        good = "x" * 5_000
        async with service.client() as other:
            await store.set("good", good)
            stored = await other.get("answers:good")
            poison = [b"", b"\x10", b"\x02" + b"\xff" * 40, stored[:-3], stored + b"x", b"\x93abc"]
            for index, data in enumerate(poison):
                await other.set(f"answers:{index}", data)
            await other.rpush("answers:list", "x")
            await other.hset("answers:hash", "x", "y")
        keys = ["list", "hash", *map(str, range(len(poison)))]
        found = [await store.get(key) for key in keys]
        many = await store.mget([*keys, "good"])
        async with store.batch() as batch:
            later = [batch.get(key) for key in keys]
        refused = store.stats().refused
        filled = [await store.get_or_set(key, lambda: asyncio.sleep(0, "new")) for key in keys]
        fixed = [await store.get(key) for key in keys]
        return [
            {*found, *(one.value for one in later)},
            list(many) == ["good"],
            # MGET says of a list or hash that there is nothing.
            refused == 3 * len(keys) - 2,
            {*filled, *fixed},
        ]

    assert [{None}, True, True, {"new"}] == on_wire(story, client=client)


@pytest.mark.parametrize("client", CLIENTS)
def test_poisoned_tags_invalidate_all_the_same(client: str) -> None:
    """
    A list, an empty value or random bytes in a tag's place keep no entry from being invalidated.
    """

    async def story(store, service, schedule):
        async with service.client() as other:
            await other.rpush("answers#list", "x")
            await other.set("answers#empty", b"")
            await other.set("answers#noise", b"\xff\x00")
        found = []
        for tag in ("list", "empty", "noise"):
            await store.set("set", "value", tags=[tag])
            await store.get_or_set(tag, lambda: asyncio.sleep(0, "value"), tags=[tag])
            found += [await store.get("set"), await store.get(tag)]
            await store.invalidate_tag(tag)
            found += [await store.get("set"), await store.get(tag)]
        return found

    assert ["value", "value", None, None] * 3 == on_wire(story, client=client)


@pytest.mark.parametrize("client", CLIENTS)
def test_ten_megabytes(client: str) -> None:
    """
    10 MB come back as they went, beside small values of others.
    """

    async def story(store, service, schedule):
        large = "abcdefghij" * 1_000_000
        await asyncio.gather(store.set("large", large), store.set("small", "s"))
        found = await asyncio.gather(store.get("small"), store.get("large"), store.get("small"))
        return [found[0], found[1] == large, found[2]]

    assert ["s", True, "s"] == on_wire(story, client=client)


def test_a_clock_that_jumps() -> None:
    """
    A clock that jumps ahead drops what is near; one that jumps back serves nothing longer than
    Redis keeps it, and the store goes on after an outage.
    """
    hands = Hands(1_000.0)

    async def story(_: RedisStore[str], world: World) -> list[object]:
        near: NearTier[str] = NearTier(world.client, clock=hands)
        store = RedisStore(world.client, namespace="answers", kind=str, near=near, clock=hands)
        await near.ready()
        await store.set("key", "value", ttl_s=30)
        found = [await store.get("key")]
        for jump_s in (1e6, -2e6):
            hands.now_s += jump_s
            await asyncio.sleep(4)
            found.append(await store.get("key"))
        hands.now_s = 0.0
        world.faults.start()
        found.append(await store.get("key"))
        hands.now_s = -1e6
        await asyncio.sleep(10)
        hands.now_s += 10.0
        found += [await store.get("key"), store.is_up]
        await store.aclose()
        return found

    assert ["value", "value", "value", None, "value", True] == tell(story, outage("redis", for_s=1))


KEYS = st.sampled_from(["a", "b", "c"])
TAGS = st.frozensets(st.sampled_from(["t", "u"]), max_size=2)
OPERATIONS = st.lists(
    st.one_of(
        st.tuples(st.just("set"), KEYS, st.text(max_size=3), TAGS, st.sampled_from([5, 50])),
        st.tuples(st.just("get"), KEYS),
        st.tuples(st.just("mget"), st.just("")),
        st.tuples(st.just("fill"), KEYS, st.text(max_size=3), TAGS),
        st.tuples(st.just("delete"), KEYS),
        st.tuples(st.just("tag"), st.sampled_from(["t", "u"])),
        st.tuples(st.just("pattern"), st.sampled_from(["*", "a*", "[bc]"])),
        st.tuples(st.just("touch"), KEYS, st.sampled_from([5, 50])),
        st.tuples(st.just("wait"), st.sampled_from([1.0, 7.0])),
        st.tuples(st.just("outage"), st.just("")),
    ),
    max_size=25,
)


class Model:
    """What a store should hold: a dict."""

    def __init__(self) -> None:
        self.rows: dict[str, tuple[str, frozenset[str], float]] = {}

    def live(self, now_s: float) -> dict[str, str]:
        return {key: row[0] for key, row in self.rows.items() if row[2] > now_s}


@settings(max_examples=100)
@given(operations=OPERATIONS, through=st.lists(st.booleans(), min_size=25, max_size=25))
def test_a_store_is_a_dict(operations, through) -> None:
    """
    Whatever is done through a store, or through one with a near tier, in whatever order, with
    an outage between: what is found is what a dict with tags and times would hold.
    """

    async def story(far: RedisStore[str], world: World) -> None:
        near: NearTier[str] = NearTier(world.client)
        mine = RedisStore(world.client, namespace="answers", kind=str, near=near)
        await near.ready()
        model, loop = Model(), asyncio.get_running_loop()
        down_until_s, is_used = 0.0, False
        for step, (name, key, *rest) in enumerate(operations):
            store = mine if through[step] else far
            is_down = loop.time() < down_until_s
            if name == "wait":
                await asyncio.sleep(key)
            elif name == "outage":
                if not is_used:
                    is_used, down_until_s = True, loop.time() + 1.0
                    world.faults.start()
                    continue
            elif is_down:
                await without_redis(store, name, key, rest)
            else:
                await with_redis(store, name, key, rest, model)
            if is_used and is_down:
                # Past the outage, and the pauses of breaker and near tier.
                await asyncio.sleep(5)
                await far.get("a")
                await mine.get("a")
                down_until_s = 0.0
            # News travels from one process to the other.
            await asyncio.sleep(0.01)
        await mine.aclose()

    tell(story, outage("redis", for_s=1))


async def with_redis(store, name, key, rest, model) -> None:  # noqa: C901 (a case each)
    # A trip takes 1 ms, and times to live are whole seconds: no step falls on the edge.
    now_s = asyncio.get_running_loop().time()
    live = model.live(now_s)
    match name:
        case "set":
            value, tags, ttl_s = rest
            assert await store.set(key, value, tags=tags, ttl_s=ttl_s)
            model.rows[key] = value, tags, now_s + ttl_s
        case "get":
            assert live.get(key) == await store.get(key)
        case "mget":
            assert live == await store.mget(["a", "b", "c"])
        case "fill":
            value, tags = rest

            async def compute() -> str:
                return value

            assert live.get(key, value) == await store.get_or_set(key, compute, tags=tags, ttl_s=50)
            if key not in live:
                model.rows[key] = value, tags, now_s + 50
        case "delete":
            assert (await store.delete(key)) in {0, 1}
            model.rows.pop(key, None)
        case "tag":
            await store.invalidate_tag(key)
            model.rows = {k: row for k, row in model.rows.items() if key not in row[1]}
        case "pattern":
            await store.invalidate(key)
            gone = {"*": "abc", "a*": "a", "[bc]": "bc"}[key]
            model.rows = {k: row for k, row in model.rows.items() if k not in gone}
        case "touch":
            done = await store.touch(key, ttl_s=rest[0])
            assert done or key not in live
            if key in live:
                model.rows[key] = (*model.rows[key][:2], now_s + rest[0])


async def without_redis(store, name, key, rest) -> None:
    match name:
        case "set":
            assert not await store.set(key, rest[0], tags=rest[1])
        case "get":
            assert None is await store.get(key)
        case "mget":
            assert {} == await store.mget(["a", "b", "c"])
        case "fill":
            assert rest[0] == await store.get_or_set(
                key, lambda: asyncio.sleep(0, rest[0]), tags=rest[1]
            )
        case "touch":
            assert not await store.touch(key, ttl_s=rest[0])
        case _:
            removal = {
                "delete": store.delete,
                "tag": store.invalidate_tag,
                "pattern": store.invalidate,
            }[name]
            with pytest.raises(StoreUnavailableError):
                await removal(key)
