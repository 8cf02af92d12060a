"""
A shared connection to Redis: CPU time per command, and what it saves in round trips.

The peer lives in memory, as redis_client's does: it answers what it has seen before at the
price of one look-up, in the next turn of the loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from functools import cache
from typing import Any

from agent_perf import World, scenario
from agent_perf.asv_plugin import Cache, ScenarioBenchmark, per_call
from agent_perf.components import RedisClient, RedisLink, RedisPyClient
from agent_perf.records import Tier
from agent_perf.suite import Ask, Request

CALLS = 1_000
TASKS = 50

_HELLO = b"%1\r\n$5\r\nproto\r\n:3\r\n"
_VALUE = b"$1024\r\n" + b"v" * 1024 + b"\r\n"


class _Peer(asyncio.Transport):
    """The transport of a connection whose other end is in this process."""

    def __init__(self, loop: asyncio.AbstractEventLoop, protocol: asyncio.BufferedProtocol) -> None:
        super().__init__()
        self._loop = loop
        self._protocol = protocol
        self._known: dict[bytes, bytes] = {}

    def write(self, data: bytes | bytearray | memoryview[Any]) -> None:
        data = bytes(data)
        reply = self._known.get(data)
        if reply is None:
            gets = data.count(b"\r\nGET\r\n")
            reply = self._known[data] = _VALUE * gets if gets else _HELLO
        # In the next turn, as from a socket: the caller has to wait, and be woken.
        self._loop.call_soon(self._deliver, reply)

    def abort(self) -> None:
        """Nothing is open."""

    def _deliver(self, reply: bytes) -> None:
        left = memoryview(reply)
        while left:
            buffer = memoryview(self._protocol.get_buffer(-1))
            size = min(len(buffer), len(left))
            buffer[:size] = left[:size]
            self._protocol.buffer_updated(size)
            left = left[size:]


class _Loop(asyncio.SelectorEventLoop):
    """A loop whose connections all lead to a peer in memory."""

    async def create_connection(
        self, protocol_factory: Callable[[], Any], *_: object, **__: object
    ) -> tuple[asyncio.Transport, Any]:
        protocol = protocol_factory()
        transport = _Peer(self, protocol)
        protocol.connection_made(transport)
        return transport, protocol


@cache
def _linked() -> tuple[_Loop, RedisLink]:
    # Made when first used, in the process that measures: a loop does not survive a fork.
    loop, link = _Loop(), RedisLink("redis://memory")
    loop.run_until_complete(_gets(link, 1))
    return loop, link


async def _gets(link: RedisLink, calls: int) -> None:
    for _ in range(calls):
        await link.execute("GET", "key")


class Link:
    """RedisLink by itself, its time-outs included; CPU time per command, values of 1 KB."""

    @per_call(CALLS)
    def time_get(self) -> None:
        loop, link = _linked()
        loop.run_until_complete(_gets(link, CALLS))

    @per_call(CALLS)
    def time_get_50_tasks(self) -> None:
        loop, link = _linked()

        async def calls() -> None:
            await asyncio.gather(*(_gets(link, CALLS // TASKS) for _ in range(TASKS)))

        loop.run_until_complete(calls())

    @per_call(CALLS)
    def time_batch_of_100(self) -> None:
        loop, link = _linked()
        commands = [("GET", "key")] * 100

        async def calls() -> None:
            for _ in range(CALLS // 100):
                await link.execute_many(commands)

        loop.run_until_complete(calls())


def _client(world: World) -> RedisClient:
    """Return a link where there is a network; in the process, redis-py behind its interface."""
    if world.tier is Tier.WIRE:
        return RedisLink(world.redis.url)
    return RedisPyClient(world.redis.client(), owned=True)


@scenario("link.fan_out", requests=500, targets="cache.get")
async def fan_out(world: World) -> AsyncIterator[Request]:
    """Ten look-ups at once, as parts of one page: with ``--tier wire`` over a RedisLink."""
    client = _client(world)
    await client.execute_many([("SET", f"part-{n}", f"{n}" * 500) for n in range(100)])

    async def request(ask: Ask) -> None:
        keys = (f"part-{(ask.index + n) % 100}" for n in range(10))
        await asyncio.gather(*(client.execute("GET", key) for key in keys))

    try:
        yield request
    finally:
        await client.aclose()


class FanOut(ScenarioBenchmark):
    scenario = fan_out
    counts = ("redis_trips", "redis_commands", "redis_connects", "bytes_received")

    def setup_cache(self) -> Cache:
        return self.measure()
