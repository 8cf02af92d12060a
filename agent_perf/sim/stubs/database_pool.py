"""
The connections of a stubbed engine: the rules of SQLAlchemy's queue pool, without it.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections import deque
from typing import TYPE_CHECKING, Any

from sqlalchemy import exc

from agent_perf.sim.services.db_pool import IN_USE, WAIT
from agent_perf.sim.services.db_session import DbSession
from agent_perf.sim.services.running_loop import sim_loop
from agent_perf.units import NS

if TYPE_CHECKING:
    from agent_perf.sim.services.db import SimDatabase

_NEVER_NS = -1


class Slot:
    """
    A place in the pool.

    Attributes:
        session: The connection in it; None: to be opened by whoever comes next.
        opened_ns: When it was.
        info: As SQLAlchemy's ``Connection.info``: the connection's, whoever holds it.
    """

    __slots__ = ("info", "opened_ns", "session")

    def __init__(self) -> None:
        self.session: DbSession | None = None
        self.opened_ns = 0
        self.info: dict[Any, Any] = {}

    def hang_up(self) -> None:
        """Close the connection, if there is one."""
        session, self.session = self.session, None
        self.info = {}
        if session is not None:
            session.close()


class StubDbPool:
    """
    At most *size* + *overflow_max* connections, of which *size* are kept.

    Args:
        service: The database.
        size: As SQLAlchemy's *pool_size*; 0: without limit.
        overflow_max: As its *max_overflow*; -1: without limit.
        timeout_s: How long to wait for a connection, in seconds.
        pre_ping: Make a statement's trip before a connection is used again.
        recycle_s: Replace connections that are older, in seconds; -1: never.
        use_lifo: Take the connection that was given back last, not first.
    """

    def __init__(
        self,
        service: SimDatabase,
        *,
        size: int,
        overflow_max: int,
        timeout_s: float,
        pre_ping: bool,
        recycle_s: float,
        use_lifo: bool,
    ) -> None:
        self._service = service
        self._size = size
        self._overflow_max = overflow_max
        self._timeout_s = timeout_s
        self._pre_ping = pre_ping
        self._recycle_ns = round(recycle_s * NS) if recycle_s >= 0 else None
        self._use_lifo = use_lifo
        self._idle: deque[Slot] = deque()
        self._line: deque[asyncio.Future[Slot]] = deque()
        self._open_count = 0
        self._stale_ns = _NEVER_NS

    def size(self) -> int:
        """Return how many connections are kept."""
        return self._size

    def checkedin(self) -> int:
        """Return how many connections are idle."""
        return len(self._idle)

    def checkedout(self) -> int:
        """Return how many connections are in use."""
        return self._open_count - len(self._idle)

    def overflow(self) -> int:
        """Return how many connections there are beyond *size*; negative: fewer."""
        return self._open_count - self._size

    def status(self) -> str:
        """Return a line for people."""
        return (
            f"Pool size: {self._size}  Connections in pool: {self.checkedin()} "
            f"Current Overflow: {self.overflow()} "
            f"Current Checked out connections: {self.checkedout()}"
        )

    async def take(self) -> Slot:
        """
        Return a slot whose session is open.

        Raises:
            sqlalchemy.exc.TimeoutError: If none becomes free in time.
        """
        if self._idle and not self._line:
            slot = self._idle.pop() if self._use_lifo else self._idle.popleft()
        elif self._may_open():
            return await self._open()
        else:
            slot = await self._wait()
        try:
            await self._freshen(slot)
        except BaseException:
            slot.hang_up()
            self.give_back(slot)
            raise
        return slot

    def give_back(self, slot: Slot) -> None:
        """Take *slot* back, for the next in line or the next to come."""
        while self._line:
            turn = self._line.popleft()
            if not turn.done():
                turn.set_result(slot)
                return
        if self._size and len(self._idle) >= self._size:
            slot.hang_up()
            self._open_count -= 1
        else:
            self._idle.append(slot)

    def note_in_use(self, change: int) -> None:
        """Tell the witness that *change* more connections have a caller."""
        self._service.witness.level(IN_USE, change)

    def invalidate(self) -> None:
        """Take note that all connections opened until now are lost."""
        self._stale_ns = sim_loop("StubDatabase").now_ns

    def dispose(self) -> None:
        """Close the idle connections."""
        while self._idle:
            self._idle.pop().hang_up()
            self._open_count -= 1

    def _may_open(self) -> bool:
        if self._size == 0 or self._overflow_max < 0:
            return True
        return self._open_count < self._size + self._overflow_max

    async def _open(self) -> Slot:
        slot = Slot()
        self._open_count += 1
        try:
            await self._connect(slot)
        except BaseException:
            self._open_count -= 1
            raise
        return slot

    async def _connect(self, slot: Slot) -> None:
        slot.session = await self._service.connect()
        slot.opened_ns = sim_loop("StubDatabase").now_ns

    async def _freshen(self, slot: Slot) -> None:
        if slot.session is not None:
            age_ns = sim_loop("StubDatabase").now_ns - slot.opened_ns
            too_old = self._recycle_ns is not None and age_ns > self._recycle_ns
            if too_old or slot.opened_ns <= self._stale_ns:
                slot.hang_up()
        if slot.session is None:
            await self._connect(slot)
        elif self._pre_ping:
            try:
                await slot.session.execute("SELECT 1", ())
            except sqlite3.Error:
                slot.hang_up()
                await self._connect(slot)

    async def _wait(self) -> Slot:
        loop, witness = sim_loop("StubDatabase"), self._service.witness
        start_ns = loop.now_ns
        witness.count("db_waits")
        turn: asyncio.Future[Slot] = loop.create_future()
        self._line.append(turn)
        try:
            async with asyncio.timeout(self._timeout_s):
                return await turn
        except TimeoutError as error:
            self._leave(turn)
            raise exc.TimeoutError(
                f"QueuePool limit of size {self._size} overflow {self._overflow_max} reached, "
                f"connection timed out, timeout {self._timeout_s:.2f}",
                code="3o7r",
            ) from error
        except BaseException:
            self._leave(turn)
            raise
        finally:
            witness.span(WAIT, start_ns, loop.now_ns)

    def _leave(self, turn: asyncio.Future[Slot]) -> None:
        if turn in self._line:
            self._line.remove(turn)
        elif turn.done() and not turn.cancelled():
            # Given at the very instant at which we went away.
            self.give_back(turn.result())
