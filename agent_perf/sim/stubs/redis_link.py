"""
One connection to a stubbed Redis: its handshake, and round trips without a wire.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import redis.asyncio
from redis import exceptions

from agent_perf.sim.loop import SimLoop
from agent_perf.sim.services.redis_wire import batch_name, lookups
from agent_perf.sim.stubs.redis_commands import (
    COMMANDS,
    as_resp2,
    command_bytes,
    execute,
    reply_bytes,
)
from agent_perf.sim.stubs.redis_values import OK, Reply, ReplyError, Status
from agent_perf.units import NS

if TYPE_CHECKING:
    from agent_perf.sim.stubs.redis import StubRedis

Command = tuple[str, Sequence[bytes]]
"""Its name, in capitals, and its fields."""

CONNECT: Final = "redis.connect"
TRIP: Final = "redis.trip"
# What the server says to HELLO: seven pairs, of which the version's length is what varies.
_HELLO_BYTES: Final = (22, 149)
_SETINFO_BYTES: Final = (110, 10)


class StubLink:
    """
    Args:
        service: Whose latencies, worker, data, faults and witness are used.
        settings: redis-py's connection, never opened: its time-outs and protocol.
    """

    __slots__ = ("_loop", "_service", "_settings", "_timeout_ns", "opened")

    def __init__(
        self, service: StubRedis, settings: redis.asyncio.Connection, loop: SimLoop
    ) -> None:
        self.opened = False
        self._service = service
        self._settings = settings
        self._loop = loop
        limit_s = settings.socket_timeout
        self._timeout_ns = None if limit_s is None else round(limit_s * NS)

    async def open(self) -> None:
        """
        Connect and shake hands, as redis-py does.

        Raises:
            redis.exceptions.ConnectionError: If nobody listens.
            redis.exceptions.TimeoutError: If it takes longer than its time-out.
        """
        loop, service, settings = self._loop, self._service, self._settings
        start_ns = loop.now_ns
        service.witness.count("redis_connects")
        try:
            async with asyncio.timeout(settings.socket_connect_timeout):
                latency_ns = service.draws.ns(CONNECT)
                if service.faults is not None:
                    await service.faults.admit(CONNECT)
                    latency_ns = service.faults.stretch(CONNECT, latency_ns)
                await asyncio.sleep(latency_ns / NS)
        except TimeoutError as error:
            raise exceptions.TimeoutError("Timeout connecting to server") from error
        except OSError as error:
            raise exceptions.ConnectionError(f"{error}") from error
        finally:
            service.witness.span(CONNECT, start_ns, loop.now_ns)
        if settings.protocol == 3:
            await self._greet(["HELLO"], *_HELLO_BYTES)
        await self._greet(["CLIENT SETINFO"] * 2, *_SETINFO_BYTES)
        self.opened = True

    async def trip(self, commands: Sequence[Command]) -> list[Reply]:
        """
        Return the replies to *commands*, which make one round trip.

        Raises:
            redis.exceptions.ConnectionError: If the connection breaks.
            redis.exceptions.TimeoutError: If it takes longer than the read time-out.
        """
        witness = self._service.witness
        if len(commands) == 1:
            detail = commands[0][0]
            await self._admit(detail)
            witness.count("redis_commands", 1, detail)
        else:
            names = [name for name, _ in commands]
            detail = batch_name(names)
            await self._admit(detail)
            for name in dict.fromkeys(names):
                witness.count("redis_commands", names.count(name), name)
        size = sum([command_bytes(fields) for _, fields in commands])
        witness.count("bytes_sent", size, detail)
        return await self._travel(commands, detail, len(commands), 0)

    async def _greet(self, names: list[str], sent: int, received: int) -> None:
        detail, witness = names[0], self._service.witness
        await self._admit(detail)
        witness.count("redis_commands", len(names), detail)
        witness.count("bytes_sent", sent, detail)
        await self._travel((), detail, len(names), received)

    async def _admit(self, detail: str) -> None:
        faults = self._service.faults
        if faults is None:
            return
        try:
            async with asyncio.timeout(self._settings.socket_timeout):
                await faults.admit(TRIP, detail)
        except TimeoutError as error:
            self.opened = False
            raise exceptions.TimeoutError("Timeout writing to socket") from error
        except OSError as error:
            self.opened = False
            raise exceptions.ConnectionError(f"Error while writing to socket. {error}") from error

    async def _travel(
        self, commands: Sequence[Command], detail: str, count: int, size: int
    ) -> list[Reply]:
        service, loop = self._service, self._loop
        service.witness.count("redis_trips", 1, detail)
        start_ns = loop.now_ns
        latency_ns = service.draws.ns(TRIP)
        if service.faults is not None:
            latency_ns = service.faults.stretch(TRIP, latency_ns)
        half_ns = latency_ns // 2
        trip = Trip(self, commands, detail, count, size, half_ns)
        limit_ns = self._timeout_ns
        trip.deadline_ns = None if limit_ns is None else start_ns + limit_ns
        loop.call_later(half_ns / NS, trip.arrive)
        if limit_ns is not None and half_ns >= limit_ns:
            # The reply will be late whatever the server does.
            loop.call_later(limit_ns / NS, trip.expire)
        service.under_way[trip] = None
        try:
            return await trip.done
        except BaseException:
            # A reply may still be on its way: nobody else must get it.
            self.opened = False
            raise
        finally:
            del service.under_way[trip]
            service.witness.span(TRIP, start_ns, loop.now_ns, detail)


class Trip:
    """What was written at one instant, until its replies are there."""

    __slots__ = (
        "_commands", "_count", "_detail", "_half_ns", "_link", "_size", "deadline_ns", "done",
    )  # fmt: skip

    def __init__(
        self,
        link: StubLink,
        commands: Sequence[Command],
        detail: str,
        count: int,
        size: int,
        half_ns: int,
    ) -> None:
        self._link = link
        self._commands = commands
        self._detail = detail
        self._count = count
        self._size = size
        self._half_ns = half_ns
        self.deadline_ns: int | None = None
        self.done: asyncio.Future[list[Reply]] = link._loop.create_future()

    def arrive(self) -> None:
        """Execute the commands, whoever still waits, and send the replies back."""
        link = self._link
        loop, service = link._loop, link._service
        now_ns, protocol = loop.now_ns, link._settings.protocol
        due_ns = service.serve(now_ns, self._count) + self._half_ns
        replies = self._execute(now_ns)
        if protocol == 2:
            replies = [as_resp2(reply) for reply in replies]
        deadline_ns = self.deadline_ns
        if deadline_ns is not None and due_ns >= deadline_ns:
            if deadline_ns > now_ns:
                loop.call_later((deadline_ns - now_ns) / NS, self.expire)
            return
        size = self._size + sum([reply_bytes(reply, protocol) for reply in replies])
        loop.call_later((due_ns - now_ns) / NS, self._receive, replies, size)

    def expire(self) -> None:
        """Let whoever waits go on without a reply."""
        self.cut(exceptions.TimeoutError("Timeout reading from localhost:6379"))

    def cut(self, error: Exception) -> None:
        """Let whoever waits get *error*."""
        if not self.done.done():
            self.done.set_exception(error)

    def _receive(self, replies: list[Reply], size: int) -> None:
        if not self.done.done():
            self._link._service.witness.count("bytes_received", size, self._detail)
            self.done.set_result(replies)

    def _execute(self, now_ns: int) -> list[Reply]:
        keys = self._link._service.keys
        keys.now_ns = now_ns
        commands = self._commands
        if commands and commands[0][0] == "MULTI":
            results = [self._run(name, fields) for name, fields in commands[1:-1]]
            return [OK, *[Status(b"QUEUED")] * len(results), results]
        return [self._run(name, fields) for name, fields in commands]

    def _run(self, name: str, fields: Sequence[bytes]) -> Reply:
        service = self._link._service
        if name not in COMMANDS:
            return ReplyError(f"ERR unknown command '{name}'")
        reply = execute(service.keys, name, fields)
        hits, misses = lookups(name, reply) if not isinstance(reply, ReplyError) else (0, 0)
        if hits:
            service.witness.count("redis_hits", hits, name)
        if misses:
            service.witness.count("redis_misses", misses, name)
        return reply
