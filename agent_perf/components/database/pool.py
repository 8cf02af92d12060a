"""
A database over a pool of connections: cheap reads, safe writes, numbers for both.

Reads run in AUTOCOMMIT, which spares them a BEGIN and a ROLLBACK: 143 against 215 µs of
CPU a row. A connection goes back before the rows are looked at, so nobody holds one
while waiting for something else.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar, Self, TypeVar

from sqlalchemy import CursorResult, Executable, Row, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import QueuePool
from sqlalchemy.util import greenlet_spawn

from agent_perf.components.database.listening import Listener, autocommit_rows
from agent_perf.components.database.queries import QueryLog, QueryStats
from agent_perf.components.errors import QueryTimeoutError
from agent_perf.components.health import Health
from agent_perf.errors import ConfigError

T = TypeVar("T")
Parameters = Mapping[str, object]

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

    LEVELS: ClassVar[frozenset[str]] = frozenset(
        {"in_use", "idle", "waiting", "in_use_max", "waiting_max"}
    )

    in_use: int
    idle: int
    waiting: int
    in_use_max: int
    waiting_max: int
    reconnects: int


class Database:
    """
    Reads and writes through one SQLAlchemy engine.

    Args:
        engine: Stays yours to dispose of; for one of ours see connect.
        slow_s: A statement that takes this long is logged, > 0.
        statement_timeout_s: Longest that read and write may take, > 0, the wait for a
            connection included; None: for ever. The connection of a statement that took
            too long is closed. Statements in a transaction have no limit of ours.
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
        statement_timeout_s: float | None = None,
        clock: Callable[[], float] | None = None,
    ) -> None:
        if statement_timeout_s is not None and not statement_timeout_s > 0:
            raise ConfigError(f"statement_timeout_s={statement_timeout_s}; want > 0, or None")
        self._limit_s = statement_timeout_s
        self._engine = engine
        self._queries = QueryLog(slow_s=slow_s)
        self._now_s = time.monotonic if clock is None else clock
        self._owned = False
        self._in_use = self._in_use_max = 0
        self._waiting = self._waiting_max = 0
        self._reconnects = 0
        # Engines of our own on the same pool: what others do with theirs is not ours to count.
        self._writer = engine.execution_options()
        self._listener = Listener(self._writer.sync_engine, self._queries, self._now_s)
        # A stand-in for an engine need not have SQLAlchemy's own beneath.
        self._in_one_go = isinstance(engine, AsyncEngine)
        self._autocommit = self._writer.execution_options(isolation_level="AUTOCOMMIT")

    @classmethod
    def connect(
        cls,
        url: str,
        *,
        pool_size: int = 20,
        overflow_max: int = 30,
        pool_timeout_s: float = 30.0,
        slow_s: float = 0.1,
        statement_timeout_s: float | None = None,
    ) -> Database:
        """
        Return a database with an engine of its own, disposed of by aclose.

        Args:
            url: As in SQLAlchemy, with an async driver.
            pool_size: Connections kept open, >= 1.
            overflow_max: Connections opened beyond them, and closed after use, >= 0.
            pool_timeout_s: Longest wait for a connection.
            slow_s: A statement that takes this long is logged, > 0.
            statement_timeout_s: As above.
        """
        engine = create_async_engine(
            url, pool_size=pool_size, max_overflow=overflow_max, pool_timeout=pool_timeout_s
        )
        database = cls(engine, slow_s=slow_s, statement_timeout_s=statement_timeout_s)
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
            QueryTimeoutError: If it takes longer than *statement_timeout_s*.
            OSError: If the server cannot be reached.
        """
        if self._limit_s is None:
            return await self._read(statement, parameters)
        return await _within(self._limit_s, self._read(statement, parameters))

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

        Raises:
            sqlalchemy.exc.SQLAlchemyError: If it fails, or no connection is free in time.
            QueryTimeoutError: If it takes longer than *statement_timeout_s*; it may have been
                done.
            OSError: If the server cannot be reached.
        """
        if self._limit_s is None:
            return await self._write(statement, parameters)
        return await _within(self._limit_s, self._write(statement, parameters))

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncConnection]:
        """
        Give a connection in a transaction: committed at the end, rolled back on an error.

        Example::

            async with database.transaction() as connection:
                await connection.execute(text("DELETE FROM carts WHERE id = :id"), {"id": 17})
        """
        async with self._checkout(self._writer) as connection, connection.begin():
            yield connection

    async def health(self, *, timeout_s: float = 1.0) -> Health:
        """Return whether the database answers ``SELECT 1`` within *timeout_s*."""
        started_s = self._now_s()
        try:
            async with asyncio.timeout(timeout_s):
                await self.read("SELECT 1")
        except (SQLAlchemyError, QueryTimeoutError, OSError) as error:
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
        self._listener.close()
        if self._owned:
            await self._engine.dispose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def _read(
        self, statement: str | Executable, parameters: Parameters | None
    ) -> Sequence[Row[Any]]:
        try:
            return await self._read_once(statement, parameters)
        except DBAPIError as error:
            if not error.connection_invalidated:
                raise
        self._reconnects += 1
        return await self._read_once(statement, parameters)

    async def _write(
        self,
        statement: str | Executable,
        parameters: Parameters | Sequence[Parameters] | None,
    ) -> int:
        # One statement is a transaction by itself: AUTOCOMMIT spares its BEGIN and COMMIT.
        many = isinstance(parameters, Sequence)
        async with self._checkout(self._writer if many else self._autocommit) as connection:
            result: CursorResult[Any] = await connection.execute(_executable(statement), parameters)
            if many:
                await connection.commit()
            return result.rowcount

    async def _read_once(
        self, statement: str | Executable, parameters: Parameters | None
    ) -> Sequence[Row[Any]]:
        if self._in_one_go:
            return await greenlet_spawn(self._read_in_one_go, _executable(statement), parameters)
        async with self._checkout(self._autocommit) as connection:
            return (await connection.execute(_executable(statement), parameters)).all()

    def _read_in_one_go(
        self, statement: Executable, parameters: Parameters | None
    ) -> Sequence[Row[Any]]:
        """Read in one greenlet; connect, execute and close in one each cost half more."""
        self._waiting += 1
        self._waiting_max = max(self._waiting_max, self._waiting)
        try:
            connection = self._engine.sync_engine.connect()
        finally:
            self._waiting -= 1
        self._in_use += 1
        self._in_use_max = max(self._in_use_max, self._in_use)
        try:
            return autocommit_rows(connection, statement, parameters, self._queries, self._now_s)
        finally:
            self._in_use -= 1
            connection.close()

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


async def _within(limit_s: float, work: Awaitable[T]) -> T:
    try:
        async with asyncio.timeout(limit_s):
            return await work
    except TimeoutError as error:
        raise QueryTimeoutError(f"the statement took longer than {limit_s} s") from error


def _executable(statement: str | Executable) -> Executable:
    return _clause(statement) if isinstance(statement, str) else statement
