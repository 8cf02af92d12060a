"""Redis over the wire: the same answers, counts and times as in the process."""

from __future__ import annotations

import asyncio

import pytest
import redis.asyncio
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ResponseError

from agent_perf.sim import SimRedis, simulate
from agent_perf.sim.wire import Link, Network
from agent_perf.sim.wire.redis import WireRedis
from tests.sim.services.ledger import Ledger
from tests.sim.wire.nets import MS, draws, ideal

COMMAND_NS = 8_000
GET_NS = MS + COMMAND_NS


def over_wire(main, link: Link | None = None):
    """Return what *main* returns, given the loop and a WireRedis, and the ledger."""
    ledger = Ledger()

    async def run(loop):
        network = Network(loop, draws(), ledger)
        service = WireRedis(network, draws(), ledger, link=link or ideal("redis"))
        try:
            return await main(loop, service)
        finally:
            network.close()

    return simulate(run), ledger


def in_process(main):
    """Likewise with SimRedis, which has no wire."""
    ledger = Ledger()
    return simulate(lambda loop: main(loop, SimRedis(draws(), ledger))), ledger


async def everything(loop, service, **options):
    """Use commands, pipelines, transactions, blocking and pub/sub; return what came."""
    async with service.client(**options) as client:
        found = [await client.set("a", 1), await client.get("a"), await client.get("b")]
        async with client.pipeline(transaction=True) as pipeline:
            for _ in range(5):
                pipeline.incr("n")
            found.append(await pipeline.execute())
        with pytest.raises(ResponseError):
            await client.lpush("a", "x")
        async with client.pubsub() as pubsub:
            await pubsub.subscribe("news")
            await client.publish("news", "hello")
            found += [(await pubsub.get_message(timeout=1))["data"] for _ in range(2)]
        waiting = asyncio.create_task(client.blpop(["queue"], timeout=5))
        await asyncio.sleep(0.1)
        await client.rpush("queue", "item")
        found.append(await waiting)
        found.append(await client.blpop(["queue"], timeout=1))
        return found


@pytest.mark.parametrize("protocol", [2, 3])
@pytest.mark.parametrize("link", [ideal("redis"), Link(service="redis", segment_bytes=3)])
def test_answers_are_those_of_the_service_in_the_process(protocol, link) -> None:
    """RESP2 and RESP3, whole or in segments of 3 bytes: every answer is the same."""

    def main(loop, service):
        return everything(loop, service, protocol=protocol)

    assert in_process(main)[0] == over_wire(main, link)[0]


def test_latency_and_work_are_those_of_the_service_in_the_process() -> None:
    """On a link of latency only, a GET takes as long, to the nanosecond, and counts the same."""

    async def main(loop, service):
        async with service.client(protocol=2) as client:
            await client.ping()
            times = []
            for key in ("a", "b", "a"):
                start_ns = loop.now_ns
                await client.get(key)
                times.append(loop.now_ns - start_ns)
            async with client.pipeline(transaction=False) as pipeline:
                pipeline.set("a", "x" * 1_000).get("a").mget("a", "b")
                await pipeline.execute()
            return times

    (here, near), (there, far) = in_process(main), over_wire(main)
    wire = {name: n for name, n in far.counts.items() if name.startswith("tcp_")}

    assert [GET_NS] * 3 == here == there
    assert near.counts == {name: n for name, n in far.counts.items() if name not in wire}
    # The three of before, the pipeline's, and no more.
    assert near.spans[-4:] == far.spans[-4:]
    assert len(near.spans) == len(far.spans)
    assert {"tcp_connects", "tcp_writes", "tcp_bytes"} == wire.keys()


def test_bandwidth_and_window_show_in_large_values() -> None:
    """A value of 1 MB at 1 GB/s takes a millisecond more; through a window of 64 KB, 15 trips."""

    async def main(loop, service):
        async with service.client() as client:
            await client.ping()
            start_ns = loop.now_ns
            await client.set("a", b"x" * 1_000_000)
            return (loop.now_ns - start_ns) // 10_000

    fast = Link(service="redis", bytes_per_s=1_000_000_000, window_bytes=None)
    narrow = Link(service="redis", bytes_per_s=None, window_bytes=65_536)

    assert (GET_NS + MS) // 10_000 == over_wire(main, fast)[0]
    # ceil(1,000,000 / 65,536) = 16 windows, each a round trip; the last one's is the reply's.
    assert (GET_NS + 15 * MS) // 10_000 == over_wire(main, narrow)[0]


def test_a_client_of_ones_own_finds_the_server_by_name() -> None:
    """`redis.asyncio.Redis(host="redis.sim")` works without being given anything of ours."""

    async def main(loop, service):
        async with redis.asyncio.Redis(host="redis.sim") as client:
            await client.set("a", "1")
            return await client.get("a")

    assert b"1" == over_wire(main)[0]


def test_a_client_that_gives_up_closes_its_connection() -> None:
    """A time-out of the client ends the connection; the server's session leaves its wait."""

    async def main(loop, service):
        async with service.client(socket_timeout=0.5, retry=None) as client:
            with pytest.raises(redis.exceptions.TimeoutError):
                await client.blpop(["queue"], timeout=0)
            gave_up_ns = loop.now_ns
            await asyncio.sleep(0.1)
            waiting = len(service.server.blocked)
            await client.rpush("queue", "item")
            return waiting, await client.llen("queue"), gave_up_ns

    waiting, length, _ = over_wire(main)[0]

    assert (0, 1) == (waiting, length)


def test_nobody_listening_is_a_connection_error() -> None:
    """Another port of the host refuses, and redis-py says so."""

    async def main(loop, service):
        async with service.client(port=1, retry=None) as client:
            with pytest.raises(RedisConnectionError, match="redis.sim:1"):
                await client.ping()

    over_wire(main)
