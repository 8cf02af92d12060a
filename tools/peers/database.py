"""Reads and writes of a database beside asyncpg's pool, psycopg's, SQLAlchemy and aiosqlite."""

from __future__ import annotations

import asyncio
import tempfile
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from importlib.metadata import version
from pathlib import Path
from typing import Any

import aiosqlite
import asyncpg
import psycopg_pool
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from agent_perf.components import Database, PostgresPool, SqlitePool
from tests.services.addresses import POSTGRES
from tools.peers.contest import OURS, Contest, Contestant

TITLE = "Database"
# Of seven libraries together, on a server that allows a hundred.
CONNECTIONS = 12
INTRO = f"""
asyncpg {version("asyncpg")}, psycopg {version("psycopg")} with psycopg-pool
{version("psycopg-pool")}, SQLAlchemy {version("sqlalchemy")}, aiosqlite {version("aiosqlite")}.
PostgreSQL on the same machine, over TCP, {CONNECTIONS} connections each, opened beforehand, so that
of 20 tasks some wait; SQLite in a file in WAL mode. **agent-perf** is `PostgresPool` and
`SqlitePool`; in the contests through SQLAlchemy's engine it is `Database`. Ours keep statistics by
fingerprint, and on PostgreSQL a time-out for each statement; no other does. asyncpg's no-op reset
is a pool that trusts its callers as ours does. psycopg's connections are in autocommit mode, and
prepare what they have seen five times, as they do by themselves. aiosqlite has one connection, as
it is used; ours has up to four, of which short reads use one.
"""

ROWS = 1_000
Call = Callable[[int], Awaitable[object]]


async def contests() -> AsyncIterator[Contest]:
    """Yield the contests, on a schema and a file of their own."""
    async with AsyncExitStack() as stack:
        async for contest in _postgres(stack):
            yield contest
    with tempfile.TemporaryDirectory() as folder:
        async with AsyncExitStack() as stack:
            async for contest in _sqlite(stack, Path(folder) / "data.db"):
                yield contest


async def _postgres(stack: AsyncExitStack) -> AsyncIterator[Contest]:
    schema = f"peers_{uuid.uuid4().hex}"
    table = f"{schema}.items"
    keeper = await asyncpg.connect(POSTGRES)
    stack.push_async_callback(keeper.close)
    await keeper.execute(f"CREATE SCHEMA {schema}")
    stack.push_async_callback(keeper.execute, f"DROP SCHEMA {schema} CASCADE")
    await keeper.execute(
        f"CREATE TABLE {table} (id INT PRIMARY KEY, name TEXT, owner INT, body TEXT);"
        f"INSERT INTO {table} SELECT n, 'item ' || n, n % 10, repeat('x', 200)"
        f" FROM generate_series(0, {ROWS - 1}) n;"
        f"CREATE INDEX ON {table} (owner); ANALYZE {table};"
        f"CREATE TABLE {schema}.log (id INT, body TEXT)"
    )
    ways = {name: await make(stack) for name, make in _MAKERS.items()}
    by_key = f"SELECT id, name, owner, body FROM {table} WHERE id = :key"
    by_owner = f"SELECT id, name, owner, body FROM {table} WHERE owner = :key"
    pool_wants = {"asyncpg's pool": 1.5, "SQLAlchemy": 5.0}
    for title, tasks, calls in (("1 task", 1, 100), ("20 tasks", 20, 200)):
        crowd = {name: _crowd(way(by_key), tasks) for name, way in ways.items()}
        database = crowd.pop("Database")
        await _same({name: way(by_key) for name, way in ways.items()}, rows=1)
        wants = pool_wants if tasks > 1 else {}
        yield Contest(
            title=f"PostgreSQL, a row by key, {title}", contestants=crowd, calls=calls, want=wants
        )
        alchemy = {name: run for name, run in crowd.items() if name.startswith("SQLAlchemy")}
        yield Contest(
            title=f"PostgreSQL, a row by key through SQLAlchemy's engine, {title}",
            contestants={OURS: database, **alchemy},
            calls=calls,
            want={"SQLAlchemy": 1.5},
        )
    await _same({name: way(by_owner) for name, way in ways.items()}, rows=ROWS // 10)
    hundred = {name: _crowd(way(by_owner), 20) for name, way in ways.items()}
    del hundred["Database"]
    yield Contest(title="PostgreSQL, 100 rows, 20 tasks", contestants=hundred, calls=100)
    insert = f"INSERT INTO {schema}.log VALUES (:key, 'entry')"
    inserts = {name: _crowd(way(insert), 20) for name, way in ways.items()}
    del inserts["Database"]
    yield Contest(title="PostgreSQL, an insert, 20 tasks", contestants=inserts, calls=100)


async def _ours(stack: AsyncExitStack) -> Callable[[str], Call]:
    pool = await stack.enter_async_context(PostgresPool(POSTGRES, size=CONNECTIONS, overflow_max=0))
    return lambda sql: lambda key: pool.read(sql, {"key": key})


async def _database(stack: AsyncExitStack) -> Callable[[str], Call]:
    url = POSTGRES.replace("postgresql://", "postgresql+asyncpg://")
    database = await stack.enter_async_context(
        Database.connect(url, pool_size=CONNECTIONS, overflow_max=0)
    )
    return lambda sql: lambda key: database.read(sql, {"key": key})


async def _asyncpg(stack: AsyncExitStack, **options: Any) -> Callable[[str], Call]:
    pool = await stack.enter_async_context(
        asyncpg.create_pool(POSTGRES, min_size=CONNECTIONS, max_size=CONNECTIONS, **options)
    )

    def way(sql: str) -> Call:
        own = sql.replace(":key", "$1")
        return lambda key: pool.fetch(own, key)

    return way


async def _asyncpg_bare(stack: AsyncExitStack) -> Callable[[str], Call]:
    async def nothing(connection: object) -> None:
        pass

    return await _asyncpg(stack, reset=nothing)


async def _psycopg(stack: AsyncExitStack) -> Callable[[str], Call]:
    pool = psycopg_pool.AsyncConnectionPool(
        POSTGRES,
        min_size=CONNECTIONS,
        max_size=CONNECTIONS,
        open=False,
        kwargs={"autocommit": True},
    )
    await stack.enter_async_context(pool)
    await pool.wait()

    def way(sql: str) -> Call:
        own = sql.replace(":key", "%s")

        async def call(key: int) -> object:
            async with pool.connection() as connection:
                cursor = await connection.execute(own, (key,))
                return await cursor.fetchall() if cursor.description else None

        return call

    return way


async def _alchemy(stack: AsyncExitStack, **options: Any) -> Callable[[str], Call]:
    url = POSTGRES.replace("postgresql://", "postgresql+asyncpg://")
    engine = create_async_engine(url, pool_size=CONNECTIONS, max_overflow=0, **options)
    stack.push_async_callback(engine.dispose)
    return lambda sql: _reads(engine, sql)


async def _alchemy_autocommit(stack: AsyncExitStack) -> Callable[[str], Call]:
    return await _alchemy(stack, isolation_level="AUTOCOMMIT")


def _reads(engine: AsyncEngine, sql: str) -> Call:
    clause = text(sql)

    async def call(key: int) -> object:
        async with engine.connect() as connection:
            result = await connection.execute(clause, {"key": key})
            if not result.returns_rows:
                await connection.commit()
                return None
            return result.all()

    return call


_MAKERS: dict[str, Callable[[AsyncExitStack], Awaitable[Callable[[str], Call]]]] = {
    OURS: _ours,
    "Database": _database,
    "asyncpg's pool": _asyncpg,
    "asyncpg's pool, no-op reset": _asyncpg_bare,
    "psycopg's pool": _psycopg,
    "SQLAlchemy": _alchemy,
    "SQLAlchemy, AUTOCOMMIT": _alchemy_autocommit,
}


async def _sqlite(stack: AsyncExitStack, path: Path) -> AsyncIterator[Contest]:
    pool = await stack.enter_async_context(SqlitePool(path))
    await pool.write("CREATE TABLE items (id INTEGER PRIMARY KEY, name TEXT, owner INT, body TEXT)")
    await pool.write(
        "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 999)"
        " INSERT INTO items SELECT i, 'item ' || i, i % 10, hex(zeroblob(100)) FROM n"
    )
    await pool.write("CREATE INDEX by_owner ON items (owner)")
    one = await aiosqlite.connect(path)
    stack.push_async_callback(one.close)
    engine = create_async_engine(f"sqlite+aiosqlite:///{path}")
    stack.push_async_callback(engine.dispose)

    def ways(sql: str) -> dict[str, Call]:
        own = sql.replace(":key", "?1")

        async def cursor(key: int) -> object:
            async with one.execute(own, (key,)) as found:
                return await found.fetchall()

        return {
            OURS: lambda key: pool.read(sql, {"key": key}),
            "aiosqlite, a cursor": cursor,
            "aiosqlite, execute_fetchall": lambda key: one.execute_fetchall(own, (key,)),
            "SQLAlchemy over aiosqlite": _reads(engine, sql),
        }

    for title, column, tasks, calls in (
        ("a row by key, 1 task", "id", 1, 200),
        ("a row by key, 20 tasks", "id", 20, 400),
        ("100 rows, 20 tasks", "owner", 20, 100),
    ):
        found = ways(f"SELECT id, name, owner, body FROM items WHERE {column} = :key")
        await _same(found, rows=1 if column == "id" else 100)
        yield Contest(
            title=f"SQLite, {title}",
            contestants={name: _crowd(call, tasks) for name, call in found.items()},
            calls=calls,
            unequal={
                "aiosqlite, execute_fetchall": "bare tuples; no statistics, nobody is sent away"
            },
        )


async def _same(calls: dict[str, Call], *, rows: int) -> None:
    """Fail unless all give the same rows."""
    answers = {}
    for name, call in calls.items():
        found: Any = await call(7)
        answers[name] = [tuple(row) for row in found]
    if any(answer != answers[OURS] or len(answer) != rows for answer in answers.values()):
        raise AssertionError(f"not the same answers: {answers}")


def _crowd(call: Call, tasks: int) -> Contestant:
    """Return what does so many calls, spread over *tasks*."""

    async def one(keys: range) -> None:
        for key in keys:
            await call(key % 10)

    async def run(count: int) -> None:
        await asyncio.gather(*(one(range(task, count, tasks)) for task in range(tasks)))

    return run
