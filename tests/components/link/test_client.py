"""redis-py behind the interface that the components ask for."""

from __future__ import annotations

import asyncio

import pytest
import redis.asyncio
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ResponseError
from redis.exceptions import TimeoutError as RedisTimeoutError

from agent_perf.components import RedisPyClient
from agent_perf.errors import ConfigError
from agent_perf.sim import SimRedis, simulate
from agent_perf.sim.faults import FaultSchedule, hang, outage
from tests.components.fakes import Counts, constant_draws

TRIP_S = 0.001


def tell(story, *faults, timeout_s=None, **options):
    """Return what *story*, given a client and a SimRedis' counts, returns."""

    async def main(loop):
        counts = Counts()
        draws = constant_draws(redis_trip=TRIP_S, redis_connect=0.0)
        service = SimRedis(draws, counts, command_ns=0)
        schedule = FaultSchedule(faults, loop=loop, draws=draws, witness=counts)
        service.faults = schedule.point("redis")
        client = RedisPyClient(service.client(**options), owned=True, timeout_s=timeout_s)
        await client.execute("PING")
        counts.total.clear()
        schedule.start()
        try:
            return await story(client, counts.total)
        finally:
            await client.aclose()

    return simulate(main)


def test_replies_come_as_they_are() -> None:
    """
    Nothing is made of a reply: SET gives b"OK", EXISTS a number, HGETALL of RESP3 a dict.
    """

    async def story(client, _):
        return [
            await client.execute("SET", "a", b"1", "PX", 5000),
            await client.execute(b"GET", "a"),
            await client.execute("GET", "b"),
            await client.execute("EXISTS", "a", "b"),
            await client.execute("INCRBYFLOAT", "a", 0.5),
            await client.execute("HSET", "h", "f", 1),
            await client.execute("HGETALL", "h"),
        ]

    assert [b"OK", b"1", None, 1, b"1.5", 1, {b"f": b"1"}] == tell(story, protocol=3)


def test_many_commands_are_one_round_trip_and_a_refusal_stands_in_its_place() -> None:
    """
    A batch costs one trip, and a command that is refused does not hide the others' replies.
    """

    async def story(client, total):
        replies = await client.execute_many(
            [("SET", "a", "text"), ("INCR", "a"), ("GET", "a"), ("GET", "b")]
        )
        return replies, total["redis_trips"], await client.execute_many([])

    (first, refusal, *others), trips, none = tell(story)

    assert (b"OK", [b"text", None], 1, []) == (first, others, trips, none)
    assert isinstance(refusal, ResponseError)
    assert "not an integer" in str(refusal)


def test_a_refused_command_raises_what_redis_py_raises() -> None:
    """
    One command's refusal is a ResponseError, and the connection goes on.
    """

    async def story(client, total):
        await client.execute("SET", "a", "text")
        with pytest.raises(ResponseError):
            await client.execute("INCR", "a")
        return await client.execute("GET", "a"), total["redis_connects"]

    assert (b"text", 0) == tell(story)


def test_the_time_out_is_around_all_of_a_call() -> None:
    """
    A Redis that does not answer costs timeout_s, exactly, and a redis-py TimeoutError.
    """

    async def story(client, _):
        loop = asyncio.get_running_loop()
        start_s = loop.time()
        with pytest.raises(RedisTimeoutError, match="timeout_s=0.25"):
            await client.execute("GET", "a")
        return loop.time() - start_s

    assert 0.25 == tell(story, hang("redis", for_s=10.0), timeout_s=0.25)


def test_what_fails_is_repeated_as_the_client_says() -> None:
    """
    The retry of the user's client is obeyed: of none, a lost connection is an error.
    """
    from redis.asyncio.retry import Retry
    from redis.backoff import ConstantBackoff, NoBackoff

    async def story(client, _):
        await asyncio.sleep(1.0)
        return await client.execute("PING")

    crash = outage("redis", at_s=0.5, for_s=1.0)

    assert b"PONG" == tell(story, crash, retry=Retry(ConstantBackoff(1.0), 1))
    with pytest.raises(RedisConnectionError):
        tell(story, crash, retry=Retry(NoBackoff(), 0))


def test_a_cancelled_caller_leaves_no_reply_behind() -> None:
    """
    Whoever uses the pool after a cancelled call gets their own reply.
    """

    async def story(client, _):
        await client.execute("SET", "mine", "mine")
        await client.execute("SET", "other", "other")
        task = asyncio.create_task(client.execute("GET", "other"))
        await asyncio.sleep(TRIP_S / 2)
        task.cancel()
        return [await client.execute("GET", "mine") for _ in range(3)]

    assert [b"mine"] * 3 == tell(story)


def test_only_an_owned_client_is_closed() -> None:
    """
    What the caller made, the caller closes.
    """

    class Fake(redis.asyncio.Redis):
        closed = 0

        async def aclose(self, close_connection_pool=None) -> None:
            Fake.closed += 1

    async def main():
        await RedisPyClient(Fake()).aclose()
        before = Fake.closed
        await RedisPyClient(Fake(), owned=True).aclose()
        return before, Fake.closed

    assert (0, 1) == asyncio.run(main())


@pytest.mark.parametrize(
    ("options", "way_out"),
    [
        ({"decode_responses": True}, "decode_responses=False"),
        ({"single_connection_client": True}, "without single_connection_client"),
    ],
)
def test_clients_that_cannot_serve_are_refused(options, way_out) -> None:
    """
    A client that decodes, or that one task can use at a time, is refused with the way out.
    """
    with pytest.raises(ConfigError, match=way_out):
        RedisPyClient(redis.asyncio.Redis(**options))


def test_a_time_out_of_nothing_is_refused() -> None:
    """
    timeout_s is above 0 or None.
    """
    with pytest.raises(ConfigError, match="timeout_s=0"):
        RedisPyClient(redis.asyncio.Redis(), timeout_s=0)
