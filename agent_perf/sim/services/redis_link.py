"""
The wire between one client and the simulated Redis server.

To redis-py a link is the writer of its connection, and its reader is asyncio's own:
all of the client's code runs, and what the link decides is only when bytes arrive.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from contextvars import Context, copy_context
from typing import TYPE_CHECKING, Final

import hiredis

from agent_perf.sim.faults import FOR_EVER, InjectedError, Lifeline, PeerClosed
from agent_perf.sim.services.redis_server import RedisSession
from agent_perf.sim.services.redis_trip import TRIP, Command, Trip
from agent_perf.sim.services.redis_wire import batch_name, command_name
from agent_perf.units import NS

if TYPE_CHECKING:
    from agent_perf.sim.loop import SimLoop
    from agent_perf.sim.services.redis import SimRedis

PUSH: Final = "redis.push"
# Longer than any simulation lasts: the loop takes what is due then for what never comes.
_NEVER_NS: Final = 1 << 81


class RedisLink:
    """
    The client's end of one connection, in the shape of an `asyncio.StreamWriter`.

    Args:
        service: Whose latencies, worker and witness are used.
        loop: The running loop.
        number: Of the connection, unique within the service.
        lifeline: By which faults break it; None: nothing can.

    Attributes:
        reader: Where the replies arrive.
    """

    def __init__(
        self, service: SimRedis, loop: SimLoop, number: int, lifeline: Lifeline | None = None
    ) -> None:
        self.reader = asyncio.StreamReader(loop=loop)
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
        self._written: list[bytes] = []
        self._under_way: deque[Trip] = deque()
        self._at_server: deque[Trip] = deque()
        self._context = copy_context()
        self._arrivals_due = 0
        self._arrival_ns = 0
        self._delivery_ns = 0
        self._closed = False
        self._lifeline = lifeline
        if lifeline is not None:
            lifeline.broken = self._break

    # -- What redis-py calls

    def write(self, data: bytes) -> None:
        """Take *data*; it leaves with the next `drain`."""
        self._written.append(data)

    def writelines(self, data: Iterable[bytes]) -> None:
        """Take *data*; it leaves with the next `drain`."""
        self._written.extend(data)

    async def drain(self) -> None:
        """Send what was written."""
        lifeline = self._lifeline
        if lifeline is not None and lifeline.error is not None:
            raise lifeline.error
        if self._written and not self._closed:
            data = b"".join(self._written)
            self._written.clear()
            self._send(data)

    def close(self) -> None:
        """Hang up. Commands on their way still arrive; their replies find nobody."""
        if self._closed:
            return
        self._hang_up()
        # A task that still reads learns of the end as from a real transport: later.
        self._loop.call_soon(self.reader.feed_eof)
        if not self._arrivals_due:
            self._session.close()

    def _hang_up(self) -> None:
        self._closed = True
        if self._lifeline is not None:
            self._lifeline.close()
        now_ns = self._loop.now_ns
        for trip in self._under_way:
            trip.context.run(self._witness.span, TRIP, trip.start_ns, now_ns, trip.detail)
        self._under_way.clear()

    def _break(self) -> None:
        """Lose the connection: what is on its way, either way, is gone."""
        if self._closed:
            return
        self._hang_up()
        self._at_server.clear()
        self._session.close()
        assert self._lifeline is not None
        error = self._lifeline.error
        if error is None or isinstance(error, PeerClosed):
            self.reader.feed_eof()
        else:
            self.reader.set_exception(error)

    def is_closing(self) -> bool:
        """Return True once `close` was called."""
        return self._closed

    async def wait_closed(self) -> None:
        """Return at once: nothing is left to wait for."""

    def get_extra_info(self, name: str, default: object = None) -> object:
        """Return the peer's address; there is no socket."""
        return ("127.0.0.1", 6379) if name == "peername" else default

    # -- The way there

    def _send(self, data: bytes) -> None:
        commands: deque[Command] = deque()
        self._parser.feed(data)
        while (fields := self._parser.gets()) is not False:
            commands.append((command_name(fields), fields))
        detail = self._count_commands([name for name, _ in commands])
        self._witness.count("bytes_sent", len(data), detail)
        now_ns = self._loop.now_ns
        # Two writes at one instant are one pipeline made by hand, as in the client's
        # own handshake: they share the way there and back.
        if self._under_way and self._under_way[-1].start_ns == now_ns:
            self._under_way[-1].commands.extend(commands)
            return
        self._witness.count("redis_trips", 1, detail)
        trip = Trip(commands, detail, now_ns, self._service.draws.ns(TRIP) // 2)
        hold_ns = 0 if self._lifeline is None else self._hold(trip, self._lifeline)
        self._context = trip.context
        self._under_way.append(trip)
        self._arrivals_due += 1
        # TCP keeps the order of what one connection sends.
        self._arrival_ns = max(self._arrival_ns, now_ns + hold_ns + trip.half_ns)
        delay_s = (self._arrival_ns - now_ns) / NS
        self._loop.call_later(delay_s, self._arrive, trip, context=trip.context)

    def _hold(self, trip: Trip, lifeline: Lifeline) -> int:
        """Return how long faults hold *trip*, and note what else they do to it."""
        trip.half_ns = lifeline.point.stretch(TRIP, 2 * trip.half_ns, trip.detail) // 2
        try:
            hold_ns = lifeline.hold_ns(TRIP, trip.detail)
        except InjectedError as error:
            code = error.message.partition(" ")[0]
            trip.refusal = error.message if code.isupper() else f"ERR {error.message}"
            return 0
        return _NEVER_NS if hold_ns == FOR_EVER else hold_ns

    def _blocked(self, lifeline: Lifeline, then: Callable[..., None], *args: object) -> bool:
        """Return whether nothing arrives now; *then* is called when it does."""
        wait_ns = lifeline.point.blocked_ns(lifeline.place)
        if not wait_ns:
            return False
        wait_ns = _NEVER_NS if wait_ns == FOR_EVER else wait_ns
        self._loop.call_later(wait_ns / NS, then, *args)
        return True

    def _count_commands(self, names: list[str]) -> str:
        if len(names) == 1:
            self._witness.count("redis_commands", 1, names[0])
            return names[0]
        for name in dict.fromkeys(names):
            self._witness.count("redis_commands", names.count(name), name)
        return batch_name(names)

    # -- At the server

    def _arrive(self, trip: Trip) -> None:
        lifeline = self._lifeline
        if lifeline is not None and (
            lifeline.error is not None or self._blocked(lifeline, self._arrive, trip)
        ):
            return
        self._arrivals_due -= 1
        self._at_server.append(trip)
        if not self._session.waits():
            self._execute()
        if self._closed and not self._arrivals_due:
            self._session.close()

    def _execute(self) -> None:
        while self._at_server and not self._session.waits():
            trip = self._at_server[0]
            self._execute_trip(trip)
            replies = self._session.take_replies()
            if trip.refusal is not None:
                replies = b"-%b\r\n" % trip.refusal.encode() * len(trip.commands)
            assert trip.leave_ns is not None
            due_ns = trip.leave_ns + trip.half_ns
            if not self._session.waits():
                self._at_server.popleft()
                self._deliver(due_ns, trip.context, replies, trip.detail, trip)
            elif replies:
                self._deliver(due_ns, trip.context, replies, trip.detail, None)

    def _execute_trip(self, trip: Trip) -> None:
        service = self._service
        if trip.leave_ns is None:
            trip.leave_ns = service.serve(self._loop.now_ns, len(trip.commands))
        else:
            trip.leave_ns = max(self._loop.now_ns, service.leave_ns)
        if trip.refusal is not None:
            return
        while trip.commands and not self._session.waits():
            self._session.execute(*trip.commands.popleft())

    def _count_lookups(self, name: str, hits: int, misses: int) -> None:
        if hits:
            self._witness.count("redis_hits", hits, name)
        if misses:
            self._witness.count("redis_misses", misses, name)

    def _unblocked(self) -> None:
        # Another client's command has answered ours: go on as the request that waits.
        self._loop.call_soon(self._execute, context=self._at_server[0].context)

    def _push(self, data: bytes) -> None:
        # Keyed apart from the trips: a subscriber must not move its publisher's draws.
        half_ns = self._service.draws.ns(PUSH, TRIP) // 2
        leave_ns = max(self._loop.now_ns, self._service.leave_ns)
        self._deliver(leave_ns + half_ns, self._context, data, "PUSH", None)

    # -- The way back

    def _deliver(
        self, due_ns: int, context: Context, data: bytes, detail: str, done: Trip | None
    ) -> None:
        self._delivery_ns = max(self._delivery_ns, due_ns)
        delay_s = (self._delivery_ns - self._loop.now_ns) / NS
        self._loop.call_later(delay_s, self._receive, data, detail, done, context=context)

    def _receive(self, data: bytes, detail: str, done: Trip | None) -> None:
        if self._closed:
            return
        lifeline = self._lifeline
        if lifeline is not None and self._blocked(lifeline, self._receive, data, detail, done):
            return
        if data:
            self._witness.count("bytes_received", len(data), detail)
            self.reader.feed_data(data)
        if done is not None:
            self._under_way.popleft()
            self._witness.span(TRIP, done.start_ns, self._loop.now_ns, done.detail)
