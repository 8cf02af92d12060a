"""
Redis clients of a program: redis-py's own connections, to the world's server.
"""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from typing import Any
from weakref import ref

import redis.asyncio.connection as library

from agent_perf.sim.egress.services import Services
from agent_perf.sim.services.redis import SimRedisConnection


def catch_redis(stack: ExitStack, services: Services, *, wire: bool) -> None:
    """Let every connection of redis-py's asynchronous clients lead to the Redis of *services*."""
    opened: list[ref[Any]] = []

    async def connect(self: Any) -> None:
        server = services.redis
        async with asyncio.timeout(self.socket_connect_timeout):
            if wire:
                host: str = server.host  # type: ignore[attr-defined]  # WireRedis has one.
                self._reader, self._writer = await asyncio.open_connection(host, _PORT)
            else:
                link = await server.connect()
                # A link is all of a StreamWriter that redis-py uses.
                self._reader, self._writer = link.reader, link
        opened.append(ref(self))

    async def connect_by_path(self: Any) -> None:
        await connect(self)
        await self.on_connect()

    def forget() -> None:
        for found in opened:
            connection = found()
            # Another class's connection is gone with its world.
            if connection is not None and not isinstance(connection, SimRedisConnection):
                connection._parser.on_disconnect()
                if connection._writer is not None:
                    connection._writer.close()
                connection._reader = connection._writer = None

    stack.callback(forget)
    for kind, replacement in (
        (library.Connection, connect),
        (library.UnixDomainSocketConnection, connect_by_path),
    ):
        stack.callback(setattr, kind, "_connect", kind._connect)
        kind._connect = replacement  # type: ignore[method-assign]  # That is the point.


_PORT = 6379
