"""
redis-py's asyncio client by itself: CPU time per operation, without a server.

What varies here is a requirement, not our commits: see docs/redis-history.md. So these are
``track_*`` and no ``time_*``, which every comparison of two commits would run.

The peer lives in memory and answers a command that it has seen before at the price of one
look-up, in the next turn of the loop. What is left is what the client costs its process.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Hashable, Iterable, Iterator
from functools import cache
from typing import Any

from redis._parsers import _AsyncHiredisParser, _AsyncRESP2Parser
from redis.asyncio import Redis
from redis.asyncio.connection import Connection, ConnectionPool

from agent_perf.asv_plugin import fastest

GETS = 100
PIPELINES = 10

_VALUE = b"$1024\r\n" + b"v" * 1024 + b"\r\n"
_REPLIES = {b"GET": _VALUE, b"HELLO": b"%1\r\n$5\r\nproto\r\n:3\r\n"}


class _Peer:
    """The other end of a connection, in the place of its stream writer."""

    def __init__(self, reader: asyncio.StreamReader) -> None:
        self._reader = reader
        self._loop = asyncio.get_running_loop()
        self._known: dict[bytes, bytes] = {}

    def writelines(self, parts: Iterable[bytes]) -> None:
        self.write(b"".join(parts))

    def write(self, data: bytes) -> None:
        reply = self._known.get(data)
        if reply is None:
            reply = self._known[data] = b"".join(
                _REPLIES.get(name, b"+OK\r\n") for name in _command_names(data)
            )
        # In the next turn, as from a socket: the client has to wait, and be woken.
        self._loop.call_soon(self._reader.feed_data, reply)

    async def drain(self) -> None:
        """Nothing to wait for: all is written."""

    def close(self) -> None:
        """Nothing is open."""

    def is_closing(self) -> bool:
        return False

    def get_extra_info(self, name: str, default: object = None) -> object:
        return default


class _InMemory(Connection):
    """A connection to a peer in the same process."""

    async def _connect(self) -> None:
        self._reader = asyncio.StreamReader()
        self._writer = _Peer(self._reader)  # type: ignore[assignment]  # All that is called.


def _command_names(data: bytes) -> Iterator[bytes]:
    """Yield the first word of each command in *data*, RESP arrays of bulk strings."""
    at = 0
    while at < len(data):
        words, at = _number(data, at)
        for index in range(words):
            size, at = _number(data, at)
            if index == 0:
                yield data[at : at + size].upper()
            at += size + 2


def _number(data: bytes, at: int) -> tuple[int, int]:
    """Return the number in the line at *at*, after its type byte, and where the next begins."""
    end = data.index(b"\r\n", at)
    return int(data[at + 1 : end]), end + 2


@cache
def _client(parser: Hashable) -> tuple[asyncio.AbstractEventLoop, Redis]:
    # Made when first used, in the process that measures: a loop does not survive a fork.
    loop = asyncio.new_event_loop()
    pool = ConnectionPool(connection_class=_InMemory, parser_class=parser)
    client = Redis(connection_pool=pool)
    loop.run_until_complete(_gets(client))
    return loop, client


def _cost(
    parser: Hashable, work: Callable[[Redis], Coroutine[Any, Any, None]], calls: int
) -> dict[str, object]:
    loop, client = _client(parser)
    return fastest(lambda: loop.run_until_complete(work(client)), calls=calls)


async def _gets(client: Redis) -> None:
    for _ in range(GETS):
        await client.get("key")


async def _pipelines(client: Redis) -> None:
    for _ in range(PIPELINES):
        async with client.pipeline(transaction=False) as pipeline:
            for _ in range(100):
                pipeline.get("key")
            await pipeline.execute()


class Hiredis:
    """The client with the parser in C, which is used wherever hiredis is installed."""

    unit = "seconds"

    def track_get_1kb(self) -> dict[str, object]:
        return _cost(_AsyncHiredisParser, _gets, GETS)

    def track_pipeline_100_gets(self) -> dict[str, object]:
        return _cost(_AsyncHiredisParser, _pipelines, PIPELINES)


class PurePython:
    """The client with the parser in Python, as without hiredis."""

    unit = "seconds"

    def track_get_1kb(self) -> dict[str, object]:
        return _cost(_AsyncRESP2Parser, _gets, GETS)

    def track_pipeline_100_gets(self) -> dict[str, object]:
        return _cost(_AsyncRESP2Parser, _pipelines, PIPELINES)
