"""
SQLite by prepared statements, in threads of its own.

SQLite blocks who calls it, so an event loop must not. A statement with all its rows is one
job for a thread, and threads answer in bundles: waking a loop costs more than a row.
"""

from __future__ import annotations

import asyncio
import sqlite3
import sys
from collections import namedtuple
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

from agent_perf.components.database.connection import ConnectionStats
from agent_perf.components.database.lanes import Job, Lanes
from agent_perf.components.database.placeholders import Template
from agent_perf.components.database.prepared import Kinds, PreparedStatements, Record, Statement
from agent_perf.components.errors import (
    DatabaseUnavailableError,
    PoolExhaustedError,
    QueryError,
    QueryTimeoutError,
)
from agent_perf.errors import ConfigError

_BUSY: Final = ("SQLITE_BUSY", "SQLITE_LOCKED")
_UNUSABLE: Final = ("SQLITE_CANTOPEN", "SQLITE_NOTADB", "SQLITE_CORRUPT", "SQLITE_IOERR")
"""Beginnings of names: most errors of a disk have a longer one that says where."""
_NUMBERS_ARE_NAMES: Final = (3, 12) <= sys.version_info < (3, 12, 4)
_BUSY_S: Final = 5.0
"""How long SQLite waits for a lock that another process holds."""


class SqlitePool(PreparedStatements):
    """
    Reads and writes in one SQLite file, a statement each, all of them prepared.

    In WAL mode readers wait for nobody; writes have one connection, and stand in line for
    it. A statement that nobody waits for any more (a caller who left, a time-out) is ended.

    Args:
        path: The file, made if it is not there. ``:memory:`` would be another database in
            each connection.
        size: Connections that read, each with a thread, >= 1.
        timeout_s: Longest wait for a connection, > 0.
        statement_timeout_s: Longest that a statement may take, > 0; None: for ever.
        statements_max: Statements kept prepared per connection, >= 1.
        synchronous: ``NORMAL``: after a power failure the last commits may be gone, the
            file is whole; ``FULL``: they are there.
        slow_s: A statement that takes this long is logged, > 0.
        clock: Monotonic seconds, called in any thread; ``time.monotonic`` if not given.

    Example::

        async with SqlitePool("shop.db") as pool:
            rows = await pool.read("SELECT name FROM users WHERE id = :id", {"id": 17})
    """

    def __init__(
        self,
        path: str | Path,
        *,
        size: int = 4,
        timeout_s: float = 30.0,
        statement_timeout_s: float | None = None,
        statements_max: int = 200,
        synchronous: str = "NORMAL",
        slow_s: float = 0.1,
        clock: Callable[[], float] | None = None,
    ) -> None:
        super().__init__(slow_s=slow_s, clock=clock)
        if str(path) in {"", ":memory:"} or "mode=memory" in str(path):
            raise ConfigError(f"path={str(path)!r}; want a file that all connections share")
        if statements_max < 1 or synchronous not in {"OFF", "NORMAL", "FULL", "EXTRA"}:
            raise ConfigError(
                f"statements_max={statements_max}, synchronous={synchronous!r}; want >= 1, "
                "and OFF, NORMAL, FULL or EXTRA"
            )

        def connect() -> sqlite3.Connection:
            raw = sqlite3.connect(
                path,
                timeout=_BUSY_S,
                isolation_level=None,
                check_same_thread=False,
                cached_statements=statements_max,
            )
            try:
                raw.execute("PRAGMA journal_mode=WAL").fetchall()
                raw.execute(f"PRAGMA synchronous={synchronous}").fetchall()
            except BaseException:
                # Of a file that is no database, say.
                raw.close()
                raise
            return raw

        lanes = partial(
            Lanes,
            connect,
            timeout_s=timeout_s,
            statement_timeout_s=statement_timeout_s,
            now_s=self._now_s,
        )
        self._readers = lanes(size=size)
        self._writers = lanes(size=1)

    async def read(
        self, sql: str, parameters: Mapping[str, object] | None = None
    ) -> Sequence[Record]:
        """Return all rows of a statement that changes nothing; errors as PostgresPool's."""
        statement, values = self._bound(sql, parameters)
        description, rows = await self._run(self._readers, statement, values, _fetch)
        if not rows:
            return []
        if description != statement.columns:
            statement.columns, statement.make_row = description, _maker(description)
        return list(map(statement.make_row, rows))

    async def write(self, sql: str, parameters: Mapping[str, object] | None = None) -> int:
        """Run one statement as a transaction; return how many rows it touched; as PostgresPool."""
        statement, values = self._bound(sql, parameters)
        count: int = await self._run(self._writers, statement, values, _change)
        return count

    def stats(self) -> ConnectionStats:
        """Return the numbers of the connections that read."""
        return self._readers.stats()

    def writer_stats(self) -> ConnectionStats:
        """Return the numbers of the connection that writes."""
        return self._writers.stats()

    async def aclose(self) -> None:
        """Finish what was asked for, close the connections and end the threads."""
        await asyncio.gather(self._readers.aclose(), self._writers.aclose())

    def _kinds(self, values: tuple[object, ...]) -> Kinds:
        return ()

    def _render(self, template: Template, kinds: Kinds) -> str:
        return template.render(("",) * len(template.names), sign="?")

    async def _run(
        self,
        lanes: Lanes,
        statement: Statement,
        values: tuple[object, ...],
        act: Callable[[sqlite3.Connection, str, tuple[object, ...]], Any],
    ) -> Any:
        statement.uses += 1
        job = lanes.put(act, statement.sql, values)
        try:
            result = await job.future
        except BaseException as error:
            seconds = max(0.0, job.end_s - job.start_s)
            self._queries.note(statement.cell, statement.sql, seconds, failed=True)
            if isinstance(error, sqlite3.Error):
                raise _explained(error, job) from error
            raise
        self._queries.note(statement.cell, statement.sql, job.end_s - job.start_s)
        return result


def _bound(values: tuple[object, ...]) -> Any:
    """Return *values* as ``?1`` and ``?2`` take them."""
    # Python 3.12.0 to 3.12.3 take them for names, and warn of a sequence: CPython's issue 117995.
    if _NUMBERS_ARE_NAMES:
        return {str(number): value for number, value in enumerate(values, start=1)}
    return values


def _fetch(raw: sqlite3.Connection, sql: str, values: tuple[object, ...]) -> Any:
    cursor = raw.execute(sql, _bound(values))
    return cursor.description, cursor.fetchall()


def _change(raw: sqlite3.Connection, sql: str, values: tuple[object, ...]) -> int:
    before = raw.total_changes
    cursor = raw.execute(sql, _bound(values))
    # With RETURNING, the statement is over when its rows have been fetched.
    cursor.fetchall()
    # sqlite3 counts the rows of what begins with INSERT, UPDATE or DELETE, not with WITH.
    return cursor.rowcount if cursor.rowcount >= 0 else raw.total_changes - before


def _explained(error: sqlite3.Error, job: Job) -> Exception:
    name = getattr(error, "sqlite_errorname", None) or ""
    if name == "SQLITE_INTERRUPT":
        return QueryTimeoutError("the statement took longer than statement_timeout_s")
    if name.startswith(_BUSY):
        return PoolExhaustedError(f"another process has held the database for {_BUSY_S} s: {error}")
    if name.startswith(_UNUSABLE):
        return DatabaseUnavailableError(f"the database's file cannot be used: {error}")
    return QueryError(str(error), sqlstate=name or None)


def _maker(description: tuple[tuple[Any, ...], ...]) -> Callable[[tuple[Any, ...]], Any]:
    names = [column[0] for column in description]
    row: Any = namedtuple("Row", names, rename=True)  # type: ignore[misc]  # noqa: PYI024 (its fields are not known before)
    # Its own _make is Python, and three times as slow.
    return partial(tuple.__new__, row)
