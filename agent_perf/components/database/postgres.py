"""
PostgreSQL by prepared statements, over asyncpg.

asyncpg's own pool puts a session back with a query after each use, for whoever may have
changed it; statements that read change nothing in a session. SQLAlchemy opens a transaction
to read one row. This pool does neither.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final, NoReturn, TypeVar

import asyncpg

from agent_perf.components.database.connection import ConnectionStats
from agent_perf.components.database.connections import ConnectionPool
from agent_perf.components.database.placeholders import Template, cast_of, kind_of
from agent_perf.components.database.postgres_session import PostgresSession, Row
from agent_perf.components.database.prepared import Kinds, PreparedStatements, Record, Statement
from agent_perf.components.errors import ConnectionLostError
from agent_perf.errors import ConfigError

T = TypeVar("T")

_REPEATS_MAX: Final = 3
"""How often a read goes on to another connection, when all may have been lost at once."""


class PostgresPool(PreparedStatements):
    """
    Reads and writes on PostgreSQL, a statement each, all of them prepared.

    A connection whose statement was cut short (a caller who left, a time-out) is used again
    only after the server has said that it is over: no answer reaches another caller.
    Statements that change the session (SET, LISTEN, advisory locks) have no place here: the
    session is not put back.

    Args:
        dsn: As asyncpg's: ``postgresql://user:password@host:port/database``.
        size: Connections kept, >= 1.
        overflow_max: Connections beyond them, closed when nobody waits, >= 0.
        timeout_s: Longest wait for a connection, > 0.
        connect_timeout_s: Longest that opening one may take, > 0.
        statement_timeout_s: Longest that a statement may take, > 0; None: for ever.
        settle_timeout_s: Longest that the server may take to end what was cut short, > 0.
        statements_max: Statements kept prepared per connection, >= 1; the one used longest
            ago goes.
        lifetime_s: Connections are replaced after it, > 0; None: never.
        idle_s: Free connections are closed after it, > 0; None: never.
        slow_s: A statement that takes this long is logged, > 0.
        options: Further arguments of ``asyncpg.connect``.
        clock: Monotonic seconds; ``time.monotonic`` if not given.

    Example::

        async with PostgresPool("postgresql://localhost/shop") as pool:
            rows = await pool.read("SELECT name FROM users WHERE id = :id", {"id": 17})
    """

    def __init__(  # noqa: PLR0913 (all but the first are optional, and named where they are given)
        self,
        dsn: str,
        *,
        size: int = 20,
        overflow_max: int = 30,
        timeout_s: float = 30.0,
        connect_timeout_s: float = 10.0,
        statement_timeout_s: float | None = 30.0,
        settle_timeout_s: float = 5.0,
        statements_max: int = 200,
        lifetime_s: float | None = None,
        idle_s: float | None = None,
        slow_s: float = 0.1,
        options: Mapping[str, Any] | None = None,
        clock: Callable[[], float] | None = None,
    ) -> None:
        if statements_max < 1 or not connect_timeout_s > 0:
            raise ConfigError(
                f"statements_max={statements_max}, connect_timeout_s={connect_timeout_s}; "
                "want >= 1 and > 0"
            )
        if statement_timeout_s is not None and not statement_timeout_s > 0:
            raise ConfigError(f"statement_timeout_s={statement_timeout_s}; want > 0, or None")

        async def open_one() -> PostgresSession:
            raw = await asyncpg.connect(
                dsn,
                timeout=connect_timeout_s,
                command_timeout=statement_timeout_s,
                record_class=Row,
                **(options or {}),
            )
            return PostgresSession(raw, statements_max=statements_max)

        super().__init__(slow_s=slow_s, clock=clock)
        self._retries = 0
        self._connections = ConnectionPool(
            open_one,
            size=size,
            overflow_max=overflow_max,
            timeout_s=timeout_s,
            settle_timeout_s=settle_timeout_s,
            lifetime_s=lifetime_s,
            idle_s=idle_s,
            clock=clock,
        )

    async def read(
        self, sql: str, parameters: Mapping[str, object] | None = None
    ) -> Sequence[Record]:
        """As PreparedStatements."""
        statement, values = self._bound(sql, parameters)
        return await self._run(statement, values, PostgresSession.rows, may_repeat=True)

    async def write(self, sql: str, parameters: Mapping[str, object] | None = None) -> int:
        """As PreparedStatements."""
        statement, values = self._bound(sql, parameters)
        return await self._run(statement, values, PostgresSession.touched, may_repeat=False)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[asyncpg.Connection]:
        """
        Give asyncpg's connection in a transaction: committed at the end, rolled back on an error.

        Raises:
            ConnectionLostError: If the connection is lost; it may have been committed.
            DatabaseUnavailableError: If there is no connection; nothing was done.

        Example::

            async with pool.transaction() as connection:
                await connection.execute("DELETE FROM carts WHERE id = $1", 17)
        """
        connections = self._connections
        session = connections.take_now() or await connections.take()
        raw, is_sound = session.raw, False
        transaction = raw.transaction()
        try:
            await _explained(session, transaction.start)
            try:
                yield raw
            except Exception:
                if not raw.is_closed():
                    await _explained(session, transaction.rollback)
                    is_sound = True
                raise
            await _explained(session, transaction.commit)
            is_sound = True
        finally:
            if is_sound:
                connections.give_back(session)
            else:
                # Whatever was open in it, its end is not known here.
                session.is_tainted = True
                connections.give_up(session)

    @property
    def retries(self) -> int:
        """Statements repeated because their connection was lost."""
        return self._retries

    def stats(self) -> ConnectionStats:
        """Return the numbers of the pool of connections."""
        return self._connections.stats()

    async def aclose(self) -> None:
        """Close the connections; those in use when they come back."""
        await self._connections.aclose()

    def _kinds(self, values: tuple[object, ...]) -> Kinds:
        return tuple([kind_of(value) for value in values])

    def _render(self, template: Template, kinds: Kinds) -> str:
        return template.render(tuple(map(cast_of, kinds)))

    async def _run(
        self,
        statement: Statement,
        values: tuple[object, ...],
        act: Callable[[PostgresSession, Statement, tuple[object, ...]], Awaitable[T]],
        *,
        may_repeat: bool,
    ) -> T:
        connections = self._connections
        repeats_left = _REPEATS_MAX
        while True:
            session = connections.take_now() or await connections.take()
            start_s = self._now_s()
            try:
                result = await act(session, statement, values)
            except BaseException as error:  # noqa: BLE001 (raised again, or repeated)
                failure = self._failed(session, statement, start_s, error)
                was_lost = isinstance(failure, ConnectionLostError)
                if not was_lost or not (may_repeat or _was_refused(error)) or not repeats_left:
                    _raise(failure, error)
            else:
                connections.give_back(session)
                self._queries.note(statement.cell, statement.sql, self._now_s() - start_s)
                return result
            repeats_left -= 1
            self._retries += 1
            # What the server has said to the other connections is to be read first.
            await asyncio.sleep(0)

    def _failed(
        self, session: PostgresSession, statement: Statement, start_s: float, error: BaseException
    ) -> BaseException:
        """Let go of *session*, and return what the caller is told."""
        failure, is_sound = session.explain(error)
        if is_sound:
            self._connections.give_back(session)
        else:
            self._connections.give_up(session)
        seconds = self._now_s() - start_s
        self._queries.note(statement.cell, statement.sql, seconds, failed=True)
        return failure


async def _explained(session: PostgresSession, act: Callable[[], Awaitable[None]]) -> None:
    try:
        await act()
    except (TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
        raise session.explain(error)[0] from error


def _was_refused(error: BaseException) -> bool:
    """Return whether asyncpg sent nothing: the server's last words have just come in."""
    return isinstance(error, asyncpg.InternalClientError) and "cannot switch" in str(error)


def _raise(failure: BaseException, error: BaseException) -> NoReturn:
    if failure is error:
        raise error
    raise failure from error
