"""
A pool of connections, whatever they lead to: bounded, first come first served.

A connection has one of four fates: free, in use, being opened, or being put right (after a
statement was cut short, or because it is to be closed). All four together never exceed the
bound, so that what the server sees never does.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

from agent_perf.components.database.connection import Connection, ConnectionStats
from agent_perf.components.database.waiting import Line
from agent_perf.components.errors import DatabaseUnavailableError, PoolExhaustedError
from agent_perf.errors import ConfigError

C = TypeVar("C", bound=Connection)


class ConnectionPool(Generic[C]):
    """
    At most *size* + *overflow_max* connections, for the tasks of one event loop.

    Who finds none free stands in line; a connection that comes back goes to the first in
    it. Opening is the pool's own work, not its caller's: a caller who leaves does not tear
    down a connection that is half open, it goes to the next. The connection given back last
    is taken first, so that those beyond what is needed grow old.

    Args:
        open_one: Opens a connection; bounds its own time.
        size: Connections kept, >= 1.
        overflow_max: Connections beyond them, closed when nobody waits, >= 0.
        timeout_s: Longest wait for a connection, > 0.
        settle_timeout_s: Longest that putting right or closing may take, > 0; after that
            a connection is abandoned.
        lifetime_s: Connections are replaced after it, > 0; None: never.
        idle_s: Free connections are closed after it, > 0; None: never.
        clock: Monotonic seconds; the event loop's if not given.
    """

    def __init__(
        self,
        open_one: Callable[[], Coroutine[Any, Any, C]],
        *,
        size: int = 20,
        overflow_max: int = 30,
        timeout_s: float = 30.0,
        settle_timeout_s: float = 5.0,
        lifetime_s: float | None = None,
        idle_s: float | None = None,
        clock: Callable[[], float] | None = None,
    ) -> None:
        if size < 1 or overflow_max < 0:
            raise ConfigError(f"size={size}, overflow_max={overflow_max}; want >= 1 and >= 0")
        for name, seconds in (
            ("timeout_s", timeout_s),
            ("settle_timeout_s", settle_timeout_s),
            ("lifetime_s", lifetime_s),
            ("idle_s", idle_s),
        ):
            if seconds is not None and not seconds > 0:
                raise ConfigError(f"{name}={seconds}; want > 0")
        self._open_one = open_one
        self._size = size
        self._bound = size + overflow_max
        self._timeout_s = timeout_s
        self._settle_timeout_s = settle_timeout_s
        self._lifetime_s = math.inf if lifetime_s is None else lifetime_s
        self._idle_s = math.inf if idle_s is None else idle_s
        self._now_s = clock or (lambda: asyncio.get_running_loop().time())
        # Without limits of age nobody needs to know what time it is.
        self._ages = lifetime_s is not None or idle_s is not None
        self._free: deque[C] = deque()
        self._line: Line[C] = Line(
            timeout_s=timeout_s, too_late=self._too_late, give_back=self.give_back
        )
        self._sweeper: asyncio.TimerHandle | None = None
        self._chores: set[asyncio.Task[None]] = set()
        self._closing = False
        self._in_use = self._opening = self._settling = 0
        self._open_peak = self._taken = 0
        self._opened = self._open_errors = self._overflow = 0
        self._closed = self._lost = self._settled = 0

    def take_now(self) -> C | None:
        """Return a free connection, or None if there is none, without waiting."""
        free = self._free
        while free:
            connection = free.pop()
            if not connection.is_open():
                self._lose(connection)
            elif self._ages and self._is_over_age(connection):
                self._retire(connection)
            else:
                self._in_use += 1
                self._taken += 1
                return connection
        return None

    async def take(self) -> C:
        """
        Return a connection; it must be given back, or given up.

        Raises:
            PoolExhaustedError: If none was free in time.
            DatabaseUnavailableError: If none could be opened, or the pool is closed.
        """
        if self._closing:
            raise DatabaseUnavailableError("the pool of connections is closed; make another")
        # Who comes late must not pass those in line, even if one came free this instant.
        connection = self.take_now()
        return await self._line.stand(self._open_more) if connection is None else connection

    def give_back(self, connection: C) -> None:
        """Take *connection* back in good order: nothing runs on it, nothing is open in it."""
        self._in_use -= 1
        if not connection.is_open():
            self._lose(connection)
            self._open_more()
        elif self._closing or (self._ages and self._is_over_age(connection)):
            self._retire(connection)
        else:
            self._pass_on(connection)

    def give_up(self, connection: C) -> None:
        """
        Take *connection* back after its statement was cut short.

        It is put right behind the scenes, or closed; until then it counts.
        """
        self._in_use -= 1
        self._settling += 1
        self._start(self._settle(connection))

    def stats(self) -> ConnectionStats:
        """Return the numbers so far."""
        return ConnectionStats(
            in_use=self._in_use,
            idle=len(self._free),
            opening=self._opening,
            settling=self._settling,
            waiting=len(self._line),
            open_max=self._open_peak,
            waiting_max=self._line.longest,
            taken=self._taken,
            waits=self._line.waits,
            wait_s=self._line.wait_s,
            timeouts=self._line.timeouts,
            opened=self._opened,
            open_errors=self._open_errors,
            overflow=self._overflow,
            closed=self._closed,
            lost=self._lost,
            settled=self._settled,
        )

    async def aclose(self) -> None:
        """
        Close what is free, and let what is in use close when it comes back.

        Who stands in line gets a DatabaseUnavailableError.
        """
        self._closing = True
        if self._sweeper is not None:
            self._sweeper.cancel()
        closed = "the pool of connections was closed meanwhile"
        while self._line.fail(DatabaseUnavailableError(closed)):
            pass
        while self._free:
            self._retire(self._free.pop())
        while self._chores:
            await asyncio.wait(self._chores)

    def _too_late(self) -> Exception:
        kind = PoolExhaustedError if self._in_use else DatabaseUnavailableError
        return kind(
            f"no connection was free within {self._timeout_s} s: {self._in_use} in use, "
            f"{self._opening} being opened, {self._settling} being put right, at most "
            f"{self._bound} allowed; ask for less at once, or allow more"
        )

    def _pass_on(self, connection: C) -> None:
        if self._line and self._line.hand(connection):
            self._in_use += 1
            self._taken += 1
        elif len(self._free) < self._size:
            self._free.append(connection)
            if self._ages:
                connection.freed_s = self._now_s()
                self._sweep_later()
        else:
            self._retire(connection)

    # -- Coming and going

    def _open_count(self) -> int:
        return self._in_use + len(self._free) + self._opening + self._settling

    def _open_more(self) -> None:
        """Open connections for those in line, as far as the bound allows."""
        if self._closing or not self._line:
            return
        wanted = len(self._line) - self._opening
        count = self._open_count()
        while wanted > 0 and count < self._bound:
            self._opening += 1
            wanted -= 1
            count += 1
            if count > self._size:
                self._overflow += 1
            self._start(self._open())
        self._open_peak = max(self._open_peak, count)

    async def _open(self) -> None:
        try:
            connection = await self._open_one()
        except Exception as error:  # noqa: BLE001 (whatever it is, it belongs to who waits)
            self._opening -= 1
            self._open_errors += 1
            self._line.fail(_as_unavailable(error))
            self._open_more()
            return
        except BaseException:
            self._opening -= 1
            raise
        self._opening -= 1
        self._opened += 1
        if self._ages:
            connection.opened_s = connection.freed_s = self._now_s()
        if self._closing:
            self._retire(connection)
        else:
            self._pass_on(connection)

    async def _settle(self, connection: C) -> None:
        usable = False
        try:
            async with asyncio.timeout(self._settle_timeout_s):
                usable = await connection.settle() and connection.is_open()
        except Exception:  # noqa: BLE001 (what it was does not matter: it is of no more use)
            usable = False
        finally:
            self._settling -= 1
            if not usable:
                self._lose(connection)
        if not usable:
            self._open_more()
            return
        self._settled += 1
        if self._closing:
            self._retire(connection)
        else:
            self._pass_on(connection)

    def _lose(self, connection: C) -> None:
        self._lost += 1
        connection.abandon()

    def _retire(self, connection: C) -> None:
        self._settling += 1
        self._closed += 1
        self._start(self._close(connection))

    async def _close(self, connection: C) -> None:
        try:
            async with asyncio.timeout(self._settle_timeout_s):
                await connection.close()
        except Exception:  # noqa: BLE001 (it is to go, in order or not)
            connection.abandon()
        finally:
            self._settling -= 1
        self._open_more()

    def _is_over_age(self, connection: C) -> bool:
        return self._now_s() - connection.opened_s >= self._lifetime_s

    def _sweep_later(self) -> None:
        if self._sweeper is None:
            loop = asyncio.get_running_loop()
            self._sweeper = loop.call_later(min(self._idle_s, self._lifetime_s), self._sweep)

    def _sweep(self) -> None:
        """Close what is free and too old."""
        self._sweeper = None
        now_s, kept = self._now_s(), deque[C]()
        for connection in self._free:
            if self._is_over_age(connection) or now_s - connection.freed_s >= self._idle_s:
                self._retire(connection)
            else:
                kept.append(connection)
        self._free = kept
        if kept:
            self._sweep_later()

    def _start(self, chore: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(chore)
        self._chores.add(task)
        task.add_done_callback(self._chores.discard)


def _as_unavailable(error: Exception) -> DatabaseUnavailableError:
    if isinstance(error, DatabaseUnavailableError):
        return error
    unavailable = DatabaseUnavailableError(f"cannot connect to the database: {error}")
    unavailable.__cause__ = error
    return unavailable
