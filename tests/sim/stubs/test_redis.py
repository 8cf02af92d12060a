"""
The stub of Redis answers, counts and takes its time like redis-py on the simulated server.
"""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import redis
from hypothesis import given, settings
from hypothesis import strategies as st

from agent_perf.components import NearTier, RedisPyClient, RedisStore
from agent_perf.errors import UsageError
from agent_perf.records import Tier
from agent_perf.suite import World
from tests.sim.stubs.both import agreed, outcome, told

KEYS = st.sampled_from(["a", "b", "c"])
# Not the empty string: fakeredis takes it for the number 0, Redis and the stub for no number.
VALUES = st.sampled_from(["7", "-3", "x", "ä", "9223372036854775807"]) | st.integers(-5, 5)
PLACES = st.integers(-4, 4)

# redis-py deprecates commands that people still use.
pytestmark = pytest.mark.filterwarnings("ignore:Call to deprecated:DeprecationWarning")


def command(name: str, *arguments: st.SearchStrategy[Any], **options: Any) -> Any:
    return st.tuples(st.just(name), st.tuples(*arguments), st.fixed_dictionaries(options))


COMMANDS = st.one_of(
    command("get", KEYS),
    command("set", KEYS, VALUES),
    command("set", KEYS, VALUES, ex=st.integers(1, 3), nx=st.booleans()),
    command("set", KEYS, VALUES, px=st.integers(1, 9), xx=st.booleans(), get=st.booleans()),
    command("set", KEYS, VALUES, keepttl=st.just(True)),
    command("setex", KEYS, st.integers(0, 2), VALUES),
    command("setnx", KEYS, VALUES),
    command("mset", st.dictionaries(KEYS, VALUES, min_size=1)),
    command("mget", st.lists(KEYS, min_size=1, max_size=3)),
    command("getset", KEYS, VALUES),
    command("getdel", KEYS),
    command("append", KEYS, VALUES),
    command("strlen", KEYS),
    command("incr", KEYS, st.integers(-2, 2)),
    command("decr", KEYS),
    command("delete", KEYS, KEYS),
    command("unlink", KEYS),
    command("exists", KEYS, KEYS),
    command("type", KEYS),
    command("expire", KEYS, st.integers(-1, 3)),
    command("pexpire", KEYS, st.integers(1, 9)),
    command("persist", KEYS),
    command("ttl", KEYS),
    command("keys", st.sampled_from(["*", "a*", "[ab]", "[^a]", "?"])),
    command("dbsize"),
    command("hset", KEYS, KEYS, VALUES),
    command("hget", KEYS, KEYS),
    command("hmget", KEYS, st.lists(KEYS, min_size=1, max_size=3)),
    command("hgetall", KEYS),
    command("hdel", KEYS, KEYS),
    command("hexists", KEYS, KEYS),
    command("hincrby", KEYS, KEYS, st.integers(-2, 2)),
    command("hlen", KEYS),
    command("lpush", KEYS, VALUES, VALUES),
    command("rpush", KEYS, VALUES),
    command("lpop", KEYS),
    command("rpop", KEYS, st.integers(1, 3)),
    command("lrange", KEYS, PLACES, PLACES),
    command("ltrim", KEYS, PLACES, PLACES),
    command("lindex", KEYS, PLACES),
    command("llen", KEYS),
    command("sadd", KEYS, VALUES, VALUES),
    command("srem", KEYS, VALUES),
    command("smembers", KEYS),
    command("sismember", KEYS, VALUES),
    command("scard", KEYS),
    command("zadd", KEYS, st.dictionaries(KEYS, st.integers(-2, 2), min_size=1)),
    command("zincrby", KEYS, st.integers(-2, 2), KEYS),
    command("zscore", KEYS, KEYS),
    command("zrange", KEYS, PLACES, PLACES, withscores=st.booleans()),
    command("zrem", KEYS, KEYS),
    command("ping"),
)


async def _answers(world: World, commands: Any, **client: Any) -> list[Any]:
    found = []
    async with world.redis.client(**client) as redis_client:
        for name, arguments, options in commands:
            found.append(await outcome(getattr(redis_client, name)(*arguments, **options)))
    return found


@settings(max_examples=60, deadline=None)
@given(st.lists(COMMANDS, max_size=12))
def test_commands_agree(commands: Any) -> None:
    """
    Any commands get the same replies, counts, bytes and times on both tiers.
    """
    agreed(lambda world: _answers(world, commands))


@pytest.mark.parametrize("options", [{"decode_responses": True}, {"protocol": 2}])
def test_replies_agree_whatever_the_protocol(options: dict[str, Any]) -> None:
    """
    Decoded replies, and those of RESP2, have the shapes that redis-py gives them.
    """
    commands: list[Any] = [
        ("set", ("k", "ä"), {"ex": 5}),
        ("get", ("k",), {}),
        ("mget", (["k", "none"],), {}),
        ("hset", ("h", "f", 1), {}),
        ("hgetall", ("h",), {}),
        ("zadd", ("z", {"one": 1, "half": 0.5}), {}),
        ("zrange", ("z", 0, -1), {"withscores": True}),
        ("zscore", ("z", "half"), {}),
        ("sadd", ("s", "b", "a"), {}),
        ("smembers", ("s",), {}),
        ("scan", (0,), {"match": "?", "count": 2}),
        ("get", ("h",), {}),
    ]

    answers = agreed(lambda world: _answers(world, commands, **options))

    assert answers[1] == ("ä" if "decode_responses" in options else "ä".encode())


@pytest.mark.parametrize(
    "words",
    [
        ("ZRANGE", "z", 0, -1, "rev", "withscores"),
        ("SCAN", 0, "COUNT", 0),
        ("SCAN", 0, "count", -1),
    ],
)
def test_options_agree(words: tuple[Any, ...]) -> None:
    """
    Options in any case are followed, and those that Redis refuses are refused.
    """

    async def work(world: World) -> Any:
        async with world.redis.client() as client:
            await client.zadd("z", {"one": 1, "half": 0.5})
            return await outcome(client.execute_command(*words))

    agreed(work)


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("u:[[]1]", {"u:[1]"}),
        (r"u:\[1\]", {"u:[1]"}),
        (r"u:\*", {"u:*"}),
        ("u:[!1]", {"u:1", "u:!"}),
        ("u:[^!1]", {"u:*", "u:\n"}),
        (r"u:[\^1]", {"u:1"}),
        ("u:[0-9]", {"u:1"}),
        ("u:[9-0]", {"u:1"}),
        ("u:[!-", {"u:!"}),
        ("u:?", {"u:*", "u:1", "u:!", "u:\n"}),
        ("*1*", {"u:1", "u:[1]"}),
    ],
)
def test_patterns_agree(pattern: str, found: set[str]) -> None:
    """
    KEYS takes a pattern as Redis does: a backslash escapes, and only ^ negates.
    """

    async def work(world: World) -> Any:
        async with world.redis.client(decode_responses=True) as client:
            await client.mset(dict.fromkeys(["u:*", "u:1", "u:!", "u:[1]", "u:\n"], 0))
            return sorted(await client.keys(pattern))

    assert found == set(agreed(work))


def test_an_empty_string_is_no_number() -> None:
    """
    INCR of an empty string is refused, as Redis does; fakeredis takes it for 0.
    """

    async def work(world: World) -> None:
        async with world.redis.client() as client:
            await client.set("k", "")
            with pytest.raises(redis.ResponseError, match="not an integer"):
                await client.incr("k")
            assert 1 == await client.incr("none")

    told(work, Tier.STUB)


def test_an_option_without_its_value_is_refused() -> None:
    """
    A SCAN that ends in MATCH is an error of Redis's, not one of Python's.
    """

    async def work(world: World) -> None:
        async with world.redis.client() as client:
            with pytest.raises(redis.ResponseError, match="syntax error"):
                await client.execute_command("SCAN", 0, "MATCH")

    told(work, Tier.STUB)


@settings(max_examples=30, deadline=None)
@given(st.lists(COMMANDS, min_size=1, max_size=6), st.booleans())
def test_pipelines_agree(commands: Any, transaction: bool) -> None:
    """
    A pipeline, in a transaction or not, is one trip with the same replies on both tiers.
    """

    async def work(world: World) -> Any:
        async with world.redis.client() as client:
            pipeline: Any = client.pipeline(transaction=transaction)
            for name, arguments, options in commands:
                getattr(pipeline, name)(*arguments, **options)
            replies = await pipeline.execute(raise_on_error=False)
            return [str(reply) if isinstance(reply, Exception) else reply for reply in replies]

    agreed(work)


def test_waits_for_the_pool_agree() -> None:
    """
    Ten who share two connections wait as long on both tiers.
    """

    async def work(world: World) -> list[int]:
        async with world.redis.client(max_connections=2) as client:

            async def one(number: int) -> int:
                await client.set(f"k{number}", number)
                return round(world.now_s() * 1e9)

            return await asyncio.gather(*map(one, range(10)))

    ends_ns = agreed(work)

    assert len(set(ends_ns)) == 10


@pytest.mark.parametrize(
    "options",
    [
        {"max_connections": 1, "timeout": 0.0001},
        {"socket_timeout": 0.0002},
        {"socket_timeout": 0.0006},
        {"socket_connect_timeout": 0.0005},
    ],
)
def test_timeouts_agree(options: dict[str, Any]) -> None:
    """
    Who waits too long for the pool, the connect or a reply gets redis-py's error then.
    """

    async def work(world: World) -> list[Any]:
        async with world.redis.client(**options) as client:
            calls = [outcome(client.set(f"k{number}", number)) for number in range(3)]
            first = await asyncio.gather(*calls)
            return [*first, await outcome(client.get("k0")), round(world.now_s() * 1e9)]

    agreed(work)


def test_what_is_not_there_says_so() -> None:
    """
    Commands, transactions with WATCH and subscribers that the stub lacks name the other tier.
    """

    async def work(world: World) -> None:
        async with world.redis.client() as client:
            with pytest.raises(UsageError, match="EVAL is not in the stubs.*tier 'client'"):
                await client.eval("return 1", 0)
            with pytest.raises(UsageError, match="pubsub"):
                client.pubsub()
            with pytest.raises(UsageError, match="a connection of one's own"):
                RedisStore(client, namespace="n", kind=str, near=NearTier(client))
            with pytest.raises(UsageError, match="WATCH"):
                await client.pipeline().watch("k")
            with pytest.raises(redis.DataError):
                await client.set("k", None)  # type: ignore[arg-type]
        with pytest.raises(UsageError, match="db=3"):
            world.redis.client(db=3)

    told(work, Tier.STUB)


@pytest.mark.parametrize("protocol", [2, 3])
def test_plain_commands_agree(protocol) -> None:
    """
    A RedisPyClient over the stub sends and gets what it does over redis-py: singly, in
    batches, refused, by many tasks at once.
    """

    async def work(world: World) -> Any:
        client = RedisPyClient(world.redis.client(protocol=protocol, max_connections=3), owned=True)
        found = [
            await client.execute("SET", "a", b"1", "PX", 5000),
            await client.execute("GET", "a"),
            await outcome(client.execute("LPUSH", "a", 1)),
        ]
        *replies, refusal = await client.execute_many(
            [("GET", "b"), ("INCR", "a"), ("MGET", "a", "b"), ("LPUSH", "a", 1)]
        )
        some = await asyncio.gather(*(client.execute("INCR", "n") for _ in range(10)))
        await client.aclose()
        return found, replies, str(refusal), sorted(some)

    found, replies, _, some = agreed(work)

    assert [b"OK", b"1"] == found[:2]
    assert ([None, 2, [b"2", None]], list(range(1, 11))) == (replies, some)
