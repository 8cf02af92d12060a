"""
One connection to a stubbed Redis: its handshake, and round trips without a wire.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from typing import TYPE_CHECKING, Any, Final, NoReturn, TypeVar

import redis.asyncio
from redis import exceptions
from redis._parsers import BaseParser

from agent_perf.sim.faults import FOR_EVER, InjectedError, Lifeline, PeerClosed
from agent_perf.sim.loop import SimLoop
from agent_perf.sim.services.redis_wire import batch_name
from agent_perf.sim.stubs.redis_commands import Command, answers, command_bytes, reply_bytes
from agent_perf.sim.stubs.redis_values import Reply, ReplyError
from agent_perf.units import NS

if TYPE_CHECKING:
    from agent_perf.sim.stubs.redis import StubRedis

T = TypeVar("T")

CONNECT: Final = "redis.connect"
TRIP: Final = "redis.trip"
# What the handshake weighs, there and back.
_HELLO_BYTES: Final = 22
_HELLO_REPLY_BYTES: Final = 148
_SETINFO_BYTES: Final = (57, 53)
_SETINFO_REPLIES_BYTES: Final = 10
# The loop takes what is due then for what never comes.
_NEVER_NS: Final = 1 << 81
_PEER: Final = "localhost:6379"


class StubLink:
    """
    One connection, which carries one exchange at a time.

    Args:
        service: Whose latencies, worker, data, faults and witness are used.
        settings: redis-py's connection, never opened: its time-outs and protocol.
        loop: The running loop.

    Attributes:
        opened: Whether it can be used.
        loop: As given.
        service: As given.
        protocol: 2 or 3.
        lifeline: By which faults break it; None: nothing can.
    """

    __slots__ = ("_limit_ns", "_settings", "lifeline", "loop", "opened", "protocol", "service")

    def __init__(
        self, service: StubRedis, settings: redis.asyncio.Connection, loop: SimLoop
    ) -> None:
        self.opened = False
        self.service = service
        self.loop = loop
        self.protocol: int = settings.protocol
        self.lifeline: Lifeline | None = None
        self._settings = settings
        limit_s = settings.socket_timeout
        self._limit_ns = _NEVER_NS if limit_s is None else round(limit_s * NS)

    async def open(self) -> None:
        """
        Connect and shake hands, as redis-py does.

        Raises:
            redis.exceptions.ConnectionError: If nobody listens.
            redis.exceptions.TimeoutError: If it takes longer than its time-out.
        """
        service, start_ns = self.service, self.loop.now_ns
        service.witness.count("redis_connects")
        try:
            async with asyncio.timeout(self._settings.socket_connect_timeout):
                latency_ns = service.draws.ns(CONNECT)
                if service.faults is None:
                    await asyncio.sleep(latency_ns / NS)
                else:
                    self.lifeline = Lifeline(service.faults)
                    await self.lifeline.open(CONNECT, latency_ns)
                    self.lifeline.broken = self._break
        except TimeoutError as error:
            raise exceptions.TimeoutError("Timeout connecting to server") from error
        except OSError as error:
            raise exceptions.ConnectionError(
                f"Error {error.errno} connecting to {_PEER}. {error.strerror}."
            ) from error
        except InjectedError as error:
            raise exceptions.ConnectionError(error) from error
        finally:
            service.witness.span(CONNECT, start_ns, self.loop.now_ns)
        self.opened = True
        service.connections += 1
        if self.protocol == 3:
            # Its answer tells the connection's number.
            size = _HELLO_REPLY_BYTES + len(str(service.connections))
            await self._greet("HELLO", (_HELLO_BYTES,), size)
        await self._greet("CLIENT SETINFO", _SETINFO_BYTES, _SETINFO_REPLIES_BYTES)

    async def trip(self, commands: Sequence[Command]) -> list[Reply]:
        """
        Return the replies to *commands*, which make one round trip.

        Raises:
            redis.exceptions.ConnectionError: If the connection breaks.
            redis.exceptions.TimeoutError: If it takes longer than the read time-out.
        """
        witness, lifeline = self.service.witness, self.lifeline
        if lifeline is not None and lifeline.error is not None:
            self.close()
            raise _write_error(lifeline.error)
        if len(commands) == 1:
            detail = commands[0][0]
            witness.count("redis_commands", 1, detail)
        else:
            names = [name for name, _ in commands]
            detail = batch_name(names)
            for name in dict.fromkeys(names):
                witness.count("redis_commands", names.count(name), name)
        witness.count("bytes_sent", sum([command_bytes(fields) for _, fields in commands]), detail)
        return await self._travel(commands, detail, len(commands), 0)

    def close(self) -> None:
        """Hang up; what is on its way still arrives."""
        self.opened = False
        if self.lifeline is not None:
            self.lifeline.close()

    def _break(self) -> None:
        """Take note that the connection broke."""
        assert self.lifeline is not None
        # redis-py sees that a peer has hung up before it uses a connection of the pool, and
        # opens another. Of a reset it learns when it writes.
        if isinstance(self.lifeline.error, PeerClosed):
            self.opened = False

    async def _greet(self, detail: str, sent: tuple[int, ...], received: int) -> None:
        self._count_sent(detail, sent[:1])
        for reply in await self._travel((), detail, len(sent), received, sent[1:]):
            error = reply_error(reply) if isinstance(reply, ReplyError) else None
            # Servers that do not know SETINFO are no reason for redis-py to give up.
            if error and not (isinstance(error, exceptions.ResponseError) and detail != "HELLO"):
                self.close()
                raise error

    def _count_sent(self, detail: str, sizes: Sequence[int]) -> None:
        for size in sizes:
            self.service.witness.count("redis_commands", 1, detail)
            self.service.witness.count("bytes_sent", size, detail)

    async def _travel(
        self,
        commands: Sequence[Command],
        detail: str,
        count: int,
        size: int,
        more: Sequence[int] = (),
    ) -> list[Reply]:
        """Return the replies to *commands*, and count their bytes and *size* and *more*."""
        service, lifeline, loop = self.service, self.lifeline, self.loop
        service.witness.count("redis_trips", 1, detail)
        order = _Order(commands, count, service.draws.ns(TRIP) // 2)
        hold_ns = 0 if lifeline is None else self._strike(order, lifeline, detail)
        if more:
            # Written one by one, but sent together.
            self._count_sent(detail, more)
        start_ns = loop.now_ns
        travel = self._go(order, start_ns + hold_ns + order.half_ns, start_ns + self._limit_ns)
        try:
            replies = await (travel if lifeline is None else self._survive(travel, lifeline))
        except BaseException:
            # A reply may still be on its way: nobody else must get it.
            self.close()
            raise
        else:
            known = 0 if order.refusal else size
            size = known + sum([reply_bytes(reply, self.protocol) for reply in replies])
            service.witness.count("bytes_received", size, detail)
            if order.refusal and isinstance(reply_error(order.refusal), exceptions.ConnectionError):
                # To redis-py a server that is still loading is one that is not there.
                self.close()
            return replies
        finally:
            service.witness.span(TRIP, start_ns, loop.now_ns, detail)

    async def _go(self, order: _Order, arrival_ns: int, deadline_ns: int) -> list[Reply]:
        loop, lifeline = self.loop, self.lifeline
        try:
            if arrival_ns >= deadline_ns:
                await self._expire(deadline_ns)
            await loop.pause(arrival_ns - loop.now_ns)
            if lifeline is not None:
                await self._wait_for_way(lifeline, deadline_ns)
        except BaseException:
            # What was sent arrives, whoever went away meanwhile; unless the connection broke.
            if arrival_ns < _NEVER_NS:
                wait_ns = max(0, arrival_ns - loop.now_ns)
                loop.call_later(wait_ns / NS, self._execute_late, order)
            raise
        replies, due_ns = self._execute(order)
        if due_ns >= deadline_ns:
            await self._expire(deadline_ns)
        await loop.pause(due_ns - loop.now_ns)
        if lifeline is not None:
            await self._wait_for_way(lifeline, deadline_ns)
        return replies

    def _execute(self, order: _Order) -> tuple[list[Reply], int]:
        """Return the replies, and when they are back."""
        service, now_ns = self.service, self.loop.now_ns
        due_ns = service.serve(now_ns, order.count) + order.half_ns
        if order.refusal is not None:
            return [order.refusal] * order.count, due_ns
        service.keys.now_ns = now_ns
        return answers(service.keys, order.commands, service.witness, self.protocol), due_ns

    def _execute_late(self, order: _Order) -> None:
        lifeline = self.lifeline
        if lifeline is not None:
            if lifeline.error is not None:
                return
            wait_ns = lifeline.point.blocked_ns(lifeline.place)
            if wait_ns:
                if wait_ns != FOR_EVER:
                    self.loop.call_later(wait_ns / NS, self._execute_late, order)
                return
        self._execute(order)

    async def _expire(self, deadline_ns: int) -> NoReturn:
        await self.loop.pause(deadline_ns - self.loop.now_ns)
        raise exceptions.TimeoutError(f"Timeout reading from {_PEER}")

    async def _wait_for_way(self, lifeline: Lifeline, deadline_ns: int) -> None:
        """Wait until nothing keeps what has been sent from arriving."""
        while wait_ns := lifeline.point.blocked_ns(lifeline.place):
            now_ns = self.loop.now_ns
            until_ns = _NEVER_NS if wait_ns == FOR_EVER else now_ns + wait_ns
            if until_ns >= deadline_ns:
                await self._expire(deadline_ns)
            await self.loop.pause(until_ns - now_ns)

    def _strike(self, order: _Order, lifeline: Lifeline, detail: str) -> int:
        """Return how long faults hold *order*, and note what else they do to it."""
        order.half_ns = lifeline.point.stretch(TRIP, 2 * order.half_ns, detail) // 2
        try:
            hold_ns = lifeline.hold_ns(TRIP, detail)
        except InjectedError as error:
            code = error.message.partition(" ")[0]
            order.refusal = ReplyError(error.message if code.isupper() else f"ERR {error.message}")
            return 0
        except ConnectionError as error:
            self.close()
            raise _write_error(error) from error
        return _NEVER_NS if hold_ns == FOR_EVER else hold_ns

    async def _survive(self, travel: Awaitable[T], lifeline: Lifeline) -> T:
        try:
            return await lifeline.run(travel)
        except PeerClosed as error:
            raise exceptions.ConnectionError("Connection closed by server.") from error
        except ConnectionError as error:
            message = f"Error while reading from {_PEER} : {error.args}"
            raise exceptions.ConnectionError(message) from error


def _write_error(error: ConnectionError) -> Exception:
    return exceptions.ConnectionError(
        f"Error {error.errno} while writing to socket. {error.strerror}."
    )


def reply_error(reply: ReplyError) -> Exception:
    """Return redis-py's error for *reply*."""
    # Its own table of what begins with OOM, READONLY, LOADING...
    parser: Any = BaseParser
    error: Exception = parser.parse_error(str(reply))
    return error


class _Order:
    """What is sent in one trip: *half_ns* each way, *refusal* instead of any effect."""

    __slots__ = ("commands", "count", "half_ns", "refusal")

    def __init__(self, commands: Sequence[Command], count: int, half_ns: int) -> None:
        self.commands = commands
        self.count = count
        self.half_ns = half_ns
        self.refusal: ReplyError | None = None
