"""What commands, pipelines and connections cost and count, through redis-py."""

from __future__ import annotations

import asyncio

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ResponseError

from agent_perf.errors import ConfigError
from agent_perf.sim import (
    U53,
    Draws,
    LatencyTable,
    SimLoop,
    SimRedis,
    constant_table,
    request_scope,
    simulate,
)
from tests.sim.services.ledger import REDIS_CONNECT_NS, REDIS_TRIP_NS, Ledger, round_draws
from tests.sim.services.redis_stage import MS, Client, elapsed_ns, play


def test_every_command_is_a_trip() -> None:
    """
    Three commands one after the other take three round trips, exactly.
    """

    async def scene(loop: SimLoop, client: Client, ledger: Ledger) -> int:
        start_ns = loop.now_ns
        for value in range(3):
            await client.set("a", value)
        assert 3 == ledger.counts["redis_trips"]
        assert [REDIS_TRIP_NS] * 3 == ledger.lengths("redis.trip")
        return loop.now_ns - start_ns

    assert 3 * REDIS_TRIP_NS == play(scene)


@pytest.mark.parametrize("transaction", [True, False])
def test_a_pipeline_is_one_trip(transaction: bool) -> None:
    """
    A pipeline of three commands, transaction or not, takes one round trip.
    """

    async def scene(loop: SimLoop, client: Client, ledger: Ledger) -> int:
        pipeline = client.pipeline(transaction=transaction)
        for value in range(3):
            pipeline.set("a", value)
        took_ns = await elapsed_ns(loop, pipeline.execute())
        assert 1 == ledger.counts["redis_trips"]
        assert 3 == ledger.details["redis_commands:SET"]
        return took_ns

    assert REDIS_TRIP_NS == play(scene)


def test_a_command_costs_the_server_its_time() -> None:
    """
    The one worker takes commands in turn: the third of three at once waits for two.
    """

    async def scene(loop: SimLoop, client: Client, ledger: Ledger) -> list[int]:
        return list(await asyncio.gather(*(elapsed_ns(loop, client.get("a")) for _ in range(3))))

    # Two of the three connect first, and arrive later: no queue, so connect beforehand.
    async def warm(loop: SimLoop, client: Client, ledger: Ledger) -> list[int]:
        await scene(loop, client, ledger)
        return await scene(loop, client, ledger)

    assert [1_400_000, 2_400_000, 3_400_000] == play(warm, command_ns=MS)


def test_a_connection_costs_connect_and_handshake() -> None:
    """
    The first command pays for the connection and for what the client says on it.
    """

    async def main(loop: SimLoop) -> None:
        ledger = Ledger()
        async with SimRedis(round_draws(), ledger, command_ns=0).client() as client:
            await client.ping()
            assert REDIS_CONNECT_NS + ledger.counts["redis_trips"] * REDIS_TRIP_NS == loop.now_ns
            assert 1 == ledger.counts["redis_connects"]
            assert [REDIS_CONNECT_NS] == ledger.lengths("redis.connect")
            # Both are written before either is answered, so they share one trip.
            assert 2 == ledger.details["redis_commands:CLIENT SETINFO"]
            assert 1 == ledger.details["redis_trips:CLIENT SETINFO"]

    simulate(main)


def test_commands_take_effect_in_order_of_arrival() -> None:
    """
    Of two writes, the one that arrives first takes effect first, though sent later.
    """
    spread = LatencyTable(name="redis.trip", grid=(0, U53), value_ns=(MS, 100 * MS))
    draws = Draws(1, {"redis.trip": spread, "redis.connect": constant_table("c", 0.001)})
    # The draws of two requests, taken before the play, tell which of them is slow.
    ids = sorted(range(20), key=lambda request_id: draws.u53_for("redis.trip", request_id))
    fast, slow = ids[0], ids[-1]

    async def main(loop: SimLoop) -> object:
        async with SimRedis(draws, Ledger()).client() as client:
            await asyncio.gather(client.ping(), client.ping())

            async def write(request_id: int, delay_s: float) -> None:
                await asyncio.sleep(delay_s)
                with request_scope(request_id):
                    await client.set("last", request_id)

            await asyncio.gather(write(slow, 0.0), write(fast, 0.001))
            return await client.get("last")

    assert str(slow).encode() == simulate(main)


def test_lookups_are_hits_and_misses() -> None:
    """
    GET, GETEX, GETDEL, HGET, MGET and HMGET count each value found and missed; others none.
    """

    async def scene(loop: SimLoop, client: Client, ledger: Ledger) -> None:
        await client.mset({"a": 1, "b": 2})
        await client.hset("hash", mapping={"f": 1})
        await client.exists("a")
        await client.hgetall("none")
        assert 0 == ledger.counts["redis_hits"] + ledger.counts["redis_misses"]
        await client.get("a")
        await client.get("none")
        await client.getex("a", ex=10)
        await client.getdel("none")
        await client.hget("hash", "f")
        await client.hget("hash", "none")
        await client.mget("a", "none", "b")
        await client.hmget("hash", ["f", "none"])

    ledger = Ledger()

    async def keep(loop: SimLoop, client: Client, told: Ledger) -> None:
        nonlocal ledger
        ledger = told
        await scene(loop, client, told)

    play(keep)
    hits = {"GET": 1, "GETEX": 1, "HGET": 1, "MGET": 2, "HMGET": 1}
    misses = {"GET": 1, "GETDEL": 1, "HGET": 1, "MGET": 1, "HMGET": 1}
    assert hits == {n: ledger.details[f"redis_hits:{n}"] for n in hits}
    assert misses == {n: ledger.details[f"redis_misses:{n}"] for n in misses}
    assert (6, 5) == (ledger.counts["redis_hits"], ledger.counts["redis_misses"])


@pytest.mark.parametrize("transaction", [True, False])
def test_lookups_in_pipelines_count(transaction: bool) -> None:
    """
    A lookup inside of a pipeline or a transaction is a hit or a miss like any other.
    """

    async def scene(loop: SimLoop, client: Client, ledger: Ledger) -> tuple[int, int]:
        await client.set("a", 1)
        pipeline = client.pipeline(transaction=transaction)
        await pipeline.get("a").incr("n").get("none").mget("a", "none").execute()
        return ledger.counts["redis_hits"], ledger.counts["redis_misses"]

    assert (2, 2) == play(scene)


def test_bytes_are_those_on_the_wire() -> None:
    """
    Bytes sent and received are the protocol's: 20 and 7 for the GET of a digit.
    """

    async def scene(loop: SimLoop, client: Client, ledger: Ledger) -> tuple[int, int]:
        await client.set("a", 1)
        await client.get("a")
        return ledger.details["bytes_sent:GET"], ledger.details["bytes_received:GET"]

    assert (len(b"*2\r\n$3\r\nGET\r\n$1\r\na\r\n"), len(b"$1\r\n1\r\n")) == play(scene)


@pytest.mark.parametrize("protocol", [2, 3])
def test_both_protocols_answer(protocol: int) -> None:
    """
    Strings, hashes, lists, sets, scores, scripts and errors come through RESP2 and RESP3.
    """

    async def scene(loop: SimLoop, client: Client, ledger: Ledger) -> None:
        assert await client.set("a", "x")
        assert "x" == await client.get("a")
        assert {"f": "1", "g": "2"} == await _hash(client)
        await client.rpush("list", "1", "2")
        assert ["1", "2"] == await client.lrange("list", 0, -1)
        await client.sadd("set", "b", "a")
        assert {"a", "b"} == set(await client.smembers("set"))
        await client.zadd("scores", {"m": 1.5})
        assert 1.5 == await client.zscore("scores", "m")
        assert "x" == await client.eval("return redis.call('GET', KEYS[1])", 1, "a")
        with pytest.raises(ResponseError, match="WRONGTYPE"):
            await client.lpush("a", "1")
        script = client.register_script("return {1, ARGV[1]}")
        assert [1, "é"] == await script(args=["é"])

    async def _hash(client: Client) -> object:
        await client.hset("hash", mapping={"f": 1, "g": 2})
        return await client.hgetall("hash")

    play(scene, protocol=protocol, decode_responses=True)


def test_an_error_reply_keeps_the_connection() -> None:
    """
    After an error reply the connection serves the next command.
    """

    async def scene(loop: SimLoop, client: Client, ledger: Ledger) -> int:
        await client.set("a", 1)
        with pytest.raises(ResponseError):
            await client.lpush("a", 1)
        await client.get("a")
        return ledger.counts["redis_connects"]

    assert 0 == play(scene)


def test_a_real_loop_is_refused() -> None:
    """
    On a real event loop the client fails and says where to run instead.
    """

    async def main() -> None:
        async with SimRedis(round_draws(), Ledger()).client() as client:
            await client.ping()

    with pytest.raises(RedisConnectionError, match=r"inside of simulate"):
        asyncio.run(main())


def test_command_time_is_checked() -> None:
    """
    A negative command_ns is refused, with its value.
    """
    with pytest.raises(ConfigError, match="command_ns=-1"):
        SimRedis(round_draws(), Ledger(), command_ns=-1)
