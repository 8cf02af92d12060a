"""
A database over a pool of connections: cheap reads, safe writes, numbers for both.

Reads run in AUTOCOMMIT, which spares them a BEGIN and a ROLLBACK: 143 against 215 µs of
CPU a row. A connection goes back before the rows are looked at, so nobody holds one
while waiting for something else.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, Self

from sqlalchemy import Connection, CursorResult, ExceptionContext, Executable, Row, event, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import QueuePool

from agent_perf.components.queries import QueryLog, QueryStats

Parameters = Mapping[str, object]

_STARTED: Final = "agent_perf_started_s"
# Parsing the same text for its parameters costs 10 µs each time.
_clause = lru_cache(maxsize=1024)(text)


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolStats:
    """
    The pool now, and since the beginning.

    Attributes:
        in_use: Connections checked out.
        idle: Connections waiting in the pool.
        waiting: Tasks that have asked for a connection and have none yet.
        in_use_max: Most connections in use at once through this Database.
        waiting_max: Most tasks waiting at once.
        reconnects: Reads repeated because their connection was lost.
    """

    in_use: int
    idle: int
    waiting: int
    in_use_max: int
    waiting_max: int
    reconnects: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """Whether a service answered, how long that took in seconds, and what it said if not."""

    is_up: bool
    latency_s: float
    detail: str = ""


class Database:
    """
    Reads and writes through one SQLAlchemy engine.

    Args:
        engine: Stays yours to dispose of; for one of ours see connect.
        slow_s: A statement that takes this long is logged, > 0.
        clock: Monotonic seconds; ``time.monotonic`` if not given.

    Example::

        async with Database.connect("postgresql+asyncpg://localhost/shop") as database:
            rows = await database.read("SELECT name FROM users WHERE id = :id", {"id": 17})
    """

    def __init__(
        self,
        engine: AsyncEngine,
        *,
        slow_s: float = 0.1,
        clock: Callable[[], float] | None = None,
    ) -> None:
        self._engine = engine
        self._reader = engine.execution_options(isolation_level="AUTOCOMMIT")
        self._queries = QueryLog(slow_s=slow_s)
        self._now_s = time.monotonic if clock is None else clock
        self._owned = False
        self._in_use = self._in_use_max = 0
        self._waiting = self._waiting_max = 0
        self._reconnects = 0
        self._listeners: dict[str, Callable[..., None]] = {
            "before_cursor_execute": self._note_start,
            "after_cursor_execute": self._note_end,
            "handle_error": self._note_error,
        }
        for name, listener in self._listeners.items():
            event.listen(engine.sync_engine, name, listener)

    @classmethod
    def connect(
        cls,
        url: str,
        *,
        pool_size: int = 20,
        overflow_max: int = 30,
        pool_timeout_s: float = 30.0,
        slow_s: float = 0.1,
    ) -> Database:
        """
        Return a database with an engine of its own, disposed of by aclose.

        Args:
            url: As in SQLAlchemy, with an async driver.
            pool_size: Connections kept open, >= 1.
            overflow_max: Connections opened beyond them, and closed after use, >= 0.
            pool_timeout_s: Longest wait for a connection.
            slow_s: A statement that takes this long is logged, > 0.
        """
        engine = create_async_engine(
            url, pool_size=pool_size, max_overflow=overflow_max, pool_timeout=pool_timeout_s
        )
        database = cls(engine, slow_s=slow_s)
        database._owned = True
        return database

    async def read(
        self, statement: str | Executable, parameters: Parameters | None = None
    ) -> Sequence[Row[Any]]:
        """
        Return all rows of a statement that changes nothing.

        If its connection turns out to be lost, it is run once more on another.

        Raises:
            sqlalchemy.exc.SQLAlchemyError: If it fails, or no connection is free in time.
        """
        try:
            return await self._read_once(statement, parameters)
        except DBAPIError as error:
            if not error.connection_invalidated:
                raise
        self._reconnects += 1
        return await self._read_once(statement, parameters)

    async def read_one(
        self, statement: str | Executable, parameters: Parameters | None = None
    ) -> Row[Any] | None:
        """Return the first row of a statement that changes nothing, or None; as read."""
        rows = await self.read(statement, parameters)
        return rows[0] if rows else None

    async def write(
        self,
        statement: str | Executable,
        parameters: Parameters | Sequence[Parameters] | None = None,
    ) -> int:
        """
        Run one statement in its own transaction; return how many rows it touched.

        It is never repeated: nobody can tell whether a lost connection lost the write.
        A sequence of parameters runs it once for each, in one transaction.
        """
        async with self.transaction() as connection:
            result: CursorResult[Any] = await connection.execute(_executable(statement), parameters)
            return result.rowcount

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncConnection]:
        """
        Give a connection in a transaction: committed at the end, rolled back on an error.

        Example::

            async with database.transaction() as connection:
                await connection.execute(text("DELETE FROM carts WHERE id = :id"), {"id": 17})
        """
        async with self._checkout(self._engine) as connection, connection.begin():
            yield connection

    async def health(self, *, timeout_s: float = 1.0) -> Health:
        """Return whether the database answers ``SELECT 1`` within *timeout_s*."""
        started_s = self._now_s()
        try:
            async with asyncio.timeout(timeout_s):
                await self.read("SELECT 1")
        except (SQLAlchemyError, OSError) as error:
            detail = str(error) or f"no answer within {timeout_s} s"
            return Health(is_up=False, latency_s=self._now_s() - started_s, detail=detail)
        return Health(is_up=True, latency_s=self._now_s() - started_s)

    def query_stats(self) -> dict[str, QueryStats]:
        """Return fingerprint to what its statements have cost, the dearest in total first."""
        return self._queries.stats()

    def pool_stats(self) -> PoolStats:
        """Return the state of the pool."""
        pool = self._engine.pool
        in_use, idle = self._in_use, 0
        if isinstance(pool, QueuePool):
            in_use, idle = pool.checkedout(), pool.checkedin()
        return PoolStats(
            in_use=in_use,
            idle=idle,
            waiting=self._waiting,
            in_use_max=self._in_use_max,
            waiting_max=self._waiting_max,
            reconnects=self._reconnects,
        )

    async def aclose(self) -> None:
        """Stop listening to the engine, and dispose of it if it is ours."""
        for name, listener in self._listeners.items():
            event.remove(self._engine.sync_engine, name, listener)
        self._listeners = {}
        if self._owned:
            await self._engine.dispose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def _read_once(
        self, statement: str | Executable, parameters: Parameters | None
    ) -> Sequence[Row[Any]]:
        async with self._checkout(self._reader) as connection:
            return (await connection.execute(_executable(statement), parameters)).all()

    @asynccontextmanager
    async def _checkout(self, engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
        self._waiting += 1
        self._waiting_max = max(self._waiting_max, self._waiting)
        waiting = True
        try:
            async with engine.connect() as connection:
                self._waiting, waiting = self._waiting - 1, False
                self._in_use += 1
                self._in_use_max = max(self._in_use_max, self._in_use)
                try:
                    yield connection
                finally:
                    self._in_use -= 1
        finally:
            self._waiting -= waiting

    def _note_start(self, connection: Connection, *_: object) -> None:
        connection.info[_STARTED] = self._now_s()

    def _note_end(
        self, connection: Connection, _cursor: object, statement: str, *_: object
    ) -> None:
        self._queries.record(statement, self._now_s() - connection.info[_STARTED])

    def _note_error(self, context: ExceptionContext) -> None:
        connection, statement = context.connection, context.statement
        if connection is None or statement is None or connection.invalidated:
            return
        started_s: float = connection.info.get(_STARTED, self._now_s())
        self._queries.record(statement, self._now_s() - started_s, failed=True)


def _executable(statement: str | Executable) -> Executable:
    return _clause(statement) if isinstance(statement, str) else statement
