"""
The connections of one simulated HTTP transport: who gets one, who waits, who closes.

The rules are those of httpcore's pools: a request takes the oldest idle connection of its
origin, else opens one, else closes an idle one of another origin, else waits in line.
"""

from __future__ import annotations

import asyncio
import math
from bisect import insort
from collections import deque
from operator import attrgetter
from typing import TYPE_CHECKING, Final

from agent_perf.errors import ConfigError
from agent_perf.sim.loop import SimLoop
from agent_perf.sim.services.http_deadline import Deadline
from agent_perf.units import NS

if TYPE_CHECKING:
    from agent_perf.sim.faults import Lifeline

Origin = tuple[str, str, int | None]
"""Scheme, host and port."""

_NEVER_NS: Final = 1 << 80
_BY_AGE: Final = attrgetter("index")


class Connection:
    """
    One kept-alive connection.

    Attributes:
        origin: Whom it leads to.
        index: Its number in its pool, by age.
        opened: False until somebody has paid for its handshake.
        expires_ns: While idle: when it is last good.
        deadline: The limit on waiting for what it carries.
        lifeline: By which faults break it; None: nothing can.
    """

    __slots__ = ("deadline", "expires_ns", "index", "lifeline", "opened", "origin")

    def __init__(self, origin: Origin, index: int, loop: SimLoop) -> None:
        self.origin = origin
        self.index = index
        self.opened = False
        self.expires_ns = _NEVER_NS
        # One for all its requests: its timer mostly stands already when the next begins.
        self.deadline = Deadline(loop)
        self.lifeline: Lifeline | None = None


class ConnectionPool:
    """
    A pool within limits: those of ``httpx.Limits``, where None is without a limit.

    Args:
        max_connections: In use or idle, >= 1.
        max_keepalive_connections: Idle ones that are kept.
        keepalive_expiry_s: How long they are.
        busy_count_as_idle: Compare *all* connections with *max_keepalive_connections*
            before an idle one is kept. httpcore 1.0 does, so that httpx reconnects more
            than its documentation says; httpcore2 does not.

    Raises:
        ConfigError: If *max_connections* is not at least 1.
    """

    def __init__(
        self,
        *,
        max_connections: int | None,
        max_keepalive_connections: int | None,
        keepalive_expiry_s: float | None,
        busy_count_as_idle: bool = False,
    ) -> None:
        if max_connections is not None and max_connections < 1:
            raise ConfigError(f"max_connections={max_connections}; want None or >= 1")
        self._open_max = math.inf if max_connections is None else max_connections
        self._idle_max = (
            math.inf if max_keepalive_connections is None else max_keepalive_connections
        )
        self._keep_ns = _NEVER_NS if keepalive_expiry_s is None else round(keepalive_expiry_s * NS)
        self._busy_count_as_idle = busy_count_as_idle
        self._open_count = 0
        self._next_index = 0
        self._next_expiry_ns = _NEVER_NS
        self._idle: list[Connection] = []
        self._line: deque[tuple[Origin, asyncio.Future[Connection]]] = deque()

    @property
    def open_count(self) -> int:
        """Connections in use or idle."""
        return self._open_count

    @property
    def waiting_count(self) -> int:
        """Requests in line."""
        return len(self._line)

    def take(self, origin: Origin, loop: SimLoop) -> Connection | None:
        """Return a connection to *origin*, or None if there is none to be had now."""
        self._close_surplus(loop.now_ns)
        return self._assign(origin, loop)

    async def wait(self, origin: Origin, loop: SimLoop) -> Connection:
        """Return a connection to *origin* when it is this request's turn in the line."""
        turn: asyncio.Future[Connection] = loop.create_future()
        entry = (origin, turn)
        self._line.append(entry)
        try:
            return await turn
        except asyncio.CancelledError:
            if entry in self._line:
                self._line.remove(entry)
            elif not turn.cancelled():
                # Given, and cancelled at the same instant: the next in line gets it.
                self.give_back(turn.result(), loop, reusable=turn.result().opened)
            raise

    def give_back(self, connection: Connection, loop: SimLoop, *, reusable: bool) -> None:
        """Take *connection* back; it is closed unless it is *reusable*."""
        if reusable and (connection.lifeline is None or connection.lifeline.error is None):
            connection.expires_ns = loop.now_ns + self._keep_ns
            self._next_expiry_ns = min(self._next_expiry_ns, connection.expires_ns)
            insort(self._idle, connection, key=_BY_AGE)
        else:
            self._close(connection)
        self._close_surplus(loop.now_ns)
        self._serve_line(loop)

    def drop(self, connection: Connection) -> None:
        """Close *connection*, which broke, if nobody uses it."""
        if connection in self._idle:
            self._idle.remove(connection)
            self._close(connection)

    def close_idle(self) -> None:
        """Close all connections that nobody uses."""
        while self._idle:
            self._close(self._idle.pop())

    def _serve_line(self, loop: SimLoop) -> None:
        while self._line:
            origin, turn = self._line[0]
            if turn.done():
                # Cancelled at this very instant, it has not left the line yet.
                self._line.popleft()
                continue
            connection = self._assign(origin, loop)
            if connection is None:
                return
            self._line.popleft()
            turn.set_result(connection)

    def _assign(self, origin: Origin, loop: SimLoop) -> Connection | None:
        for place, connection in enumerate(self._idle):
            if connection.origin == origin:
                return self._idle.pop(place)
        if self._open_count >= self._open_max:
            if not self._idle:
                return None
            self._close(self._idle.pop(0))
        self._open_count += 1
        self._next_index += 1
        return Connection(origin, self._next_index, loop)

    def _close_surplus(self, now_ns: int) -> None:
        idle = self._idle
        if now_ns > self._next_expiry_ns:
            for connection in [one for one in idle if now_ns > one.expires_ns]:
                idle.remove(connection)
                self._close(connection)
            self._next_expiry_ns = min((one.expires_ns for one in idle), default=_NEVER_NS)
        while idle and self._kept_count() > self._idle_max:
            self._close(idle.pop(0))

    def _kept_count(self) -> int:
        return self._open_count if self._busy_count_as_idle else len(self._idle)

    def _close(self, connection: Connection) -> None:
        self._open_count -= 1
        connection.deadline.close()
        if connection.lifeline is not None:
            connection.lifeline.close()
