"""A shared connection in a simulated Redis, where all is well."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import DataError, ResponseError

from agent_perf.components import LinkStats, RedisLink
from agent_perf.errors import ConfigError, UsageError
from agent_perf.sim import simulate
from agent_perf.sim.wire import Link, Network
from agent_perf.sim.wire.redis import WireRedis
from tests.components.link.peers import linked
from tests.sim.services.ledger import Ledger
from tests.sim.wire.nets import draws, ideal

CONNECT_S, TRIP_S, COMMAND_S = 0.002, 0.001, 8e-6


def in_redis(story, *, way: Link | None = None, **options):
    """Return what *story*, given a link, returns in a simulated Redis, and the work counts."""
    ledger = Ledger()

    async def main(loop):
        network = Network(loop, draws(), ledger)
        WireRedis(network, draws(), ledger, link=way or ideal("redis"))
        try:
            async with RedisLink("redis://redis.sim", **options) as link:
                return await story(link)
        finally:
            network.close()

    return simulate(main), ledger.counts


async def some_of_all(link):
    """Use commands of each kind of reply."""
    return [
        await link.execute("SET", "a", b"1", "PX", 5000),
        await link.execute(b"get", "a"),
        await link.execute("GET", "b"),
        await link.execute("EXISTS", "a", "b"),
        await link.execute("INCRBYFLOAT", "a", 0.5),
        await link.execute("MGET", "a", "b"),
        await link.execute_many([("SET", "c", 1), ("INCR", "c"), ("GET", "c")]),
    ]


@pytest.mark.parametrize("protocol", [2, 3])
@pytest.mark.parametrize("way", [ideal("redis"), Link(service="redis", segment_bytes=3)])
def test_replies_come_as_they_are(protocol, way) -> None:
    """
    Of either protocol, whole or in segments of 3 bytes, each command gets its reply.
    """
    expected = [b"OK", b"1", None, 1, b"1.5", [b"1.5", None], [b"OK", 2, b"2"]]

    assert expected == in_redis(some_of_all, protocol=protocol, way=way)[0]


def test_what_is_asked_in_one_turn_is_one_round_trip() -> None:
    """
    Fifty tasks' GETs are one write, after one that connects and greets.
    """

    async def story(link):
        await link.execute("PING")
        await asyncio.gather(*(link.execute("GET", index) for index in range(50)))
        return link.stats()

    stats, counts = in_redis(story)

    assert (3, 1, 51) == (counts["redis_trips"], counts["redis_connects"], stats.commands)
    assert (3, 1, 0, 50) == (stats.round_trips, stats.connects, stats.pending, stats.pending_max)


def test_time_is_that_of_the_trips() -> None:
    """
    A first command takes connecting, greeting and its own trip; the next its own trip only.
    """

    async def story(link):
        loop = asyncio.get_running_loop()
        times = [loop.time()]
        for _ in range(2):
            await link.execute("GET", "a")
            times.append(loop.time())
        return [round(after - before, 9) for before, after in pairwise(times)]

    first, second = in_redis(story)[0]

    assert round(CONNECT_S + 2 * (TRIP_S + COMMAND_S), 9) == first
    assert round(TRIP_S + COMMAND_S, 9) == second


def test_a_refusal_is_raised_or_stands_in_its_place() -> None:
    """
    One command's ResponseError is raised, a batch's stands where its reply would.
    """

    async def story(link):
        await link.execute("SET", "a", "text")
        with pytest.raises(ResponseError, match="not an integer"):
            await link.execute("INCR", "a")
        return await link.execute_many([("GET", "a"), ("INCR", "a"), ("GET", "a")])

    before, refusal, after = in_redis(story)[0]

    assert (b"text", b"text") == (before, after)
    assert isinstance(refusal, ResponseError)


def test_a_batch_of_nothing_is_nothing() -> None:
    """
    No commands, no round trip.
    """

    async def story(link):
        return await link.execute_many([])

    assert ([], 0) == (in_redis(story)[0], in_redis(story)[1]["redis_trips"])


def test_a_whole_transaction_is_a_batch() -> None:
    """
    From MULTI to EXEC in one batch, commands are a transaction.
    """

    async def story(link):
        return await link.execute_many([("MULTI",), ("SET", "a", 1), ("INCR", "a"), ("EXEC",)])

    assert [b"OK", b"QUEUED", b"QUEUED", [b"OK", 2]] == in_redis(story)[0]


def test_the_greeting_is_one_trip() -> None:
    """
    Protocol, name, database and the user's own greeting are said in one write.
    """

    async def main(loop):
        ledger = Ledger()
        network = Network(loop, draws(), ledger)
        WireRedis(network, draws(), ledger, link=ideal("redis"))
        url = "redis://redis.sim:6379/3"
        async with RedisLink(url, client_name="me", greeting=[("SET", "hello", 1)]) as link:
            found = await link.execute("GET", "hello"), await link.execute("CLIENT", "GETNAME")
        async with RedisLink("redis://redis.sim:6379/0") as link:
            other = await link.execute("GET", "hello")
        network.close()
        return found, other, ledger.counts["redis_trips"]

    assert ((b"1", b"me"), None, 3 + 2) == simulate(main)


def test_several_connections_share_the_calls() -> None:
    """
    With three connections, a call goes where the fewest wait.
    """

    async def story(link, peer, loop):
        await asyncio.gather(*(link.execute("ECHO", index) for index in range(9)))
        return peer.accepted, link.stats().pending_max, link.stats().connections

    assert (3, 3, 3) == linked(story, connections=3)


def test_a_value_of_ten_megabytes_is_a_value() -> None:
    """
    Through windows of 64 KiB it comes back as it went, and the others wait their turn.
    """
    value = bytes(range(256)) * 40_960

    async def story(link):
        await asyncio.gather(
            link.execute("SET", "big", value), *(link.execute("SET", n, n) for n in range(20))
        )
        big, *small = await asyncio.gather(
            link.execute("GET", "big"), *(link.execute("GET", n) for n in range(20))
        )
        return big == value, small

    narrow = Link(service="redis", bytes_per_s=None, window_bytes=65_536)
    replies = in_redis(story, way=narrow)[0]

    assert (True, [b"%d" % n for n in range(20)]) == replies


def test_closing_waits_for_replies_that_are_under_way() -> None:
    """
    aclose drains: what was sent gets its reply; what comes after is an error that says so.
    """

    async def story(link, peer, loop):
        asked = [link.execute("ECHO", index) for index in range(3)]
        await link.aclose()
        with pytest.raises(RedisConnectionError, match="closed: make another"):
            link.execute("PING")
        await link.aclose()
        await asyncio.sleep(1)
        return [future.result() for future in asked], peer.open

    assert ([b"0", b"1", b"2"], []) == linked(story)


def test_health_tells_what_is_wrong() -> None:
    """
    A Redis that answers is up; one that does not is down, with the reason.
    """

    async def story(link, peer, loop):
        well = await link.health()
        peer.is_silent = True
        return well, await link.health()

    well, ill = linked(story, timeout_s=0.5)

    assert (True, "") == (well.is_up, well.detail)
    assert not ill.is_up
    assert "TimeoutError" in ill.detail


def test_levels_are_named() -> None:
    """
    What is not a count since the beginning is listed as a level.
    """
    assert {"connections", "pending", "pending_max"} == LinkStats.LEVELS


@pytest.mark.parametrize(
    ("command", "way_out"),
    [
        (("BLPOP", "q", 0), "redis-py"),
        (("subscribe", "news"), "pubsub"),
        ((b"MULTI",), "execute_many"),
        (("WATCH", "a"), "script"),
        (("SELECT", 1), "URL"),
        (("CLIENT", "reply", "OFF"), "wrong callers"),
        (("CLIENT", b"TRACKING", "ON"), "greeting="),
        (("XREAD", "COUNT", 1, b"block", 0, "STREAMS", "s", "$"), "blocks"),
        (("QUIT",), "aclose"),
    ],
)
def test_what_cannot_be_shared_is_refused(command, way_out) -> None:
    """
    A command that would block, or change, the connection of all is refused, unsent.
    """

    async def story(link, peer, loop):
        for _ in range(2):
            with pytest.raises(UsageError, match=way_out):
                link.execute(*command)
            with pytest.raises(UsageError, match=way_out):
                link.execute_many([("PING",), command])
        # Their harmless kin may pass.
        await link.execute("XREAD", "COUNT", 1, "STREAMS", "s", "0")
        await link.execute("CLIENT", "ID")
        return peer.commands

    assert [b"XREAD", b"CLIENT"] == [command[0] for command in linked(story)]


@pytest.mark.parametrize(
    "command", [(), (None,), ("",), ([],), (5,), ("GET", None), ("GET", True), ("GET", "\ud800")]
)
def test_what_cannot_be_written_is_refused(command) -> None:
    """
    A command that is none is a DataError, and leaves nothing behind.
    """

    async def story(link, peer, loop):
        for _ in range(2):
            with pytest.raises(DataError):
                link.execute(*command)
            with pytest.raises(DataError):
                link.execute_many([("PING",), command])
        return await link.execute("ECHO", "x"), link.stats().pending

    assert (b"x", 0) == linked(story)


@pytest.mark.parametrize(
    "options",
    [
        {"timeout_s": 0},
        {"timeout_s": float("nan")},
        {"connect_timeout_s": -1},
        {"connections": 0},
        {"pending_max": 0},
        {"pause_s": 2.0, "pause_s_max": 1.0},
        {"protocol": 4},
        {"protocol": 2, "on_push": print},
        {"ping_s": 0},
    ],
)
def test_arguments_out_of_range_are_refused(options) -> None:
    """
    The error names the argument.
    """
    with pytest.raises(ConfigError, match=next(iter(options))):
        RedisLink("redis://redis.sim", **options)


def test_a_link_serves_one_loop_after_another() -> None:
    """
    In the next loop it begins anew: nothing of the last one is used.
    """
    link = RedisLink("redis://redis.sim")

    def run():
        async def main(loop):
            network = Network(loop, draws(), Ledger())
            WireRedis(network, draws(), Ledger(), link=ideal("redis"))
            await link.execute("SET", "a", 1)
            network.close()

        simulate(main)

    run()
    run()

    assert (2, 4) == (link.stats().connects, link.stats().round_trips)
