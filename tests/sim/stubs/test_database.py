"""
The stub of SQLAlchemy gives, counts and takes its time like the real one.
"""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import exc, text

from agent_perf.components.database.pool import Database
from agent_perf.suite import World
from tests.sim.stubs.both import agreed, outcome

SCHEMA = "CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT NOT NULL)"
READ = text("SELECT id, name FROM t ORDER BY id")
WRITE = text("INSERT INTO t (id, name) VALUES (:id, :name)")
RENAME = text("UPDATE t SET name = :name WHERE id = :id")

IDS = st.integers(1, 3)
STEPS = st.one_of(
    st.tuples(st.just("execute"), st.just(WRITE), st.fixed_dictionaries({"id": IDS, "name": st.sampled_from(["a", "b", None])})),
    st.tuples(st.just("execute"), st.just(RENAME), st.fixed_dictionaries({"id": IDS, "name": st.sampled_from(["x", "y"])})),
    st.tuples(st.just("execute"), st.just(READ), st.just({})),
    st.tuples(st.just("execute"), st.just(text("SELECT nonsense")), st.just({})),
    st.tuples(st.just("execute"), st.just(WRITE), st.just({"id": 9})),
    st.tuples(st.sampled_from(["commit", "rollback"])),
)  # fmt: skip


async def _step(connection: Any, step: tuple[Any, ...]) -> Any:
    name, *arguments = step
    result = await getattr(connection, name)(*arguments)
    if result is None:
        return None
    if not result.returns_rows:
        return result.rowcount
    return [tuple(row) for row in result.all()]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(STEPS, max_size=5), max_size=3), st.booleans(), st.booleans())
def test_connections_agree(visits: Any, autocommit: bool, in_transaction: bool) -> None:
    """
    Whatever several connections do one after the other, results, errors, counts and times agree.
    """

    async def work(world: World) -> list[Any]:
        world.database.prepare(SCHEMA)
        engine = world.database.engine(pool_size=1)
        if autocommit:
            engine = engine.execution_options(isolation_level="AUTOCOMMIT")
        found = []
        for visit in visits:
            async with engine.begin() if in_transaction else engine.connect() as connection:
                steps = [s for s in visit if s[0] == "execute" or not in_transaction]
                found.extend([await outcome(_step(connection, step)) for step in steps])
        await engine.dispose()
        return found

    agreed(work)


def test_pools_agree() -> None:
    """
    Twelve on a pool of two and two more: waits, overflow, and giving up after a time agree.
    """

    async def work(world: World) -> list[Any]:
        engine = world.database.engine(pool_size=2, max_overflow=2, pool_timeout=0.02)

        async def one(number: int) -> Any:
            async with engine.connect() as connection:
                await connection.execute(text("SELECT :n"), {"n": number})
                await asyncio.sleep(0.003)
            return round(world.now_s() * 1e9)

        ends = await asyncio.gather(*[outcome(one(number)) for number in range(12)])
        await engine.dispose()
        return ends

    ends = agreed(work)

    assert exc.TimeoutError in [end[0] for end in ends if isinstance(end, tuple)]


def test_rows_are_sqlalchemys() -> None:
    """
    Rows are read by attribute, place and name, and results as scalars, mappings and one.
    """

    async def work(world: World) -> list[Any]:
        engine = world.database.engine()
        async with engine.connect() as connection:
            pair = text("SELECT 1 AS a, 'x' AS b")
            row = (await connection.execute(pair)).one()
            found = [row.a, row[1], row._mapping["b"], row._asdict(), row == (1, "x")]
            found += [await connection.scalar(pair), (await connection.scalars(pair)).all()]
            found += [dict((await connection.execute(pair)).mappings().first() or {})]
            found += [(await connection.execute(text("SELECT 1 WHERE 0"))).scalar_one_or_none()]
            found += [(await connection.exec_driver_sql("SELECT ?", (7,))).scalar_one()]
            many = [{"a": 1}, {"a": 2}]
            await connection.execute(text("CREATE TABLE n (a INTEGER)"))
            found += [(await connection.execute(text("INSERT INTO n VALUES (:a)"), many)).rowcount]
            with pytest.raises(exc.ResourceClosedError):
                (await connection.execute(text("DELETE FROM n"))).all()
            found += [await outcome(connection.execute("SELECT 1"))]  # type: ignore[call-overload]
        await engine.dispose()
        return found

    agreed(work)


def test_a_begun_transaction_is_not_begun_again() -> None:
    """
    begin() after a statement is SQLAlchemy's InvalidRequestError, and a closed connection its own.
    """

    async def work(world: World) -> list[Any]:
        engine = world.database.engine()
        async with engine.connect() as connection:
            await connection.execute(text("SELECT 1"))
            found = [await outcome(connection.begin().start()), connection.in_transaction()]
            await connection.rollback()
            found += [connection.in_transaction()]
        found += [(await outcome(connection.execute(text("SELECT 1"))))[0]]
        await engine.dispose()
        return found

    assert agreed(work)[-1] is exc.ResourceClosedError


def test_the_database_component_agrees() -> None:
    """
    Database counts its statements, its errors and its pool through the events of the stub.
    """

    async def work(world: World) -> list[Any]:
        world.database.prepare(SCHEMA)
        async with Database(world.database.engine(), clock=world.now_s) as database:
            await database.write(
                "INSERT INTO t (id, name) VALUES (:id, :name)", {"id": 1, "name": "a"}
            )
            failure = await outcome(database.read("SELECT nonsense"))
            await asyncio.gather(*[database.read("SELECT name FROM t") for _ in range(3)])
            health = await database.health()
            stats = database.pool_stats()
            # As text: since Python 3.13 a record with a NaN in it is not equal to its like.
            told = repr(database.query_stats())
            return [failure, health, stats.in_use_max, stats.waiting_max, told]

    agreed(work)
