"""
What a stubbed database leaves to SQLAlchemy: the same data, connections, times and counts.
"""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from sqlalchemy import bindparam, exc, insert, select, text
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from agent_perf import scenario
from agent_perf.records import Tier
from agent_perf.sim.faults import outage
from agent_perf.suite import World, run_scenario
from tests.sim.stubs.both import agreed, outcome

SCHEMA = "CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT)"
COUNT = text("SELECT count(*) FROM t")


class Base(DeclarativeBase):
    """The tables."""


class Thing(Base):
    """A row of t."""

    __tablename__ = "t"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]


async def _mixed(connection: Any) -> list[Any]:
    """Return what text, expressions, savepoints, streams and the driver find in turns."""
    await connection.execute(text("INSERT INTO t VALUES (:id, :name)"), {"id": 1, "name": "a"})
    await connection.execute(insert(Thing), [{"id": 2, "name": "b"}, {"id": 3, "name": "c"}])
    found: list[Any] = [await connection.scalar(COUNT)]
    async with connection.begin_nested():
        await connection.execute(text("DELETE FROM t WHERE id = 1"))
    nested = await connection.begin_nested()
    await connection.execute(text("DELETE FROM t"))
    await nested.rollback()
    async with connection.stream(select(Thing.id).order_by(Thing.id)) as rows:
        found.append([row.id async for row in rows])
    names = text("SELECT name FROM t WHERE id IN :ids").bindparams(bindparam("ids", expanding=True))
    found.append((await connection.execute(names, {"ids": [1, 2, 3]})).scalars().all())
    found.append(await connection.run_sync(lambda sync: sync.scalar(COUNT)))
    found.append((await connection.exec_driver_sql("SELECT ?", (7,))).scalar_one())
    return found


@pytest.mark.parametrize("ends", ["commit", "rollback", "close"])
def test_expressions_go_on_where_texts_were(ends: str) -> None:
    """
    In one transaction, whatever each statement is made of; what is not committed is gone.
    """

    async def work(world: World) -> list[Any]:
        world.database.prepare(SCHEMA)
        engine = world.database.engine()
        async with engine.connect() as connection:
            found = await _mixed(connection)
            found.append(connection.in_transaction())
            if ends != "close":
                await getattr(connection, ends)()
                found += [connection.in_transaction(), await connection.scalar(COUNT)]
        async with engine.begin() as connection:
            found.append((await connection.execute(select(Thing.id))).scalars().all())
        await engine.dispose()
        return found

    assert ([2, 3] if ends == "commit" else []) == agreed(work)[-1]


def test_sessions_of_the_orm_agree() -> None:
    """
    Sessions and stubbed connections wait in one line for one pool, and see each other's data.
    """

    async def work(world: World) -> list[Any]:
        world.database.prepare(SCHEMA)
        engine = world.database.engine(pool_size=1, max_overflow=1, pool_timeout=0.02)
        sessions: Any = async_sessionmaker(engine, expire_on_commit=False)

        async def write(number: int) -> Any:
            async with sessions.begin() as session:
                session.add(Thing(id=number, name=str(number)))
                await asyncio.sleep(0.002)
            return round(world.now_s() * 1e9)

        async def read() -> Any:
            async with engine.connect() as connection:
                return await connection.scalar(COUNT), round(world.now_s() * 1e9)

        pairs = [task for number in range(8) for task in (write(number), read())]
        found: list[Any] = await asyncio.gather(*map(outcome, pairs))
        async with AsyncSession(engine) as session:
            found.append([thing.name for thing in await session.scalars(select(Thing))])
        found.append(await outcome(write(0)))
        await engine.dispose()
        return found

    found = agreed(work)

    assert exc.TimeoutError in [one[0] for one in found if isinstance(one, tuple)]
    assert exc.IntegrityError is found[-1][0]


def test_levels_and_other_options_agree() -> None:
    """
    Isolation levels hold for both; options and arguments without a stub are SQLAlchemy's.
    """

    async def work(world: World) -> list[Any]:
        world.database.prepare(SCHEMA)
        engine = world.database.engine(isolation_level="REPEATABLE READ")
        other = world.database.engine(pool_reset_on_return=None)
        found = []
        async with engine.connect() as reader, other.begin() as writer:
            found.append(await reader.scalar(COUNT))
            await writer.execute(text("INSERT INTO t VALUES (1, 'a')"))
            await writer.commit()
            found.append((await reader.execute(select(Thing.id))).all())
        loose = engine.execution_options(isolation_level="AUTOCOMMIT")
        async with loose.connect() as connection:
            await connection.execute(insert(Thing).values(id=2, name="b"))
            await connection.execution_options(yield_per=5)
        async with AsyncSession(loose) as session:
            session.add(Thing(id=3, name="c"))
            await session.flush()
        async with engine.connect() as connection:
            found.append(await connection.scalar(COUNT))
        for one in (engine, other):
            await one.dispose()
        return found

    assert [0, [], 3] == agreed(work)


def test_what_is_given_up_half_way_agrees() -> None:
    """
    A statement that is cancelled costs the connection; the next caller opens another.
    """

    async def work(world: World) -> list[Any]:
        world.database.prepare(SCHEMA)
        engine = world.database.engine(pool_size=1, max_overflow=0)
        found = []
        for limit_s in (0.0001, 1):
            async with engine.connect() as connection:
                late = asyncio.wait_for(connection.execute(select(Thing.id)), limit_s)
                found += [(await outcome(late))[0] if limit_s < 1 else (await late).all()]
                found.append(connection.invalidated)
        await engine.dispose()
        return found

    assert [TimeoutError, True, [], False] == agreed(work)


@scenario(
    "shop.orm",
    users=(8,),
    requests=200,
    think=None,
    faults=(outage("database", at_s=0.05, for_s=0.05),),
)
async def orm(world):
    """Reads and writes by turns: an expression, a text, a session."""
    world.database.prepare(SCHEMA)
    engine = world.database.engine(pool_size=5, max_overflow=3, pool_pre_ping=True)
    sessions = async_sessionmaker(engine)

    async def request(ask):
        if ask.index % 3 == 0:
            async with engine.connect() as connection:
                await connection.execute(COUNT)
                await connection.execute(select(Thing.id).limit(3))
        elif ask.index % 3 == 1:
            async with engine.begin() as connection:
                await connection.execute(COUNT)
        else:
            async with sessions.begin() as session:
                session.add(Thing(name="x"))

    yield request
    await engine.dispose()


def test_an_outage_agrees() -> None:
    """
    Connections of either kind that an outage breaks are told, left and replaced alike.
    """
    client = run_scenario(orm, 8, commit="worktree", tier=Tier.CLIENT)
    stub = run_scenario(orm, 8, commit="worktree", tier=Tier.STUB)

    assert client.errors == stub.errors != {}
    assert client.counts == stub.counts
    assert client.latency_ns == stub.latency_ns
