"""
A connection of a stubbed engine, and its transactions.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable, Generator, Mapping, Sequence
from typing import Any, Self

from sqlalchemy import exc

from agent_perf.sim.request import RequestState, running_request
from agent_perf.sim.services.db_session import Answer, DbSession
from agent_perf.sim.stubs.database_listeners import tell, tell_error
from agent_perf.sim.stubs.database_own import Borrower, OwnEngine
from agent_perf.sim.stubs.database_pool import Slot, StubDbPool
from agent_perf.sim.stubs.database_text import (
    StubResult,
    compiled,
    is_lost,
    values_of,
    wrapped_error,
)
from agent_perf.sim.stubs.database_transaction import StubTransaction, set_level

Parameters = Mapping[str, Any] | Sequence[Mapping[str, Any]] | None


class StubConnection(Borrower):
    """
    What stands for ``AsyncConnection``.

    Args:
        pool: Where it comes from.
        sync_engine: Whose listeners are told.
        options: Execution options.
        engine: Lends connections to SQLAlchemy.

    Attributes:
        closed: True once it was given back.
    """

    def __init__(
        self, pool: StubDbPool, sync_engine: Any, options: Mapping[str, Any], engine: OwnEngine
    ) -> None:
        super().__init__(engine, options)
        self._pool = pool
        self._sync_engine = sync_engine
        self._slot: Slot | None = None
        self._holder: RequestState | None = None
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
        self._pool.note_in_use(1)
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
            if self._own is not None:
                await self._own.close()
            session = slot.session
            if session is not None and session.begun:
                await self._end(session.rollback)
        finally:
            self._transaction = None
            if slot.session is not None:
                set_level(slot.session, {})
            assert self._holder is not None
            self._holder.connections_held -= 1
            self._pool.note_in_use(-1)
            self._pool.give_back(slot)

    async def invalidate(self, exception: BaseException | None = None) -> None:
        """Close the connection for good."""
        self._lose()

    async def execution_options(self, **options: Any) -> Self:
        """Change *options* until the connection is given back."""
        self._options = {**self._options, **options}
        if self._own is not None:
            await self._own.execution_options(**options)
        elif options.keys() <= {"isolation_level"}:
            set_level(self._session(), self._options)
        else:
            await self.own()
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
    ) -> Any:
        """
        Return the result of *statement*.

        Raises:
            sqlalchemy.exc.SQLAlchemyError: As the real one.
        """
        known = None
        if self._own is None and not execution_options:
            known = compiled(statement, self._sync_engine.dialect)
        if known is None:
            own = await self.own()
            return await own.execute(statement, parameters, execution_options=execution_options)
        sql, names = known
        if parameters is None or isinstance(parameters, Mapping):
            values = values_of(names, parameters or {}, sql)
            return await self._run(sql, values, many=False)
        batch = [values_of(names, one, sql) for one in parameters]
        return await self._run(sql, batch, many=True)

    async def exec_driver_sql(self, statement: str, parameters: Any = None) -> Any:
        """Return the result of *statement*, in SQLite's own form."""
        if self._own is not None:
            return await self._own.exec_driver_sql(statement, parameters)
        many = isinstance(parameters, list)
        return await self._run(statement, () if parameters is None else parameters, many=many)

    async def scalar(self, statement: Any, parameters: Parameters = None) -> Any:
        """Return the first column of the first row, or None."""
        return (await self.execute(statement, parameters)).scalar()

    async def scalars(self, statement: Any, parameters: Parameters = None) -> Any:
        """Return the first column of all rows."""
        return (await self.execute(statement, parameters)).scalars()

    # -- Transactions

    def begin(self) -> StubTransaction:
        """Return a transaction, to be awaited or entered."""
        return StubTransaction(self)

    def in_transaction(self) -> bool:
        """Return whether a transaction is open, be it one that began by itself."""
        if self._own is not None and self._own.in_transaction():
            return True
        return self._transaction is not None

    async def commit(self) -> None:
        """Commit what is open."""
        self._transaction = None
        if self._own is not None:
            await self._own.commit()
            return
        session = self._session()
        if session.begun:
            await self._end(session.commit)

    async def rollback(self) -> None:
        """Roll back what is open."""
        self._transaction = None
        if self._own is not None:
            await self._own.rollback()
            return
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
        if self.in_transaction():
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
        self._lost = True
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
