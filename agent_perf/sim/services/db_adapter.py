"""
The driver that SQLAlchemy sees: synchronous calls that await the simulated database.

Like asyncpg's adapter in SQLAlchemy it switches once per statement, not once for the
cursor, once for the rows and once for the end as the generic one does.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Coroutine, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy.engine import AdaptedConnection
from sqlalchemy.util import await_only

from agent_perf.sim.services.db_dialect import AUTOCOMMIT, READ_COMMITTED, SNAPSHOTS
from agent_perf.sim.services.db_session import DbSession, Parameters, Row

if TYPE_CHECKING:
    from agent_perf.sim.services.db import SimDatabase

T = TypeVar("T")
Wait = Callable[[Coroutine[Any, Any, Any]], Any]


class SimDbapi:
    """
    What SQLAlchemy takes for the driver's module; the rest of it is sqlite3's.

    Args:
        service: The database.
        wait: Waits from synchronous code; by default as SQLAlchemy's asynchronous engines do.
    """

    paramstyle = "qmark"
    has_stop = True
    sqlite = sqlite3
    exceptions_module = sqlite3

    def __init__(self, service: SimDatabase, *, wait: Wait = await_only) -> None:
        self._service = service
        self.wait = wait

    def __getattr__(self, name: str) -> Any:
        return getattr(sqlite3, name)

    def connect(
        self,
        *args: object,
        timeout: float | None = None,
        command_timeout: float | None = None,
        **kwargs: object,
    ) -> DbapiConnection:
        """
        Return a new connection; what the URL says is of no interest.

        Args:
            args: Not read.
            timeout: Of the connect, in s; None: for ever.
            command_timeout: Of each statement, in s; None: for ever.
            kwargs: Not read either.

        Raises:
            TimeoutError: After *timeout*, as from asyncpg.
        """
        session = self.wait(_within(timeout, self._service.connect()))
        return DbapiConnection(self, session, command_timeout)


class DbapiConnection(AdaptedConnection):
    """A connection of PEP 249, over a session of the simulated database."""

    __slots__ = ("_level", "_limit_s", "dbapi")

    _connection: Any

    def __init__(self, dbapi: SimDbapi, session: DbSession, limit_s: float | None = None) -> None:
        self.dbapi = dbapi
        self._connection = session
        self._limit_s = limit_s
        self._level = READ_COMMITTED

    @property
    def isolation(self) -> str:
        """The isolation level of the transactions to come, by SQL's name."""
        session = self._connection
        return AUTOCOMMIT if session.autocommit else self._level

    @isolation.setter
    def isolation(self, level: str) -> None:
        session = self._connection
        session.autocommit = level == AUTOCOMMIT
        session.snapshots = level in SNAPSHOTS
        self._level = level

    @property
    def isolation_level(self) -> str | None:
        """None in autocommit mode; SQLAlchemy sets and reads it as sqlite3's."""
        return None if self._connection.autocommit else ""

    @isolation_level.setter
    def isolation_level(self, level: str | None) -> None:
        self._connection.autocommit = level is None

    def cursor(self, server_side: bool = False) -> DbapiCursor:
        """Return a cursor; with *server_side* its rows are fetched as they are asked for."""
        kind = ServerSideCursor if server_side else DbapiCursor
        return kind(self._connection, self._limit_s, self.dbapi.wait)

    def execute(self, sql: str, parameters: Parameters = ()) -> DbapiCursor:
        """Return a cursor that has executed *sql*."""
        cursor = self.cursor()
        cursor.execute(sql, parameters)
        return cursor

    def commit(self) -> None:
        """Commit, if a transaction is open."""
        if self._connection.begun:
            self.dbapi.wait(self._connection.commit())

    def rollback(self) -> None:
        """Roll back, if a transaction is open."""
        if self._connection.begun:
            self.dbapi.wait(self._connection.rollback())

    def close(self) -> None:
        """Hang up."""
        self._connection.close()

    def terminate(self) -> None:
        """Hang up, as `close`: there is nothing to wait for."""
        self._connection.close()

    def create_function(self, *args: Any, **kwargs: Any) -> None:
        """Do as `sqlite3.Connection.create_function`."""
        self._connection.raw.create_function(*args, **kwargs)


class DbapiCursor:
    """A cursor of PEP 249 that has all its rows as soon as it has executed."""

    __slots__ = ("_limit_s", "_raw", "_rows", "_session", "_wait", "arraysize")

    def __init__(self, session: DbSession, limit_s: float | None, wait: Wait = await_only) -> None:
        self.arraysize = 1
        self._wait = wait
        self._limit_s = limit_s
        self._session = session
        self._raw: sqlite3.Cursor | None = None
        self._rows: Iterator[Row] = iter(())

    @property
    def description(self) -> Any:
        """Of the columns; None if there are none."""
        return None if self._raw is None else self._raw.description

    @property
    def rowcount(self) -> int:
        """Rows that the statement changed; -1 if that has no meaning."""
        return -1 if self._raw is None else self._raw.rowcount

    @property
    def lastrowid(self) -> int | None:
        """Id of the row inserted last."""
        return None if self._raw is None else self._raw.lastrowid

    def execute(self, sql: str, parameters: Parameters | None = None) -> None:
        """Execute *sql*, one round trip."""
        execution = self._session.execute(sql, parameters or ())
        self._raw, rows = self._wait(_within(self._limit_s, execution))
        self._rows = iter(rows or ())

    def executemany(self, sql: str, parameters: Sequence[Parameters]) -> None:
        """Execute *sql* for each of *parameters*, in one round trip together."""
        execution = self._session.execute_many(sql, parameters)
        self._raw, _ = self._wait(_within(self._limit_s, execution))

    def fetchone(self) -> Row | None:
        """Return the next row, or None."""
        return next(self._rows, None)

    def fetchmany(self, size: int | None = None) -> list[Row]:
        """Return the next *size* rows, or what is left."""
        return list(islice(self._rows, size or self.arraysize))

    def fetchall(self) -> list[Row]:
        """Return the rows that are left."""
        return list(self._rows)

    def setinputsizes(self, *sizes: object) -> None:
        """Do nothing: SQLite needs no sizes."""

    def nextset(self) -> None:
        """Do nothing: there is one result."""

    def close(self) -> None:
        """Give up the rows that are left."""
        self._rows = iter(())
        if self._raw is not None:
            self._raw.close()

    async def _async_soft_close(self) -> None:
        """Do nothing: the rows are here, and the server keeps nothing."""


class ServerSideCursor(DbapiCursor):
    """A cursor whose rows stay at the server; every fetch is a round trip."""

    __slots__ = ("_kept",)

    def execute(self, sql: str, parameters: Parameters | None = None) -> None:
        """Execute *sql*, one round trip; the rows of a read are left where they are."""
        execution = self._session.execute(sql, parameters or (), keep_rows=True)
        self._raw, rows = self._wait(_within(self._limit_s, execution))
        self._kept = rows is None
        self._rows = iter(rows or ())

    def fetchone(self) -> Row | None:
        """Return the next row, or None, after a round trip."""
        return next(iter(self.fetchmany(1)), None)

    def fetchmany(self, size: int | None = None) -> list[Row]:
        """Return the next *size* rows, or what is left, after a round trip."""
        if self._raw is None or not self._kept:
            return super().fetchmany(size)
        self._wait(self._session.fetch())
        return self._raw.fetchmany(size or self.arraysize)

    def fetchall(self) -> list[Row]:
        """Return the rows that are left, after a round trip."""
        if self._raw is None or not self._kept:
            return super().fetchall()
        self._wait(self._session.fetch())
        return self._raw.fetchall()


def _within(limit_s: float | None, work: Coroutine[Any, Any, T]) -> Coroutine[Any, Any, T]:
    return work if limit_s is None else _limited(limit_s, work)


async def _limited(limit_s: float, work: Coroutine[Any, Any, T]) -> T:
    async with asyncio.timeout(limit_s):
        return await work
