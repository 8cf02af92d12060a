"""What transactions see of each other, by isolation level, through SQLAlchemy."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.exc import ArgumentError, OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from agent_perf.sim import SimDatabase, SimLoop, simulate
from tests.sim.services.ledger import DB_STATEMENT_NS, Ledger, round_draws

T = TypeVar("T")

SNAPSHOTS = ("REPEATABLE READ", "SERIALIZABLE")
READ = text("SELECT n FROM counter WHERE id = 1")
ADD = text("UPDATE counter SET n = n + 1 WHERE id = 1")
SCHEMA = """
CREATE TABLE counter (id INTEGER PRIMARY KEY, n INTEGER);
INSERT INTO counter VALUES (1, 0), (2, 0);
"""


def play(scene: Callable[[AsyncEngine, SimDatabase], Awaitable[T]], **kwargs: Any) -> T:
    async def main(loop: SimLoop) -> T:
        database = SimDatabase(round_draws(), Ledger())
        database.prepare(SCHEMA)
        engine = database.engine(**kwargs)
        try:
            return await scene(engine, database)
        finally:
            await engine.dispose()
            database.close()

    return simulate(main)


async def read(connection: AsyncConnection) -> int:
    return int((await connection.execute(READ)).scalar_one())


async def add(engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        await connection.execute(ADD)


@pytest.mark.parametrize(
    ("level", "seen"),
    [
        (None, [0, 1, 2]),
        ("READ UNCOMMITTED", [0, 1, 2]),
        ("READ COMMITTED", [0, 1, 2]),
        ("REPEATABLE READ", [0, 0, 0]),
        ("SERIALIZABLE", [0, 0, 0]),
        ("AUTOCOMMIT", [0, 1, 2]),
    ],
)
def test_a_transaction_sees_what_its_level_lets_it_see(level: str | None, seen: list[int]) -> None:
    """
    Others commit between its reads: read committed shows it, a snapshot does not.
    """

    async def scene(engine: AsyncEngine, database: SimDatabase) -> list[int]:
        async with engine.connect() as connection:
            if level is not None:
                await connection.execution_options(isolation_level=level)
            found = [await read(connection)]
            for _ in range(2):
                await add(engine)
                found.append(await read(connection))
            await connection.rollback()
            assert 2 == await read(connection)  # A new transaction sees it all.
        return found

    assert seen == play(scene)


@pytest.mark.parametrize("level", SNAPSHOTS)
def test_a_stale_snapshot_cannot_write(level: str) -> None:
    """
    Who read a snapshot and writes after another's commit fails with SQLSTATE 40001, writes
    nothing, and holds nobody up; tried again, it succeeds.
    """

    async def scene(engine: AsyncEngine, database: SimDatabase) -> None:
        async with engine.connect() as connection:
            assert 0 == await read(connection)
            await add(engine)
            with pytest.raises(OperationalError, match="could not serialize") as caught:
                await connection.execute(ADD)
            assert caught.value.orig is not None
            assert "40001" == getattr(caught.value.orig, "sqlstate")  # noqa: B009
            assert not database.lock.is_held
            await connection.rollback()
            assert 1 == await read(connection)
            await connection.execute(ADD)
            await connection.commit()
            assert 2 == await read(connection)

    play(scene, isolation_level=level)


def test_a_write_from_a_fresh_snapshot_holds_the_lock_until_its_end() -> None:
    """
    A transaction that reads and then writes undisturbed keeps other writers waiting.
    """

    async def scene(engine: AsyncEngine, database: SimDatabase) -> list[int]:
        async with engine.connect() as connection:
            await read(connection)
            await connection.execute(ADD)
            assert database.lock.is_held
            other = asyncio.create_task(add(engine))
            await asyncio.sleep(1.0)
            assert not other.done()
            await connection.commit()
            await other
            return [await read(connection)]

    assert [2] == play(scene, isolation_level="SERIALIZABLE")


def test_who_only_read_a_snapshot_holds_nobody_up() -> None:
    """
    A cancelled writer in a transaction that had only read leaves the lock free.
    """

    async def scene(engine: AsyncEngine, database: SimDatabase) -> bool:
        async with engine.connect() as connection:
            await read(connection)
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(DB_STATEMENT_NS / 2e9):
                    await connection.execute(ADD)
            return database.lock.is_held

    assert not play(scene, isolation_level="REPEATABLE READ")


def test_the_default_is_a_servers() -> None:
    """
    A connection says READ COMMITTED of itself, and says so again when given back.
    """

    async def scene(engine: AsyncEngine, database: SimDatabase) -> list[str]:
        said = []
        for level in ("SERIALIZABLE", "AUTOCOMMIT", None):
            async with engine.connect() as connection:
                if level is not None:
                    await connection.execution_options(isolation_level=level)
                said.append(str(await connection.get_isolation_level()))
        return said

    assert ["SERIALIZABLE", "AUTOCOMMIT", "READ COMMITTED"] == play(scene)


def test_an_unknown_level_is_refused_with_the_known_ones() -> None:
    """
    SQLAlchemy's own error lists what there is.
    """

    async def scene(engine: AsyncEngine, database: SimDatabase) -> None:
        async with engine.connect() as connection:
            with pytest.raises(ArgumentError, match="REPEATABLE READ"):
                await connection.execution_options(isolation_level="SNAPSHOT")

    play(scene)


@settings(max_examples=25, deadline=None)
@given(
    delays=st.lists(st.integers(0, 20), min_size=1, max_size=6), level=st.sampled_from(SNAPSHOTS)
)
def test_no_increment_is_lost_at_snapshot_levels(delays: list[int], level: str) -> None:
    """
    Everybody reads, computes, writes what they computed, and tries again when told to: at
    READ COMMITTED that loses updates, here the sum is right.
    """

    async def scene(engine: AsyncEngine, database: SimDatabase) -> int:
        async def bump(delay: int) -> None:
            await asyncio.sleep(delay / 1e3)
            while True:
                try:
                    async with engine.begin() as connection:
                        seen = await read(connection)
                        await connection.execute(
                            text("UPDATE counter SET n = :n WHERE id = 1"), {"n": seen + 1}
                        )
                except OperationalError as error:
                    if "could not serialize" not in str(error):
                        raise
                else:
                    return

        await asyncio.gather(*map(bump, delays))
        async with engine.connect() as connection:
            return await read(connection)

    assert len(delays) == play(scene, isolation_level=level)
