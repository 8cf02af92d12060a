"""
One connection to a stubbed Redis: its handshake, and round trips without a wire.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from typing import TYPE_CHECKING, Final, NoReturn, TypeVar

import redis.asyncio
from redis import exceptions

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
# Bytes there and back. What the server says to HELLO is the same for all clients.
_HELLO_BYTES: Final = (22, 149)
_SETINFO_BYTES: Final = (110, 10)
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
                    self.lifeline.broken = self.close
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
        if self.protocol == 3:
            await self._greet(["HELLO"], *_HELLO_BYTES)
        await self._greet(["CLIENT SETINFO"] * 2, *_SETINFO_BYTES)

    async def trip(self, commands: Sequence[Command]) -> list[Reply]:
        """
        Return the replies to *commands*, which make one round trip.

        Raises:
            redis.exceptions.ConnectionError: If the connection breaks.
            redis.exceptions.TimeoutError: If it takes longer than the read time-out.
        """
        witness = self.service.witness
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

    async def _greet(self, names: list[str], sent: int, received: int) -> None:
        detail, witness = names[0], self.service.witness
        witness.count("redis_commands", len(names), detail)
        witness.count("bytes_sent", sent, detail)
        await self._travel((), detail, len(names), received)

    async def _travel(
        self, commands: Sequence[Command], detail: str, count: int, size: int
    ) -> list[Reply]:
        """Return the replies to *commands*, and count their bytes and *size* more."""
        service, lifeline, loop = self.service, self.lifeline, self.loop
        service.witness.count("redis_trips", 1, detail)
        order = _Order(commands, count, service.draws.ns(TRIP) // 2)
        hold_ns = 0 if lifeline is None else self._strike(order, lifeline, detail)
        start_ns = loop.now_ns
        travel = self._go(order, start_ns + hold_ns + order.half_ns, start_ns + self._limit_ns)
        try:
            replies = await (travel if lifeline is None else self._survive(travel, lifeline))
        except BaseException:
            # A reply may still be on its way: nobody else must get it.
            self.close()
            raise
        else:
            size += sum([reply_bytes(reply, self.protocol) for reply in replies])
            service.witness.count("bytes_received", size, detail)
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
            raise exceptions.ConnectionError(
                f"Error {error.errno} while writing to socket. {error.strerror}."
            ) from error
        return _NEVER_NS if hold_ns == FOR_EVER else hold_ns

    async def _survive(self, travel: Awaitable[T], lifeline: Lifeline) -> T:
        try:
            return await lifeline.run(travel)
        except PeerClosed as error:
            raise exceptions.ConnectionError("Connection closed by server.") from error
        except ConnectionError as error:
            message = f"Error while reading from {_PEER} : {error.args}"
            raise exceptions.ConnectionError(message) from error


class _Order:
    """What is sent in one trip: *half_ns* each way, *refusal* instead of any effect."""

    __slots__ = ("commands", "count", "half_ns", "refusal")

    def __init__(self, commands: Sequence[Command], count: int, half_ns: int) -> None:
        self.commands = commands
        self.count = count
        self.half_ns = half_ns
        self.refusal: ReplyError | None = None
