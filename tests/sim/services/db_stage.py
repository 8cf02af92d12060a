"""A database that holds a counter, and a scene to play with an engine on it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from agent_perf.sim import Draws, SimDatabase, SimLoop, simulate
from tests.sim.services.ledger import (
    DB_STATEMENT_NS,
    Ledger,
    round_draws,
)

T = TypeVar("T")


Scene = Callable[[SimLoop, AsyncEngine, Ledger], Awaitable[T]]


MS = 1_000_000


COUNTER = (
    "CREATE TABLE counter (id INTEGER PRIMARY KEY, n INTEGER); INSERT INTO counter VALUES (1, 0)"
)


READ = text("SELECT n FROM counter WHERE id = 1")


ADD = text("UPDATE counter SET n = n + 1 WHERE id = 1")


# Of a statement's 2 ms, the wire takes 0.25 each way and a worker the rest.
LEG_NS = 250_000


SERVICE_NS = DB_STATEMENT_NS - 2 * LEG_NS


def play(scene: Scene[T], *, servers: int = 16, draws: Draws | None = None, **kwargs: object) -> T:
    """Run *scene* with an engine on a database that holds a counter."""

    async def main(loop: SimLoop) -> T:
        ledger = Ledger()
        database = SimDatabase(draws or round_draws(), ledger, servers=servers)
        database.prepare(COUNTER)
        engine = database.engine(**kwargs)
        try:
            return await scene(loop, engine, ledger)
        finally:
            await engine.dispose()
            database.close()

    return simulate(main)


async def warm(engine: AsyncEngine, connections: int = 1) -> None:
    """Open *connections*, so that nobody pays for them later."""
    held = [await engine.connect() for _ in range(connections)]
    for connection in held:
        await connection.close()


async def count(engine: AsyncEngine) -> object:
    async with engine.connect() as connection:
        return (await connection.execute(READ)).scalar_one()
