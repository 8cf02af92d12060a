"""
The server's side of one Redis connection: RESP in, RESP out, in virtual time.
"""

from __future__ import annotations

import asyncio
from collections import deque
from contextvars import copy_context
from typing import TYPE_CHECKING, Final, cast

import hiredis

from agent_perf.sim.faults import FOR_EVER, FaultPoint, InjectedError, PeerClosed
from agent_perf.sim.services.redis_server import RedisSession
from agent_perf.sim.services.redis_wire import batch_name, command_name
from agent_perf.sim.wire.outlet import Tap
from agent_perf.sim.wire.transport import WireTransport
from agent_perf.units import NS

if TYPE_CHECKING:
    from agent_perf.sim.loop import SimLoop
    from agent_perf.sim.wire.redis import WireRedis

TRIP: Final = "redis.trip"


class Trip:
    """
    What a client wrote at one instant, until the last reply to it is there.

    Attributes:
        left_bytes: Of it, not yet at the server.
        commands: Those that the server has still to execute, oldest first.
        detail: The names of its commands, once all are there.
        start_ns: When it was written.
        half_ns: Its way there.
        leave_ns: When the replies leave, once the server has begun.
        end_bytes: How many bytes the client has got on this connection with the last
            reply; None: the server does not know yet.
        held: Whether a fault holds it.
        refusal: What a fault lets the server say instead of executing it.
        context: Of the request that wrote it.
    """

    def __init__(self, size_bytes: int, start_ns: int, half_ns: int) -> None:
        self.half_ns = half_ns
        self.left_bytes = size_bytes
        self.size_bytes = size_bytes
        self.commands: deque[tuple[str, list[bytes]]] = deque()
        self.detail = ""
        self.start_ns = start_ns
        self.leave_ns: int | None = None
        self.end_bytes: int | None = None
        self.held = False
        self.refusal: str | None = None
        self.context = copy_context()


class RespProtocol(asyncio.Protocol):
    """
    One client, from its first byte to its last.

    Args:
        service: Whose data, worker, faults and witness these are.
        loop: The running loop.
        number: Of the client, unique within the service.
    """

    _transport: WireTransport

    def __init__(self, service: WireRedis, loop: SimLoop, number: int) -> None:
        self._service = service
        self._loop = loop
        self._witness = service.witness
        self._session = RedisSession(
            service.server,
            number,
            on_lookups=self._count_lookups,
            on_unblocked=self._unblocked,
            on_push=self._push,
        )
        self._parser = hiredis.Reader()
        self._coming: deque[Trip] = deque()
        self._at_server: deque[Trip] = deque()
        self._unanswered: deque[Trip] = deque()
        self._context = copy_context()
        self._sent_bytes = 0
        self._leave_ns = 0

    def tap(self, tap: Tap) -> Tap:
        """Return what measures round trips at the client's end."""
        return _TripTap(self, tap, self._unanswered)

    def begin_trip(self, size_bytes: int, half_ns: int) -> int:
        """Take note of what the client has just written; return its way there in ns."""
        coming = self._coming
        if coming and coming[-1].start_ns == self._loop.now_ns:
            # Two writes at one instant are one pipeline made by hand.
            coming[-1].left_bytes += size_bytes
            coming[-1].size_bytes += size_bytes
            return coming[-1].half_ns
        point = self._service.faults
        if point is not None:
            half_ns = point.stretch(TRIP, 2 * half_ns) // 2
        trip = Trip(size_bytes, self._loop.now_ns, half_ns)
        self._context = trip.context
        self._coming.append(trip)
        self._unanswered.append(trip)
        return half_ns

    def end_trip(self, trip: Trip) -> None:
        """Take note that the last reply to *trip* is there, or that none will come."""
        self._witness.span(TRIP, trip.start_ns, self._loop.now_ns, trip.detail)

    def count_received(self, size_bytes: int) -> None:
        """Take note of replies that have arrived at the client."""
        detail = self._unanswered[0].detail if self._unanswered else "PUSH"
        self._witness.count("bytes_received", size_bytes, detail)

    # -- What the transport calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast("WireTransport", transport)

    def data_received(self, data: bytes) -> None:
        """Take a piece of what the client has written: a part of one trip, or of several."""
        while data:
            trip = self._coming[0]
            part, data = data[: trip.left_bytes], data[trip.left_bytes :]
            trip.left_bytes -= len(part)
            self._parser.feed(part)
            while (fields := self._parser.gets()) is not False:
                trip.commands.append((command_name(fields), fields))
            if not trip.left_bytes:
                self._coming.popleft()
                self._arrive(trip)
        self._execute()

    def eof_received(self) -> bool:
        """Close: a client that writes no more has left."""
        return False

    def connection_lost(self, error: Exception | None) -> None:
        """Forget the client."""
        self._at_server.clear()
        self._session.close()

    # -- At the server

    def _arrive(self, trip: Trip) -> None:
        names = [name for name, _ in trip.commands]
        trip.detail = names[0] if len(names) == 1 else batch_name(names)
        for name in dict.fromkeys(names):
            self._witness.count("redis_commands", names.count(name), name)
        self._witness.count("bytes_sent", trip.size_bytes, trip.detail)
        self._witness.count("redis_trips", 1, trip.detail)
        self._at_server.append(trip)
        if self._service.faults is not None:
            self._admit(trip, self._service.faults)

    def _admit(self, trip: Trip, point: FaultPoint) -> None:
        try:
            hold_ns = point.hold_ns(TRIP, trip.detail)
        except InjectedError as error:
            # Redis's own codes, which clients know, stand first and in capitals.
            code = error.message.partition(" ")[0]
            trip.refusal = error.message if code.isupper() else f"ERR {error.message}"
        except PeerClosed:
            self._transport.abort()
        except ConnectionResetError as error:
            self._transport.reset(str(error))
        else:
            trip.held = hold_ns != 0
            if trip.held and hold_ns != FOR_EVER:
                self._loop.call_later(hold_ns / NS, self._ask_again, trip, point)

    def _ask_again(self, trip: Trip, point: FaultPoint) -> None:
        trip.held = False
        self._admit(trip, point)
        self._execute()

    def _execute(self) -> None:
        session = self._session
        while self._at_server and not session.waits() and not self._transport.is_closing():
            trip = self._at_server[0]
            if trip.held:
                return
            count = len(trip.commands)
            self._execute_trip(trip, count)
            replies = session.take_replies()
            if trip.refusal is not None:
                replies = b"-%b\r\n" % trip.refusal.encode() * count
            self._sent_bytes += len(replies)
            if not session.waits():
                self._at_server.popleft()
                trip.end_bytes = self._sent_bytes
            if replies:
                self._send_at(trip.leave_ns or 0, replies, trip)

    def _execute_trip(self, trip: Trip, count: int) -> None:
        service = self._service
        if trip.leave_ns is None:
            trip.leave_ns = service.serve(self._loop.now_ns, count)
        else:
            trip.leave_ns = max(self._loop.now_ns, service.leave_ns)
        if trip.refusal is not None:
            trip.commands.clear()
        while trip.commands and not self._session.waits():
            self._session.execute(*trip.commands.popleft())

    def _send_at(self, leave_ns: int, data: bytes, trip: Trip | None) -> None:
        # One connection's replies keep their order.
        self._leave_ns = leave_ns = max(self._leave_ns, leave_ns)
        context = self._context if trip is None else trip.context
        delay_s = (leave_ns - self._loop.now_ns) / NS
        self._loop.call_later(delay_s, self._transport.write, data, context=context)

    def _count_lookups(self, name: str, hits: int, misses: int) -> None:
        if hits:
            self._witness.count("redis_hits", hits, name)
        if misses:
            self._witness.count("redis_misses", misses, name)

    def _unblocked(self) -> None:
        # Another client's command has answered ours: go on as the request that waits.
        self._loop.call_soon(self._execute, context=self._at_server[0].context)

    def _push(self, data: bytes) -> None:
        self._sent_bytes += len(data)
        self._send_at(max(self._loop.now_ns, self._service.leave_ns), data, None)


class _TripTap:
    """Measures, at the client's end, how long it waits for replies."""

    def __init__(self, server: RespProtocol, tap: Tap, unanswered: deque[Trip]) -> None:
        self._server = server
        self._tap = tap
        self._unanswered = unanswered
        self._received_bytes = 0

    def sent(self, size_bytes: int) -> int:
        return self._server.begin_trip(size_bytes, self._tap.sent(size_bytes))

    def received(self, size_bytes: int) -> None:
        self._tap.received(size_bytes)
        self._server.count_received(size_bytes)
        self._received_bytes += size_bytes
        unanswered = self._unanswered
        while unanswered:
            end_bytes = unanswered[0].end_bytes
            if end_bytes is None or end_bytes > self._received_bytes:
                return
            self._server.end_trip(unanswered.popleft())

    def lost(self) -> None:
        self._tap.lost()
        while self._unanswered:
            trip = self._unanswered.popleft()
            # A copy: this may be called in the very context.
            trip.context.copy().run(self._server.end_trip, trip)
