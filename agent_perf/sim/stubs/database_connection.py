"""
A connection of a stubbed engine, and its transactions.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable, Generator, Mapping, Sequence
from typing import Any, NoReturn, Self

from sqlalchemy import exc

from agent_perf.sim.request import RequestState, running_request
from agent_perf.sim.services.db_session import Answer, DbSession
from agent_perf.sim.stubs.database_listeners import tell, tell_error
from agent_perf.sim.stubs.database_pool import Slot, StubDbPool
from agent_perf.sim.stubs.database_text import (
    StubResult,
    compiled,
    is_lost,
    values_of,
    wrapped_error,
)
from agent_perf.sim.stubs.database_transaction import StubTransaction, set_level
from agent_perf.sim.stubs.refusal import refuse

Parameters = Mapping[str, Any] | Sequence[Mapping[str, Any]] | None


class StubConnection:
    """
    What stands for ``AsyncConnection``.

    Args:
        pool: Where it comes from.
        sync_engine: Whose listeners are told.
        options: Execution options; *isolation_level* is known.

    Attributes:
        invalidated: True once the connection was lost.
        closed: True once it was given back.
    """

    def __init__(self, pool: StubDbPool, sync_engine: Any, options: Mapping[str, Any]) -> None:
        self._pool = pool
        self._sync_engine = sync_engine
        self._options = options
        self._slot: Slot | None = None
        self._holder: RequestState | None = None
        self._transaction: StubTransaction | None = None
        self.invalidated = False
        self.closed = False

    # -- Life

    def __await__(self) -> Generator[Any, None, StubConnection]:
        """Check the connection out."""
        return self.start().__await__()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def start(self, is_ctxmanager: bool = False) -> Self:
        """Check the connection out."""
        if self._slot is not None:
            raise exc.InvalidRequestError("connection is already started")
        try:
            self._slot = slot = await self._pool.take()
        except sqlite3.Error as error:
            raise wrapped_error(error, self.dialect, None, None, many=False) from error
        self._holder = running_request()
        self._holder.connections_held += 1
        assert slot.session is not None
        set_level(slot.session, self._options)
        return self

    async def close(self) -> None:
        """Roll back what is open, and give the connection back."""
        slot = self._slot
        if slot is None or self.closed:
            return
        self.closed = True
        try:
            session = slot.session
            if session is not None and session.begun:
                await self._end(session.rollback)
        finally:
            self._transaction = None
            if slot.session is not None:
                set_level(slot.session, {})
            assert self._holder is not None
            self._holder.connections_held -= 1
            self._pool.give_back(slot)

    async def invalidate(self, exception: BaseException | None = None) -> None:
        """Close the connection for good."""
        self._lose()

    async def execution_options(self, **options: Any) -> Self:
        """Change *isolation_level* until the connection is given back."""
        for name, value in options.items():
            if name != "isolation_level":
                refuse(f"the execution option {name}={value!r}")
        self._options = {**self._options, **options}
        set_level(self._session(), self._options)
        return self

    @property
    def info(self) -> dict[Any, Any]:
        """What people keep with the connection itself."""
        return self._checked_out().info

    @property
    def dialect(self) -> Any:
        """SQLAlchemy's, of SQLite."""
        return self._sync_engine.dialect

    @property
    def sync_connection(self) -> Self:
        """Itself, for what listeners ask of it."""
        return self

    # -- Statements

    async def execute(
        self,
        statement: Any,
        parameters: Parameters = None,
        *,
        execution_options: Mapping[str, Any] | None = None,
    ) -> StubResult:
        """
        Return the result of *statement*, made by ``text()``.

        Raises:
            sqlalchemy.exc.SQLAlchemyError: As the real one.
            UsageError: If the stub does not know such a statement.
        """
        if execution_options:
            refuse("connection.execute(..., execution_options=...)")
        sql, names = compiled(statement, self._sync_engine.dialect)
        if parameters is None or isinstance(parameters, Mapping):
            values = values_of(names, parameters or {}, sql)
            return await self._run(sql, values, many=False)
        batch = [values_of(names, one, sql) for one in parameters]
        return await self._run(sql, batch, many=True)

    async def exec_driver_sql(self, statement: str, parameters: Any = None) -> StubResult:
        """Return the result of *statement*, in SQLite's own form."""
        many = isinstance(parameters, list)
        return await self._run(statement, () if parameters is None else parameters, many=many)

    async def scalar(self, statement: Any, parameters: Parameters = None) -> Any:
        """Return the first column of the first row, or None."""
        return (await self.execute(statement, parameters)).scalar()

    async def scalars(self, statement: Any, parameters: Parameters = None) -> Any:
        """Return the first column of all rows."""
        return (await self.execute(statement, parameters)).scalars()

    async def stream(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Refuse: the stub has no rows that stay at the server."""
        refuse("connection.stream()")

    async def run_sync(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Refuse: there is no synchronous connection."""
        refuse("connection.run_sync()")

    # -- Transactions

    def begin(self) -> StubTransaction:
        """Return a transaction, to be awaited or entered."""
        return StubTransaction(self)

    def begin_nested(self) -> NoReturn:
        """Refuse: savepoints are not in the stub."""
        refuse("connection.begin_nested()")

    def in_transaction(self) -> bool:
        """Return whether a transaction is open, be it one that began by itself."""
        return self._transaction is not None

    async def commit(self) -> None:
        """Commit what is open."""
        self._transaction = None
        session = self._session()
        if session.begun:
            await self._end(session.commit)

    async def rollback(self) -> None:
        """Roll back what is open."""
        self._transaction = None
        session = self._checked_out().session
        if session is not None and session.begun:
            await self._end(session.rollback)

    def open_transaction(self, transaction: StubTransaction) -> None:
        """
        Begin *transaction*, which costs nothing before its first statement.

        Raises:
            sqlalchemy.exc.InvalidRequestError: If one is open.
        """
        self._checked_out()
        if self._transaction is not None:
            raise exc.InvalidRequestError(
                "This connection has already initialized a SQLAlchemy Transaction() object via "
                "begin() or autobegin; can't call begin() here unless rollback() or commit() is "
                "called first."
            )
        self._transaction = transaction

    def is_open(self, transaction: StubTransaction) -> bool:
        """Return whether *transaction* is the one that is open."""
        return self._transaction is transaction

    # -- Below

    async def _run(self, sql: str, values: Any, *, many: bool) -> StubResult:
        session = self._session()
        if self._transaction is None:
            self._transaction = StubTransaction(self)
        told = self._sync_engine._has_events
        if told:
            tell(self, self._sync_engine.dispatch.before_cursor_execute, sql, values, many=many)
        try:
            answer: Answer
            if many:
                answer = await session.execute_many(sql, values)
            else:
                answer = await session.execute(sql, values)
        except sqlite3.Error as error:
            raise self._told(error, sql, values, many) from error
        except asyncio.CancelledError as error:
            # As with the real one: who knows what the server made of it.
            self._lose()
            tell_error(self, self._sync_engine, sql, error, None)
            raise
        if told:
            tell(self, self._sync_engine.dispatch.after_cursor_execute, sql, values, many=many)
        cursor, rows = answer
        return StubResult(cursor, rows or ())

    async def _end(self, act: Callable[[], Awaitable[None]]) -> None:
        try:
            await act()
        except sqlite3.Error as error:
            raise self._told(error, None, None, False) from error
        except asyncio.CancelledError:
            self._lose()
            raise

    def _lose(self) -> None:
        self.invalidated = True
        if self._slot is not None:
            self._slot.hang_up()

    def _checked_out(self) -> Slot:
        if self._slot is None:
            raise exc.InvalidRequestError("connection is not started")
        if self.closed:
            raise exc.ResourceClosedError("This Connection is closed")
        return self._slot

    def _session(self) -> DbSession:
        session = self._checked_out().session
        if session is None:
            raise exc.PendingRollbackError(
                "Can't reconnect until invalid transaction is rolled back.  Please rollback() "
                "fully before proceeding",
                code="8s2b",
            )
        return session

    def _told(self, error: sqlite3.Error, sql: str | None, values: Any, many: bool) -> Exception:
        """Return SQLAlchemy's error for the driver's *error*, once listeners have been told."""
        lost = is_lost(error)
        wrapped = wrapped_error(error, self._sync_engine.dialect, sql, values, many=many)
        tell_error(self, self._sync_engine, sql, error, wrapped)
        if lost:
            self._lose()
            self._pool.invalidate()
        return wrapped
