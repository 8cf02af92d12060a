"""What redis-py builds on a connection: retries, locks, subscriptions; in virtual time."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import redis.asyncio
from redis.asyncio.retry import Retry
from redis.backoff import ConstantBackoff, ExponentialBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import LockNotOwnedError

from agent_perf.sim import SimLoop, SimRedis, simulate
from agent_perf.sim.faults import Fault, outage, reset
from tests.sim.faults.plans import Plan, at_ms
from tests.sim.services.ledger import Ledger, round_draws

MS = 1_000_000
TRIP_MS = 0.4


def broken_world(loop: SimLoop, *faults: Fault) -> tuple[SimRedis, Ledger]:
    """Return a server whose faults begin now, and its ledger."""
    ledger = Ledger()
    service = SimRedis(round_draws(), ledger, command_ns=0)
    plan = Plan(loop, *faults)
    service.faults = plan.point("redis")
    plan.start()
    return service, ledger


@pytest.mark.parametrize(
    ("backoff", "answered_ms"),
    [
        # Refused at 0, 300, 600 and 900 ms; then a connect of 1 ms, two trips of a
        # handshake, and the command's.
        (ConstantBackoff(0.3), 1200 + 1 + 3 * TRIP_MS),
        # Refused at 0, 200 and 600 ms.
        (ExponentialBackoff(cap=10, base=0.1), 200 + 400 + 800 + 1 + 3 * TRIP_MS),
    ],
)
def test_retries_back_off_in_virtual_time(backoff: Any, answered_ms: float) -> None:
    """
    A server that is down for a second answers the first attempt after it, to the nanosecond.
    """

    async def main(loop: SimLoop) -> float:
        service, _ = broken_world(loop, outage("redis", at_s=0, for_s=1))
        async with service.client(retry=Retry(backoff, 6)) as client:
            await client.ping()
            return loop.now_ns / MS

    assert answered_ms == simulate(main)


def test_retries_end() -> None:
    """
    Two retries are three connects; then the client's own error reaches the program.
    """

    async def main(loop: SimLoop) -> tuple[int, int]:
        service, ledger = broken_world(loop, outage("redis", at_s=0, for_s=60))
        async with service.client(retry=Retry(ConstantBackoff(0.25), 2)) as client:
            with pytest.raises(RedisConnectionError):
                await client.ping()
            return ledger.counts["redis_connects"], loop.now_ns // MS

    assert (3, 500) == simulate(main)


def test_a_lock_that_ran_out_is_anothers() -> None:
    """
    Whoever works longer than the lock's time-out finds it owned by the next in line, who
    got it at the first look after it ran out.
    """

    async def main(loop: SimLoop) -> tuple[float, bool]:
        async with SimRedis(round_draws(), Ledger(), command_ns=0).client() as client:
            await client.ping()
            begin_ns = loop.now_ns
            slow = client.lock("job", timeout=0.25)
            await slow.acquire()
            other = client.lock("job", timeout=9, sleep=0.1)
            assert await other.acquire()
            got_ms = (loop.now_ns - begin_ns) / MS
            with pytest.raises(LockNotOwnedError):
                await slow.release()
            return got_ms, await other.owned()

    got_ms, owned = simulate(main)
    # Looks are a trip and a tenth of a second apart; the second client connects first.
    assert owned
    assert 250 <= got_ms < 250 + 100 + 2 * TRIP_MS


def test_who_waits_for_a_lock_gives_up_in_time() -> None:
    """
    `blocking_timeout` ends the wait without the lock; its holder notices nothing.
    """

    async def main(loop: SimLoop) -> tuple[bool, bool, int]:
        service = SimRedis(round_draws(redis_trip=0.0), Ledger(), command_ns=0)
        async with service.client() as client:
            await client.ping()
            holder = client.lock("job")
            await holder.acquire()
            start_ns = loop.now_ns
            got = await client.lock("job", blocking_timeout=0.35, sleep=0.1).acquire()
            return got, await holder.owned(), (loop.now_ns - start_ns) // (100 * MS)

    assert (False, True, 3) == simulate(main)


def test_of_many_only_one_works_at_a_time() -> None:
    """
    Eight clients contend for one lock: sections never overlap, and all get their turn.
    """

    async def main(loop: SimLoop) -> list[tuple[int, int]]:
        sections: list[tuple[int, int]] = []
        async with SimRedis(round_draws(), Ledger()).client() as client:

            async def work(number: int) -> None:
                async with client.lock("job", timeout=60, sleep=0.013):
                    begin_ns = loop.now_ns
                    await asyncio.sleep(0.05)
                    sections.append((begin_ns, loop.now_ns))

            await asyncio.gather(*map(work, range(8)))
        return sections

    sections = simulate(main)
    assert 8 == len(sections)
    assert all(end <= begin for (_, end), (begin, _) in zip(sections, sections[1:], strict=False))
    assert sections == simulate(main)


def test_a_subscription_is_renewed_after_a_reset() -> None:
    """
    The connection breaks at 1 s; the subscriber connects and subscribes anew, and hears what
    is said from then on.
    """

    async def main(loop: SimLoop) -> list[bytes]:
        service, _ = broken_world(loop, reset("redis", at_s=1, for_s=0.001))
        heard: list[bytes] = []
        retry = Retry(ConstantBackoff(0.1), 1)
        async with service.client(retry=retry) as client, client.pubsub() as subscriber:
            await subscriber.subscribe("news")

            async def listen() -> None:
                async for message in subscriber.listen():
                    heard.extend([message["data"]] * (message["type"] == "message"))

            listener = asyncio.create_task(listen())
            for ms in (500, 1500):
                await at_ms(loop, ms)
                await client.publish("news", str(ms))
            await at_ms(loop, 2000)
            listener.cancel()
        return heard

    assert [b"500", b"1500"] == simulate(main)


def test_decoded_and_raw_clients_share_a_server() -> None:
    """
    Options of a client are its own: one decodes, the other gets bytes, of the same data.
    """

    async def main(loop: SimLoop) -> tuple[object, object]:
        service = SimRedis(round_draws(), Ledger())
        async with service.client(decode_responses=True) as texts, service.client() as raw:
            await texts.hset("h", mapping={"ä": "ö"})
            return await texts.hgetall("h"), await raw.hgetall("h")

    assert ({"ä": "ö"}, {"ä".encode(): "ö".encode()}) == simulate(main)


def test_a_pool_shared_by_clients_is_one_pool() -> None:
    """
    Two clients on one pool of one connection: the second waits for the first.
    """

    async def main(loop: SimLoop) -> int:
        service = SimRedis(round_draws(), Ledger(), command_ns=0)
        one = service.client(max_connections=1)
        two = redis.asyncio.Redis(connection_pool=one.connection_pool)
        await one.ping()
        start_ns = loop.now_ns
        await asyncio.gather(one.get("a"), two.get("a"))
        took_ns = loop.now_ns - start_ns
        await one.aclose()
        return took_ns

    assert 2 * TRIP_MS * MS == simulate(main)
