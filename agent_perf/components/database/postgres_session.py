"""
A connection to PostgreSQL, the statements that it knows, and what its errors mean.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any, Final

import asyncpg

from agent_perf.components.database.prepared import Record, Statement
from agent_perf.components.errors import ConnectionLostError, QueryError, QueryTimeoutError

_STALE: Final = (
    # The table has changed since, or somebody has discarded all plans. Nothing was executed.
    asyncpg.InvalidCachedStatementError,
    asyncpg.InvalidSQLStatementNameError,
)
_CANCELED: Final = "57014"
_LOST: Final = ("08", "57P", "25P03", "25P04")
"""Beginnings of the codes after which the server hangs up. Source: PostgreSQL, appendix A."""


class Row(asyncpg.Record):  # type: ignore[misc]  # asyncpg is not typed.
    """asyncpg's record, with its columns as attributes."""

    __slots__ = ()

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f"the row has no column {name!r}: {list(self.keys())}") from None


class PostgresSession:
    """
    A connection of asyncpg's, and the statements that it knows.

    Attributes:
        raw: asyncpg's.
        is_tainted: Whether it holds what nobody knows the state of: it will be closed.
    """

    __slots__ = ("_prepared", "_statements_max", "freed_s", "is_tainted", "opened_s", "raw")

    def __init__(self, raw: asyncpg.Connection, *, statements_max: int) -> None:
        self.raw = raw
        self.is_tainted = False
        self.opened_s = self.freed_s = 0.0
        self._statements_max = statements_max
        self._prepared: OrderedDict[Statement, Any] = OrderedDict()

    async def rows(self, statement: Statement, values: tuple[object, ...]) -> Sequence[Record]:
        """Return the rows of *statement*, prepared if it is not yet."""
        statement.uses += 1
        prepared = self._prepared.get(statement)
        if prepared is None:
            prepared = await self._prepare(statement)
        else:
            self._prepared.move_to_end(statement)
        try:
            rows: Sequence[Record] = await prepared.fetch(*values)
        except (*_STALE, asyncpg.OutdatedSchemaCacheError):
            rows = await (await self._prepare_anew(statement)).fetch(*values)
        return rows

    async def touched(self, statement: Statement, values: tuple[object, ...]) -> int:
        """Return how many rows *statement* has changed; 0 if it does not say."""
        statement.uses += 1
        prepared = self._prepared.get(statement) or await self._prepare(statement)
        self._prepared.move_to_end(statement)
        try:
            await prepared.fetch(*values)
        except _STALE:
            prepared = await self._prepare_anew(statement)
            await prepared.fetch(*values)
        count = (prepared.get_statusmsg() or "").rpartition(" ")[2]
        return int(count) if count.isdecimal() else 0

    def is_open(self) -> bool:
        """Return whether asyncpg has not yet heard of its end."""
        return not self.raw.is_closed()

    async def settle(self) -> bool:
        """Return whether the server answers, after what was cut short has ended."""
        raw = self.raw
        if self.is_tainted:
            await raw.close()
            return False
        # Waits for the end of what was cancelled. An empty statement is allowed in a
        # transaction that has failed, too.
        await raw.fetchrow(";")
        if raw.is_in_transaction():
            await raw.execute("ROLLBACK")
        # A cancellation that comes late ends this one, and not the next caller's.
        token = id(self) % 1_000_003
        answer: object = await raw.fetchval("SELECT $1::INTEGER", token)
        return answer == token

    async def close(self) -> None:
        """Take leave of the server."""
        await self.raw.close()

    def abandon(self) -> None:
        """Hang up."""
        self.raw.terminate()

    def explain(self, error: BaseException) -> tuple[BaseException, bool]:
        """Return what to tell the caller, and whether the connection is as good as before."""
        if isinstance(error, asyncpg.PostgresError):
            state = error.sqlstate or ""
            if state == _CANCELED:
                return QueryTimeoutError(f"the server has ended the statement: {error}"), True
            if not state.startswith(_LOST) and not self.raw.is_closed():
                return QueryError(str(error), sqlstate=state or None), self._is_plain()
        elif isinstance(error, TimeoutError):
            return QueryTimeoutError("the statement took longer than statement_timeout_s"), False
        elif not isinstance(error, (asyncpg.InterfaceError, asyncpg.InternalClientError, OSError)):
            return error, False
        elif isinstance(error, asyncpg.InterfaceError) and not self.raw.is_closed():
            return QueryError(str(error)), False
        return ConnectionLostError(f"the connection to PostgreSQL was lost: {error}"), False

    def _is_plain(self) -> bool:
        return not self.raw.is_in_transaction()

    async def _prepare(self, statement: Statement) -> Any:
        while len(self._prepared) >= self._statements_max:
            # asyncpg tells the server when it prepares the next one.
            self._prepared.popitem(last=False)
        prepared = await self.raw.prepare(statement.sql)
        statement.prepares += 1
        self._prepared[statement] = prepared
        return prepared

    async def _prepare_anew(self, statement: Statement) -> Any:
        """Prepare *statement* after its table has changed; the others will see by themselves."""
        self._prepared.pop(statement, None)
        return await self._prepare(statement)
