"""
One connection to a stubbed Redis: its handshake, and round trips without a wire.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

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

    __slots__ = (
        "_limit_ns",
        "_settings",
        "_trip",
        "lifeline",
        "loop",
        "opened",
        "protocol",
        "service",
    )

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
        self._limit_ns = None if limit_s is None else round(limit_s * NS)
        self._trip: Trip | None = None

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
        return await self._travel(Trip(self, commands, detail, len(commands), 0))

    def close(self) -> None:
        """Hang up; what is on its way still arrives."""
        self.opened = False
        if self.lifeline is not None:
            self.lifeline.close()

    async def _greet(self, names: list[str], sent: int, received: int) -> None:
        detail, witness = names[0], self.service.witness
        witness.count("redis_commands", len(names), detail)
        witness.count("bytes_sent", sent, detail)
        await self._travel(Trip(self, (), detail, len(names), received))

    async def _travel(self, trip: Trip) -> list[Reply]:
        witness, loop = self.service.witness, self.loop
        witness.count("redis_trips", 1, trip.detail)
        try:
            trip.leave(self._limit_ns)
        except ConnectionError as error:
            self.close()
            raise exceptions.ConnectionError(
                f"Error {error.errno} while writing to socket. {error.strerror}."
            ) from error
        start_ns = loop.now_ns
        self._trip = trip
        try:
            return await trip.done
        except BaseException:
            # A reply may still be on its way: nobody else must get it.
            self.close()
            raise
        finally:
            self._trip = None
            witness.span(TRIP, start_ns, loop.now_ns, trip.detail)

    def _break(self) -> None:
        """Lose the connection: what is on its way, either way, is gone."""
        self.opened = False
        if self._trip is not None:
            assert self.lifeline is not None
            error = self.lifeline.error
            if error is None or isinstance(error, PeerClosed):
                self._trip.fail(exceptions.ConnectionError("Connection closed by server."))
            else:
                message = f"Error while reading from {_PEER} : {error.args}"
                self._trip.fail(exceptions.ConnectionError(message))


class Trip:
    """
    What was written at one instant, until its replies are there.

    Args:
        link: Whose it is.
        commands: None for a greeting, which the server answers with *size* bytes.
        detail: What it is called.
        count: Number of commands.
        size: Of the replies, beyond those to *commands*.
    """

    __slots__ = (
        "_commands",
        "_count",
        "_deadline_ns",
        "_half_ns",
        "_link",
        "_refusal",
        "_size",
        "detail",
        "done",
    )

    def __init__(
        self, link: StubLink, commands: Sequence[Command], detail: str, count: int, size: int
    ) -> None:
        self.detail = detail
        self.done: asyncio.Future[list[Reply]] = link.loop.create_future()
        self._link = link
        self._commands = commands
        self._count = count
        self._size = size
        self._half_ns = 0
        self._deadline_ns = _NEVER_NS
        self._refusal: ReplyError | None = None

    def leave(self, limit_ns: int | None) -> None:
        """
        Set out, to be back within *limit_ns*; None: at any time.

        Raises:
            ConnectionError: If the connection breaks under it.
        """
        link = self._link
        loop, lifeline = link.loop, link.lifeline
        latency_ns, hold_ns = link.service.draws.ns(TRIP), 0
        if lifeline is not None:
            latency_ns = lifeline.point.stretch(TRIP, latency_ns // 2 * 2, self.detail)
            hold_ns = self._hold(lifeline)
        self._half_ns = latency_ns // 2
        arrival_ns = hold_ns + self._half_ns
        loop.call_later(arrival_ns / NS, self._arrive)
        if limit_ns is not None:
            self._deadline_ns = loop.now_ns + limit_ns
            if arrival_ns >= limit_ns:
                # The reply will be late whatever the server does.
                loop.call_later(limit_ns / NS, self._expire)

    def fail(self, error: Exception) -> None:
        """Let whoever waits get *error*."""
        if not self.done.done():
            self.done.set_exception(error)

    def _hold(self, lifeline: Lifeline) -> int:
        try:
            hold_ns = lifeline.hold_ns(TRIP, self.detail)
        except InjectedError as error:
            code = error.message.partition(" ")[0]
            message = error.message if code.isupper() else f"ERR {error.message}"
            self._refusal = ReplyError(message)
            return 0
        return _NEVER_NS if hold_ns == FOR_EVER else hold_ns

    def _is_held_up(self, then: Callable[..., None], *args: object) -> bool:
        """Return whether nothing arrives now; *then* is called when it does, if ever."""
        lifeline, loop = self._link.lifeline, self._link.loop
        if lifeline is None:
            return False
        if lifeline.error is not None:
            return True
        wait_ns = lifeline.point.blocked_ns(lifeline.place)
        if not wait_ns:
            return False
        wait_ns = _NEVER_NS if wait_ns == FOR_EVER else wait_ns
        loop.call_later(wait_ns / NS, then, *args)
        if loop.now_ns < self._deadline_ns <= loop.now_ns + wait_ns:
            loop.call_later((self._deadline_ns - loop.now_ns) / NS, self._expire)
        return True

    def _arrive(self) -> None:
        """Execute the commands, whoever still waits, and send the replies back."""
        if self._is_held_up(self._arrive):
            return
        link = self._link
        loop, service = link.loop, link.service
        now_ns = loop.now_ns
        due_ns = service.serve(now_ns, self._count) + self._half_ns
        if self._refusal is None:
            service.keys.now_ns = now_ns
            replies = answers(service.keys, self._commands, service.witness, link.protocol)
        else:
            replies = [self._refusal] * self._count
        deadline_ns = self._deadline_ns
        if due_ns >= deadline_ns:
            if deadline_ns > now_ns:
                loop.call_later((deadline_ns - now_ns) / NS, self._expire)
            return
        size = self._size + sum([reply_bytes(reply, link.protocol) for reply in replies])
        loop.call_later((due_ns - now_ns) / NS, self._receive, replies, size)

    def _receive(self, replies: list[Reply], size: int) -> None:
        if self.done.done() or self._is_held_up(self._receive, replies, size):
            return
        self._link.service.witness.count("bytes_received", size, self.detail)
        self.done.set_result(replies)

    def _expire(self) -> None:
        self.fail(exceptions.TimeoutError(f"Timeout reading from {_PEER}"))
