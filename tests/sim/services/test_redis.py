from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import pytest
import redis.asyncio
from hypothesis import given, settings
from hypothesis import strategies as st
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ResponseError, WatchError
from redis.exceptions import TimeoutError as RedisTimeoutError

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

T = TypeVar("T")
Client = redis.asyncio.Redis
Scene = Callable[[SimLoop, Client, Ledger], Awaitable[T]]

MS = 1_000_000


def play(
    scene: Scene[T],
    *,
    command_ns: int = 0,
    latencies: dict[str, float] | None = None,
    **kwargs: object,
) -> T:
    """Run *scene* with a client that is connected already, and close the client."""

    async def main(loop: SimLoop) -> T:
        ledger = Ledger()
        service = SimRedis(round_draws(**(latencies or {})), ledger, command_ns=command_ns)
        async with service.client(**kwargs) as client:
            await client.ping()
            ledger.__init__()  # type: ignore[misc]  # What came before is of no interest.
            return await scene(loop, client, ledger)

    return simulate(main)


async def elapsed_ns(loop: SimLoop, work: Awaitable[object]) -> int:
    start_ns = loop.now_ns
    await work
    return loop.now_ns - start_ns


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


@settings(max_examples=25, deadline=None)
@given(key=st.binary(max_size=40), value=st.binary(max_size=300), protocol=st.sampled_from([2, 3]))
def test_values_are_bytes(key: bytes, value: bytes, protocol: int) -> None:
    """
    Any bytes, line ends and zeros included, come back as they were, as key and as value.
    """

    async def scene(loop: SimLoop, client: Client, ledger: Ledger) -> list[object]:
        await client.set(key, value)
        return [await client.get(key), await client.mget(key, b"other" + key)]

    assert [value, [value, None]] == play(scene, protocol=protocol)


Step = tuple[str, int, int]
steps = st.tuples(
    st.sampled_from(["incr", "pipeline", "transaction", "watch", "lock"]),
    st.integers(0, 3 * MS),
    st.integers(1, 4),
)


@settings(max_examples=30, deadline=None)
@given(st.lists(steps, max_size=8), st.integers(0, 50), st.integers(0, 100_000))
def test_no_increment_is_lost(plan: list[Step], seed: int, command_ns: int) -> None:
    """
    However increments interleave, by commands, pipelines, transactions and locks, the
    counter ends at their sum.
    """

    async def add(client: Client, kind: str, amount: int) -> None:
        match kind:
            case "incr":
                for _ in range(amount):
                    await client.incr("n")
            case "pipeline" | "transaction":
                pipeline = client.pipeline(transaction=kind == "transaction")
                for _ in range(amount):
                    pipeline.incr("n")
                await pipeline.execute()
            case "watch":
                await _add_watched(client, amount)
            case "lock":
                # All that read and write back must hold the lock: a key of their own.
                async with client.lock("lock", timeout=60, sleep=0.001):
                    value = int(await client.get("m") or 0)
                    await client.set("m", value + amount)

    async def main(loop: SimLoop) -> int:
        service = SimRedis(Draws(seed), Ledger(), command_ns=command_ns)
        async with service.client(max_connections=3) as client:

            async def step(request_id: int, kind: str, delay_ns: int, amount: int) -> None:
                await asyncio.sleep(delay_ns / 1e9)
                with request_scope(request_id):
                    await add(client, kind, amount)

            await asyncio.gather(*(step(i, *entry) for i, entry in enumerate(plan)))
            return int(await client.get("n") or 0) + int(await client.get("m") or 0)

    assert sum(amount for *_, amount in plan) == simulate(main)


async def _add_watched(client: Client, amount: int) -> None:
    async with client.pipeline() as pipeline:
        while True:
            try:
                await pipeline.watch("n")
                value = int(await pipeline.get("n") or 0)
                pipeline.multi()
                pipeline.set("n", value + amount)
                await pipeline.execute()
            except WatchError:
                continue
            return


def test_the_same_seed_does_the_same() -> None:
    """
    Two runs of one seed tell the same spans and counts, with subscribers and waiters.
    """

    def once() -> tuple[object, ...]:
        async def main(loop: SimLoop) -> tuple[object, ...]:
            ledger = Ledger()
            service = SimRedis(Draws(5), ledger)
            async with service.client() as client:
                heard: list[tuple[int, int]] = []

                async def listen(number: int) -> None:
                    async with client.pubsub() as pubsub:
                        await pubsub.subscribe("channel")
                        while (await pubsub.get_message(timeout=9) or {}).get("type") != "message":
                            pass
                        heard.append((number, loop.now_ns))

                async def pop() -> object:
                    return await client.blpop(["queue"], timeout=4)

                tasks = [asyncio.create_task(listen(number)) for number in range(6)]
                tasks += [asyncio.create_task(pop()) for _ in range(4)]
                await asyncio.sleep(1)
                await client.publish("channel", "x")
                await client.rpush("queue", 1, 2, 3)
                done = await asyncio.gather(*tasks)
            return heard, done, ledger.spans, ledger.details, loop.now_ns

        return simulate(main)

    assert once() == once()


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
