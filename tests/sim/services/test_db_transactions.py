"""What transactions keep from each other, and who waits for whom."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.ext.asyncio import AsyncEngine

from agent_perf.sim import SimLoop
from tests.sim.services.db_stage import ADD, LEG_NS, READ, SERVICE_NS, count, play, warm
from tests.sim.services.ledger import (
    DB_STATEMENT_NS,
    Ledger,
)


def test_uncommitted_writes_are_invisible() -> None:
    """
    Nobody but their own connection sees writes before the commit, and readers do not
    wait for it.
    """

    async def scene(loop: SimLoop, engine: AsyncEngine, ledger: Ledger) -> list[object]:
        await warm(engine, 2)
        async with engine.connect() as writer:
            await writer.execute(ADD)
            start_ns = loop.now_ns
            seen = [await count(engine), (await writer.execute(READ)).scalar_one()]
            assert 3 * DB_STATEMENT_NS == loop.now_ns - start_ns
            await writer.commit()
        return [*seen, await count(engine)]

    assert [0, 1, 1] == play(scene)


def test_rollback_undoes() -> None:
    """
    After a rollback, by the user or by an exception, nothing was written.
    """

    async def scene(loop: SimLoop, engine: AsyncEngine, ledger: Ledger) -> object:
        async with engine.connect() as connection:
            await connection.execute(ADD)
            await connection.rollback()
            assert 0 == (await connection.execute(READ)).scalar_one()
        with pytest.raises(ZeroDivisionError):
            async with engine.begin() as connection:
                await connection.execute(ADD)
                raise ZeroDivisionError
        return await count(engine)

    assert 0 == play(scene)


def test_a_savepoint_undoes_its_part() -> None:
    """
    A nested transaction that fails undoes its own writes and no others.
    """

    async def scene(loop: SimLoop, engine: AsyncEngine, ledger: Ledger) -> object:
        async with engine.begin() as connection:
            await connection.execute(ADD)
            nested = await connection.begin_nested()
            await connection.execute(ADD)
            await nested.rollback()
            async with connection.begin_nested():
                await connection.execute(ADD)
        return await count(engine)

    assert 2 == play(scene)


def test_writers_wait_for_each_other() -> None:
    """
    A second writer's statement is done one service after the first one's commit, to the
    nanosecond, and both additions count.
    """

    async def scene(loop: SimLoop, engine: AsyncEngine, ledger: Ledger) -> list[int]:
        await warm(engine, 3)
        start_ns = loop.now_ns

        async def write() -> int:
            async with engine.begin() as connection:
                await connection.execute(ADD)
                return loop.now_ns - start_ns

        ends_ns = await asyncio.gather(*(write() for _ in range(3)))
        assert 3 == await count(engine)
        assert 2 == ledger.counts["db_lock_waits"]
        return list(ends_ns)

    # The commit leaves with the first reply, and frees the lock when it has been served.
    freed_ns = DB_STATEMENT_NS + LEG_NS + SERVICE_NS
    second_ns = freed_ns + SERVICE_NS + LEG_NS
    assert [DB_STATEMENT_NS, second_ns, 2 * second_ns - DB_STATEMENT_NS] == play(scene)


def test_a_statement_in_autocommit_frees_the_lock() -> None:
    """
    Writers in autocommit mode follow each other one service apart, and one that returns
    its rows is over when it returns them.
    """

    async def scene(loop: SimLoop, engine: AsyncEngine, ledger: Ledger) -> list[object]:
        await warm(engine, 2)
        start_ns = loop.now_ns
        statement = text("UPDATE counter SET n = n + 1 RETURNING n")

        async def write() -> tuple[object, int]:
            async with engine.connect() as connection:
                await connection.execution_options(isolation_level="AUTOCOMMIT")
                return (await connection.execute(statement)).scalar_one(), loop.now_ns - start_ns

        return list(await asyncio.gather(write(), write()))

    assert [(1, DB_STATEMENT_NS), (2, DB_STATEMENT_NS + SERVICE_NS)] == play(scene)


def test_a_writer_that_is_cancelled_frees_the_lock() -> None:
    """
    A cancelled transaction leaves nothing behind: no write, no lock, no place in line.
    """

    async def scene(loop: SimLoop, engine: AsyncEngine, ledger: Ledger) -> list[object]:
        await warm(engine, 3)

        async def write(hold_s: float) -> None:
            async with engine.begin() as connection:
                await connection.execute(ADD)
                await asyncio.sleep(hold_s)

        holder = asyncio.create_task(write(9))
        await asyncio.sleep(0.1)
        in_line = asyncio.create_task(write(0))
        last = asyncio.create_task(write(0))
        await asyncio.sleep(0.1)
        for task in (in_line, holder):
            task.cancel()
        outcomes = await asyncio.gather(holder, in_line, last, return_exceptions=True)
        return [type(outcome).__name__ for outcome in outcomes] + [await count(engine)]

    assert ["CancelledError", "CancelledError", "NoneType", 1] == play(scene)


def test_an_error_leaves_the_transaction_usable() -> None:
    """
    A statement that violates a constraint raises what the driver raises, and what the
    transaction wrote before it is kept.
    """

    async def scene(loop: SimLoop, engine: AsyncEngine, ledger: Ledger) -> object:
        async with engine.begin() as connection:
            await connection.execute(ADD)
            with pytest.raises(IntegrityError, match="UNIQUE"):
                await connection.execute(text("INSERT INTO counter VALUES (1, 5)"))
        with pytest.raises(OperationalError, match="no such table"):
            async with engine.connect() as connection:
                await connection.execute(text("SELECT * FROM nowhere"))
        return await count(engine)

    assert 1 == play(scene)
