from __future__ import annotations

import asyncio
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from agent_perf.sim import SimDatabase, SimLoop, simulate
from agent_perf.sim.faults import (
    Fault,
    drop_first,
    errors,
    hang,
    outage,
    partition,
    reset,
    slow,
)
from tests.sim.faults.plans import Outcome, Plan, at_ms, outcome

WINDOW: Any = {"at_s": 0.1, "for_s": 0.1}
REFUSED = "OperationalError: connection failed: [Errno 111] Connection refused by database"
CLOSED = "OperationalError, invalidated: no active connection: [Errno 104] Connection closed by"
RESET = "OperationalError, invalidated: no active connection: [Errno 104] Connection reset by"
DENIED = "OperationalError: deadlock detected"


async def read(engine: AsyncEngine, limit_s: float | None) -> object:
    """Return what a transaction reads, or its error, in words."""
    try:
        async with asyncio.timeout(limit_s), engine.begin() as connection:
            return (await connection.execute(text("SELECT x FROM t"))).scalar()
    except DBAPIError as error:
        invalidated = ", invalidated" if error.connection_invalidated else ""
        words = str(error.orig).partition(" by database")
        return f"{type(error).__name__}{invalidated}: {words[0]}{words[1]}"


def reads(
    *faults: Fault, limit_s: float | None = None, **engine_kwargs: Any
) -> tuple[list[Outcome], dict[str, int], int]:
    """
    Read a row before, at the edge of, during and after a window from 100 to 200 ms.

    A connect takes 10 ms; a transaction two trips of 2 ms.
    """

    async def main(loop: SimLoop) -> tuple[list[Outcome], dict[str, int], int]:
        plan = Plan(loop, *faults)
        service = SimDatabase(plan.draws, plan.ledger)
        service.faults = plan.point("database")
        service.prepare("CREATE TABLE t (x); INSERT INTO t VALUES (1)")
        engine = service.engine(**engine_kwargs)
        await read(engine, None)
        await at_ms(loop, 100)
        plan.start()
        seen = []
        for ms in (50, 99, 130, 220):
            await at_ms(loop, 100 + ms)
            found, when_ms = await outcome(loop, read(engine, limit_s))
            seen.append((found, when_ms - 100))  # type: ignore[operator]
        await engine.dispose()
        service.close()
        return seen, plan.struck(), plan.ledger.counts["db_connects"]

    return simulate(main)


@pytest.mark.parametrize(
    ("fault", "limit_s", "seen"),
    [
        (
            outage("database", **WINDOW),
            None,
            [(f"{CLOSED} database", 100.0), (REFUSED, 130.0), (1, 234.0)],
        ),
        (
            reset("database", **WINDOW, detail="no such statement"),
            None,
            [(f"{RESET} database", 100.0), (1, 144.0), (1, 224.0)],
        ),
        (hang("database", **WINDOW), None, [(1, 202.0), (1, 206.0), (1, 224.0)]),
        (
            hang("database", **WINDOW),
            0.02,
            [("TimeoutError: ", 119.0), ("TimeoutError: ", 150.0), (1, 234.0)],
        ),
        (
            partition("app", "database", **WINDOW),
            0.02,
            [("TimeoutError: ", 119.0), ("TimeoutError: ", 150.0), (1, 234.0)],
        ),
        (
            errors("database", **WINDOW, detail="SELECT*", message="deadlock detected"),
            None,
            [(1, 103.0), (DENIED, 134.0), (1, 224.0)],
        ),
        (slow("database", **WINDOW, factor=5), None, [(1, 111.0), (1, 150.0), (1, 224.0)]),
    ],
)
def test_sqlalchemy_sees_what_a_real_failure_gives(
    fault: Fault, limit_s: float | None, seen: list[Outcome]
) -> None:
    """
    Before the window all is well; at its begin, in it and after it, errors and instants are
    exact, and the pool recovers by itself.
    """
    found, _, _ = reads(fault, limit_s=limit_s)

    assert [(1, 54.0), *seen] == found


def test_a_ping_before_use_finds_the_lost_connection() -> None:
    """
    With pool_pre_ping a reset between two requests costs a connect, and no error.
    """
    fault = reset("database", at_s=0.06, for_s=0.01)
    without, _, _ = reads(fault)
    found, struck, connects = reads(fault, pool_pre_ping=True)

    assert (f"{RESET} database", 99.0) == without[1]
    # Ping, statement and rollback: 2 ms each, a connect 10 ms.
    assert [(1, 56.0), (1, 113.0), (1, 136.0), (1, 226.0)] == found
    assert ({"reset database": 1}, 2) == (struck, connects)


def test_the_first_statements_are_dropped() -> None:
    """
    So many statements lose their connection; the next one opens another.
    """
    found, struck, connects = reads(drop_first("database", 2))

    assert [RESET + " database", RESET + " database", 1, 1] == [what for what, _ in found]
    assert ({"drop_first database": 2}, 3) == (struck, connects)


def test_a_lost_connection_frees_what_it_had_locked() -> None:
    """
    The server rolls back what a lost connection had written, and the next writer goes on.
    """

    async def main(loop: SimLoop) -> list[object]:
        plan = Plan(loop, reset("database", at_s=0.1, for_s=0.01, detail="nothing"))
        service = SimDatabase(plan.draws, plan.ledger)
        service.faults = plan.point("database")
        service.prepare("CREATE TABLE t (x); INSERT INTO t VALUES (1)")
        engine = service.engine()
        plan.start()

        async def write(value: int, hold_s: float) -> None:
            async with engine.begin() as connection:
                await connection.execute(text("UPDATE t SET x = :x"), {"x": value})
                await asyncio.sleep(hold_s)

        async def write_later() -> None:
            await at_ms(loop, 105)
            await write(3, 0)

        first, _ = await asyncio.gather(outcome(loop, write(2, 10)), write_later())
        async with engine.connect() as connection:
            value = (await connection.execute(text("SELECT x FROM t"))).scalar()
        await engine.dispose()
        service.close()
        return ["no active connection" in str(first[0]), value]

    assert [True, 3] == simulate(main)
