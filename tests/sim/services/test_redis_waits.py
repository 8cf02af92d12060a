"""Who waits, for how long, and for whom: pools, time-outs, blocking commands, messages."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from agent_perf.sim import (
    SimLoop,
    SimRedis,
    constant_table,
    request_scope,
    simulate,
)
from tests.sim.services.ledger import REDIS_TRIP_NS, Ledger, round_draws
from tests.sim.services.redis_stage import MS, Client, elapsed_ns, play


def test_the_pool_makes_clients_wait() -> None:
    """
    With 5 connections, 20 commands at once end in 4 waves, one trip apart.
    """

    async def scene(loop: SimLoop, client: Client, ledger: Ledger) -> list[int]:
        await asyncio.gather(*(client.ping() for _ in range(5)))
        return list(await asyncio.gather(*(elapsed_ns(loop, client.get("a")) for _ in range(20))))

    waves = [REDIS_TRIP_NS * wave for wave in (1, 2, 3, 4) for _ in range(5)]
    assert waves == play(scene, max_connections=5, timeout=None)


def test_the_pool_times_out_in_virtual_time() -> None:
    """
    Who waits for a connection longer than the pool's time-out gets redis-py's error then.
    """

    async def scene(loop: SimLoop, client: Client, ledger: Ledger) -> int:
        holder = asyncio.create_task(client.blpop(["queue"], timeout=3))
        await asyncio.sleep(0.1)
        start_ns = loop.now_ns
        with pytest.raises(RedisConnectionError, match="No connection available"):
            await client.get("a")
        waited_ns = loop.now_ns - start_ns
        assert await holder is None
        return waited_ns

    assert 500 * MS == play(scene, max_connections=1, timeout=0.5, socket_timeout=None)


def test_keys_expire_in_virtual_time() -> None:
    """
    A key with 60 seconds to live is there after 59 and gone after 61.
    """

    async def scene(loop: SimLoop, client: Client, ledger: Ledger) -> list[object]:
        await client.set("a", "1", ex=60)
        await asyncio.sleep(59)
        before = [await client.get("a"), await client.ttl("a")]
        await asyncio.sleep(2)
        return [*before, await client.get("a"), await client.ttl("a")]

    assert [b"1", 1, None, -2] == play(scene)


def test_socket_timeout_is_enforced() -> None:
    """
    A reply that takes longer than socket_timeout raises at exactly the deadline, the
    connection is dropped, and the next command opens another.
    """

    async def main(loop: SimLoop) -> None:
        ledger = Ledger()
        service = SimRedis(round_draws(), ledger)
        async with service.client(socket_timeout=0.25) as client:
            await client.ping()
            service.draws.tables["redis.trip"] = constant_table("redis.trip", 0.4)
            start_ns = loop.now_ns
            with pytest.raises(RedisTimeoutError):
                await client.ping()
            assert 250 * MS == loop.now_ns - start_ns
            assert 250 * MS == ledger.lengths("redis.trip")[-1]
            service.draws.tables["redis.trip"] = constant_table("redis.trip", 0.2)
            await client.ping()
            assert 2 == ledger.counts["redis_connects"]

    simulate(main)


def test_socket_connect_timeout_is_enforced() -> None:
    """
    A connect that takes longer than socket_connect_timeout raises at exactly that time.
    """

    async def main(loop: SimLoop) -> None:
        ledger = Ledger()
        service = SimRedis(round_draws(redis_connect=2.0), ledger)
        async with service.client(socket_connect_timeout=0.3) as client:
            with pytest.raises(RedisTimeoutError, match="connecting"):
                await client.ping()
        assert 300 * MS == loop.now_ns
        assert [300 * MS] == ledger.lengths("redis.connect")

    simulate(main)


def test_a_late_reply_to_a_dropped_connection_is_nobodys() -> None:
    """
    A command cancelled under way takes effect at the server, and its reply is lost.
    """

    async def scene(loop: SimLoop, client: Client, ledger: Ledger) -> object:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.0001):
                await client.incr("n")
        await asyncio.sleep(1)
        return await client.get("n")

    assert b"1" == play(scene)


def test_messages_take_half_a_trip_each_way() -> None:
    """
    A published message reaches its subscriber one trip after it was sent.
    """

    async def scene(loop: SimLoop, client: Client, ledger: Ledger) -> int:
        async with client.pubsub() as pubsub:
            await pubsub.subscribe("channel")
            assert "subscribe" == (await pubsub.get_message(timeout=1))["type"]
            await client.ping()
            reader = asyncio.create_task(pubsub.get_message(timeout=5))
            await asyncio.sleep(1)
            sent_ns = loop.now_ns
            assert 1 == await client.publish("channel", "hello")
            message = await reader
            assert b"hello" == message["data"]
            return loop.now_ns - sent_ns

    assert REDIS_TRIP_NS == play(scene)


def test_a_lock_lets_one_in_at_a_time() -> None:
    """
    Three tasks that each hold redis-py's lock for 50 ms are inside one after the other.
    """

    async def scene(loop: SimLoop, client: Client, ledger: Ledger) -> list[int]:
        entered = []

        async def work() -> None:
            async with client.lock("lock", timeout=10, sleep=0.1):
                entered.append(loop.now_ns)
                await asyncio.sleep(0.05)

        await asyncio.gather(*(work() for _ in range(3)))
        return [later - earlier for earlier, later in zip(entered, entered[1:], strict=False)]

    gaps_ns = play(scene)
    assert 2 == len(gaps_ns)
    assert all(gap_ns >= 50 * MS for gap_ns in gaps_ns)
    assert gaps_ns == play(scene)


def test_blocked_clients_are_served_in_turn() -> None:
    """
    Who has waited longest gets the first element; who gets none returns at its time-out.
    """

    async def scene(loop: SimLoop, client: Client, ledger: Ledger) -> list[tuple[object, int]]:
        async def pop() -> tuple[object, int]:
            return await client.blpop(["queue"], timeout=3), loop.now_ns

        await asyncio.gather(*(client.ping() for _ in range(4)))
        start_ns = loop.now_ns
        poppers = [asyncio.create_task(pop()) for _ in range(3)]
        await asyncio.sleep(1)
        await client.rpush("queue", "first", "second")
        return [(item, end_ns - start_ns) for item, end_ns in await asyncio.gather(*poppers)]

    assert [
        ((b"queue", b"first"), 1_000 * MS + REDIS_TRIP_NS),
        ((b"queue", b"second"), 1_000 * MS + REDIS_TRIP_NS),
        (None, 3_000 * MS + REDIS_TRIP_NS),
    ] == [(tuple(item) if item else None, ns) for item, ns in play(scene)]


def test_who_gave_up_takes_nothing() -> None:
    """
    A client that hung up while it waited for an element leaves it to others.
    """

    async def scene(loop: SimLoop, client: Client, ledger: Ledger) -> object:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                await client.blpop(["queue"], timeout=0)
        await client.rpush("queue", "x")
        return await client.lrange("queue", 0, -1)

    assert [b"x"] == play(scene, socket_timeout=None)


def test_commands_behind_a_blocked_one_wait() -> None:
    """
    In a pipeline, what follows a blocking command runs when that is answered.
    """

    async def scene(loop: SimLoop, client: Client, ledger: Ledger) -> tuple[object, int]:
        pipeline = client.pipeline(transaction=False)
        pipeline.set("a", 1).blpop(["queue"], timeout=5).get("a")
        waiting = asyncio.create_task(pipeline.execute())
        await asyncio.sleep(1)
        await client.set("a", 2)
        await client.rpush("queue", "x")
        return await waiting, ledger.counts["redis_hits"]

    results, hits = play(scene)
    assert [True, (b"queue", b"x"), b"2"] == [
        tuple(item) if isinstance(item, list) else item for item in results
    ]
    assert 1 == hits


def test_a_blocked_clients_trip_is_its_own() -> None:
    """
    What another request's command brings about is counted for the request that waited.
    """

    async def scene(loop: SimLoop, client: Client, ledger: Ledger) -> list[tuple[str, int]]:
        await asyncio.gather(client.ping(), client.ping())
        ledger.__init__()  # type: ignore[misc]

        async def as_request(request_id: int, work: Callable[[], Awaitable[object]]) -> None:
            with request_scope(request_id):
                await work()

        async with asyncio.TaskGroup() as group:
            group.create_task(as_request(1, lambda: client.blpop(["queue"], timeout=5)))
            await asyncio.sleep(1)
            group.create_task(as_request(2, lambda: client.rpush("queue", "x")))
        return sorted(
            (detail, owner) for (*_, detail), owner in zip(ledger.spans, ledger.owners, strict=True)
        )

    assert [("BLPOP", 1), ("RPUSH", 2)] == play(scene)


@pytest.mark.parametrize("count", [None, 10])
def test_a_consumer_of_a_stream_waits(count: int | None) -> None:
    """
    A group's reader takes what is there at once, then waits for an entry or its time-out.
    """

    async def scene(loop: SimLoop, client: Client, ledger: Ledger) -> list[tuple[int, int]]:
        async def read() -> tuple[int, int]:
            start_ns = loop.now_ns
            found = await client.xreadgroup("g", "c", {"s": ">"}, count=count, block=3_000)
            rows = [row for _, rows in dict(found or {}).items() for row in rows]
            return len(rows), loop.now_ns - start_ns

        await client.xgroup_create("s", "g", mkstream=True)
        await client.xadd("s", {"n": 1})
        at_once = await read()
        late = asyncio.create_task(read())
        await asyncio.sleep(1)
        await client.xadd("s", {"n": 2})
        return [at_once, await late, await read()]

    (first, at_once_ns), (second, late_ns), (third, nothing_ns) = play(scene)
    assert (1, REDIS_TRIP_NS) == (first, at_once_ns)
    assert second == 1
    assert 1_000 * MS < late_ns < 1_010 * MS
    assert (0, 3_000 * MS + REDIS_TRIP_NS) == (third, nothing_ns)
