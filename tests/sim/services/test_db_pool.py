from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import pytest
from sqlalchemy import text
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.pool import NullPool

from agent_perf.sim import SimDatabase, SimLoop, request_scope, running_request, simulate
from tests.sim.services.ledger import DB_CONNECT_NS, DB_STATEMENT_NS, Ledger, round_draws

T = TypeVar("T")
Scene = Callable[[SimLoop, AsyncEngine, Ledger], Awaitable[T]]

MS = 1_000_000
ONE = text("SELECT 1")


def play(scene: Scene[T], **kwargs: object) -> T:
    async def main(loop: SimLoop) -> T:
        ledger = Ledger()
        database = SimDatabase(round_draws(), ledger)
        engine = database.engine(**kwargs)
        try:
            return await scene(loop, engine, ledger)
        finally:
            await engine.dispose()
            database.close()

    return simulate(main)


def test_waiting_for_the_pool_is_told() -> None:
    """
    Waiting for a connection is one wait of the request that waits, as long as it lasts;
    taking one that is free is none.
    """

    async def scene(loop: SimLoop, engine: AsyncEngine, ledger: Ledger) -> None:
        async def request(request_id: int) -> None:
            with request_scope(request_id):
                async with engine.connect():
                    await asyncio.sleep(0.1)

        await asyncio.gather(request(1), request(2))
        await request(3)
        waits = [
            (end_ns - start_ns, owner)
            for (name, start_ns, end_ns, _), owner in zip(ledger.spans, ledger.owners, strict=True)
            if name == "db.wait"
        ]
        assert [(DB_CONNECT_NS + 100 * MS, 2)] == waits
        assert 1 == ledger.counts["db_waits"] == ledger.by_request[2, "db_waits"]

    play(scene, pool_size=1, max_overflow=0)


def test_the_pools_timeout_is_virtual() -> None:
    """
    Who waits longer than pool_timeout gets SQLAlchemy's error at exactly that time, and
    the wait is told.
    """

    async def scene(loop: SimLoop, engine: AsyncEngine, ledger: Ledger) -> None:
        async with engine.connect():
            start_ns = loop.now_ns
            with pytest.raises(PoolTimeout, match="QueuePool limit"):
                await engine.connect()
            assert 3_000 * MS == loop.now_ns - start_ns
        assert [3_000 * MS] == ledger.lengths("db.wait")

    play(scene, pool_size=1, max_overflow=0, pool_timeout=3)


def test_recycling_is_virtual() -> None:
    """
    A connection older than pool_recycle is replaced when next taken.
    """

    async def scene(loop: SimLoop, engine: AsyncEngine, ledger: Ledger) -> list[int]:
        connects = []
        for pause_s in (0, 30, 45):
            await asyncio.sleep(pause_s)
            async with engine.connect():
                connects.append(ledger.counts["db_connects"])
        return connects

    assert [1, 1, 2] == play(scene, pool_size=1, max_overflow=0, pool_recycle=60)


def test_a_ping_costs_a_trip() -> None:
    """
    With pool_pre_ping a connection is pinged when taken again: one trip, every time.
    """

    async def scene(loop: SimLoop, engine: AsyncEngine, ledger: Ledger) -> int:
        async with engine.connect():
            pass
        start_ns = loop.now_ns
        async with engine.connect():
            taken_ns = loop.now_ns
        assert 1 == ledger.details["db_statements:SELECT 1"]
        return taken_ns - start_ns

    assert DB_STATEMENT_NS == play(scene, pool_pre_ping=True)


def test_what_a_request_holds_is_known() -> None:
    """
    connections_held counts what the request has taken and not given back, in whatever
    task, and not what it invalidated.
    """

    async def scene(loop: SimLoop, engine: AsyncEngine, ledger: Ledger) -> list[int]:
        held = []
        with request_scope(1) as state:
            first = await engine.connect()
            held.append(state.connections_held)
            second = await asyncio.create_task(engine.connect().start())
            held.append(state.connections_held)
            await asyncio.create_task(first.close())
            held.append(state.connections_held)
            await second.execute(ONE)
            await second.invalidate()
            held.append(state.connections_held)
            await second.close()
            held.append(state.connections_held)
        assert 0 == running_request().connections_held
        return held

    assert [1, 2, 1, 0, 0] == play(scene)


def test_a_connection_given_back_elsewhere_is_its_takers() -> None:
    """
    A connection taken by one request and closed by another is no longer held by the first.
    """

    async def scene(loop: SimLoop, engine: AsyncEngine, ledger: Ledger) -> tuple[int, int]:
        with request_scope(1) as taker:
            connection = await engine.connect()
        with request_scope(2) as closer:
            await connection.close()
        return taker.connections_held, closer.connections_held

    assert (0, 0) == play(scene)


def test_a_pool_of_ones_own() -> None:
    """
    Another pool class works too; without a pool every use is a connect.
    """

    async def scene(loop: SimLoop, engine: AsyncEngine, ledger: Ledger) -> int:
        for _ in range(3):
            async with engine.connect() as connection:
                await connection.execute(ONE)
                assert 1 == running_request().connections_held
        assert 0 == running_request().connections_held
        return ledger.counts["db_connects"]

    assert 3 == play(scene, poolclass=NullPool)
