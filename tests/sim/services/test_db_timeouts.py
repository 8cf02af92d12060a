"""Limits on a connect and on a statement, under the names that asyncpg gives them."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from sqlalchemy import text

from agent_perf.sim import SimDatabase, SimLoop, simulate
from tests.sim.services.ledger import DB_CONNECT_NS, Ledger, round_draws

MS = 1_000_000


def world(**connect_args: float) -> tuple[SimDatabase, Any]:
    database = SimDatabase(round_draws(), Ledger())
    database.prepare("CREATE TABLE t (n INTEGER); INSERT INTO t VALUES (0);")
    return database, database.engine(connect_args=connect_args)


def test_a_statement_has_its_limit() -> None:
    """
    A writer that stands in line for the lock gives up after 50 ms; then the connection
    goes on, and the lock is passed to nobody who left.
    """

    async def main(loop: SimLoop) -> tuple[int, int]:
        database, engine = world(command_timeout=0.05)
        async with engine.connect() as holder, engine.connect() as other:
            await holder.execute(text("UPDATE t SET n = n + 1"))
            await other.execute(text("SELECT 1"))
            start_ns = loop.now_ns
            with pytest.raises(TimeoutError):
                await other.execute(text("UPDATE t SET n = n + 1"))
            took_ns = loop.now_ns - start_ns
            await holder.commit()
            await other.rollback()
            await other.execute(text("UPDATE t SET n = n + 1"))
            await other.commit()
            n = (await other.execute(text("SELECT n FROM t"))).scalar_one()
        await engine.dispose()
        database.close()
        return took_ns, n

    assert (50 * MS, 2) == simulate(main)


def test_a_connect_has_its_limit() -> None:
    """
    A connect of 10 ms does not pass a limit of 4 ms; without one it does.
    """

    async def main(loop: SimLoop) -> tuple[int, int]:
        database, engine = world(timeout=0.004)
        with pytest.raises(TimeoutError):
            await engine.connect()
        gave_up_ns = loop.now_ns
        patient = database.engine()
        async with patient.connect():
            connected_ns = loop.now_ns - gave_up_ns
        for one in (engine, patient):
            await one.dispose()
        database.close()
        return gave_up_ns, connected_ns

    assert (4 * MS, DB_CONNECT_NS) == simulate(main)


def test_a_batch_has_its_limit_too() -> None:
    """
    `executemany` is one statement to its limit; in time, it changes nothing.
    """

    async def main(loop: SimLoop) -> list[int]:
        database, engine = world(command_timeout=0.0021)
        async with engine.begin() as connection:
            rows = [{"n": n} for n in range(3)]
            await connection.execute(text("INSERT INTO t VALUES (:n)"), rows)
            holder = await engine.connect()
            late = holder.execute(text("INSERT INTO t VALUES (:n)"), rows)
            with pytest.raises(TimeoutError):
                await late
            await holder.close()
        async with engine.connect() as connection:
            found = list((await connection.execute(text("SELECT n FROM t"))).scalars())
        await asyncio.sleep(0)
        await engine.dispose()
        database.close()
        return found

    assert [0, 0, 1, 2] == simulate(main)
