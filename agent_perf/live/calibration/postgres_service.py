"""
The user's own PostgreSQL: connections and statements.

Each statement runs in a read-only transaction of its own, which is rolled back.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import cycle
from typing import Any, Final
from urllib.parse import urlsplit

from agent_perf.errors import UsageError
from agent_perf.live.calibration.collected import Collected, Origin, where_is
from agent_perf.live.calibration.connecting import TIMEOUT_S
from agent_perf.live.calibration.sampling import Sampler
from agent_perf.live.calibration.telling import failures_told, shown

SIMPLE_STATEMENT: Final = "SELECT 1"
ROWS_MAX: Final = 10_000
"""More rows would measure our reading, not the user's service."""

_SCHEMES: Final = ("postgresql", "postgres")


async def collect_postgres(
    url: str, sampler: Sampler, statements: Sequence[str] = ()
) -> tuple[Collected, ...]:
    """
    Return latencies of the PostgreSQL at *url*.

    Args:
        url: ``postgresql://``, also with a driver's name, as SQLAlchemy wants it; whether it
            may be asked was asked before.
        sampler: How often, and how many times.
        statements: Which only read, without parameters; asked in turns. ``SELECT 1`` if empty.

    Raises:
        UsageError: If *url* is of another database, asyncpg is not installed, or a statement
            gives more than `ROWS_MAX` rows.
        BrokenError: If it cannot be reached, or refuses a statement.
    """
    dsn, host = _dsn(url)
    try:
        import asyncpg
    except ImportError as error:
        raise UsageError(
            "asyncpg measures a PostgreSQL, and is not installed; pip install "
            "'agent-perf[postgres]'"
        ) from error
    asked = tuple(statements) or (SIMPLE_STATEMENT,)
    errors = (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError)
    with failures_told("PostgreSQL", url, *errors):
        connects = await _connects(asyncpg, dsn, sampler)
        connection = await _connected(asyncpg, dsn)
        try:
            version = connection.get_server_version()
            waits = await _statements(connection, asked, sampler)
        finally:
            await connection.close(timeout=TIMEOUT_S)
    origin = Origin(
        service=f"PostgreSQL {version.major}.{version.minor}",
        where=where_is(host),
        rate_hz=sampler.rate_hz,
    )
    told = SIMPLE_STATEMENT if not statements else f"{len(asked)} statements of the project's own"
    return (
        Collected(
            name="db.connect",
            how="asyncpg.connect, without the client's CPU time",
            waits_ns=connects,
            origin=origin,
        ),
        Collected(
            name="db.statement",
            how=f"{told}, prepared, without the client's CPU time",
            waits_ns=waits,
            origin=origin,
        ),
    )


def split_statements(text: str) -> tuple[str, ...]:
    """
    Return the statements in a file's *text*: each ends at the end of a line, with a semicolon.

    Raises:
        UsageError: If there is none.
    """
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("--")]
    parts = re.split(r";[ \t]*$", "\n".join(lines), flags=re.MULTILINE)
    found = tuple(part.strip() for part in parts if part.strip())
    if not found:
        raise UsageError("the file of statements holds none; want SQL, each with ; at its end")
    return found


async def _connects(driver: Any, dsn: str, sampler: Sampler) -> tuple[int, ...]:
    opened: list[Any] = []

    async def connect() -> None:
        opened.append(await _connected(driver, dsn))

    async def close() -> None:
        while opened:
            await opened.pop().close(timeout=TIMEOUT_S)

    return await sampler.collect("db.connect", connect, after=close)


async def _statements(
    connection: Any, statements: Sequence[str], sampler: Sampler
) -> tuple[int, ...]:
    prepared = [await _prepared(connection, statement) for statement in statements]
    turns = cycle(prepared)
    transactions: list[Any] = []

    async def begin() -> None:
        transactions.append(connection.transaction(readonly=True))
        await transactions[-1].start()

    async def ask() -> None:
        await next(turns).fetch()

    async def roll_back() -> None:
        if not connection.is_closed():
            await transactions.pop().rollback()

    return await sampler.collect("db.statement", ask, before=begin, after=roll_back)


async def _prepared(connection: Any, statement: str) -> Any:
    """Return *statement*, prepared, and tried once for how many rows it gives."""
    # As a context manager a transaction would commit, and some functions write in a read-only one.
    transaction = connection.transaction(readonly=True)
    await transaction.start()
    try:
        prepared = await connection.prepare(statement)
        if not prepared.get_attributes():
            raise UsageError(f"{statement[:80]!r} gives no rows; want statements that read")
        cursor = await prepared.cursor()
        rows = await cursor.fetch(ROWS_MAX + 1)
    finally:
        if not connection.is_closed():
            await transaction.rollback()
    if len(rows) > ROWS_MAX:
        raise UsageError(f"{statement[:80]!r} gives more than {ROWS_MAX:,} rows; give it a LIMIT")
    return prepared


async def _connected(driver: Any, dsn: str) -> Any:
    return await driver.connect(dsn, timeout=TIMEOUT_S, command_timeout=TIMEOUT_S)


def _dsn(url: str) -> tuple[str, str]:
    try:
        parts = urlsplit(url)
        kind = parts.scheme.partition("+")[0]
        host = parts.hostname
    except ValueError:
        kind, host = "", None
    if kind not in _SCHEMES or not host:
        raise UsageError(
            f"{shown(url)!r} is no address of a PostgreSQL; want postgresql://host:port/database"
        )
    return f"{kind}{url[len(parts.scheme) :]}", host
