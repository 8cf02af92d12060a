"""What holds for any timing, any seed and any size of the pool."""

from __future__ import annotations

import asyncio

from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import event
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncEngine

from agent_perf.sim import Draws, SimLoop, request_scope
from tests.sim.services.db_stage import ADD, MS, READ, count, play
from tests.sim.services.ledger import (
    Ledger,
)


def test_the_same_seed_does_the_same() -> None:
    """
    Two runs of one seed, with writers, waits and time-outs, tell the same spans.
    """

    async def scene(loop: SimLoop, engine: AsyncEngine, ledger: Ledger) -> object:
        async def work(request_id: int) -> None:
            with request_scope(request_id):
                async with engine.begin() as connection:
                    await connection.execute(ADD if request_id % 3 else READ)

        await asyncio.gather(*(work(i) for i in range(30)))
        return ledger.spans, ledger.owners, ledger.details

    def once() -> object:
        return play(scene, draws=Draws(7), pool_size=3, max_overflow=2)

    assert once() == once()


Plan = list[tuple[str, int, int]]


plans = st.lists(
    st.tuples(
        st.sampled_from(["commit", "rollback", "autocommit", "cancel"]),
        st.integers(0, 20 * MS),
        st.integers(1, 3),
    ),
    max_size=8,
)


@settings(max_examples=25, deadline=None)
@given(plans, st.integers(0, 50), st.integers(1, 4))
def test_no_write_is_lost_or_leaked(plan: Plan, seed: int, pool_size: int) -> None:
    """
    However transactions interleave, and whether they commit, roll back or are cancelled,
    the counter ends at the sum of what was committed, and no connection is left.
    """

    async def scene(loop: SimLoop, engine: AsyncEngine, ledger: Ledger) -> tuple[object, int]:
        amounts = await asyncio.gather(*(_ask(engine, i, *entry) for i, entry in enumerate(plan)))
        assert 0 == engine.pool.checkedout()  # type: ignore[attr-defined]
        return await count(engine), sum(amounts)

    total, committed = play(scene, draws=Draws(seed), pool_size=pool_size, max_overflow=1)
    assert committed == total


async def _ask(engine: AsyncEngine, request_id: int, kind: str, delay_ns: int, amount: int) -> int:
    """Return by how much the request has raised the counter for good."""
    await asyncio.sleep(delay_ns / 1e9)
    with request_scope(request_id) as state:
        task = asyncio.create_task(_write(engine, kind, amount))
        if kind == "cancel":
            await asyncio.sleep(delay_ns / 1e9)
            task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert 0 == state.connections_held
    return 0 if task.cancelled() else task.result()


async def _write(engine: AsyncEngine, kind: str, amount: int) -> int:
    async with engine.connect() as connection:
        if kind == "autocommit":
            await connection.execution_options(isolation_level="AUTOCOMMIT")
        for _ in range(amount):
            await connection.execute(ADD)
        if kind == "cancel":
            await asyncio.sleep(10)
        if kind == "commit":
            await connection.commit()
    return amount if kind in ("commit", "autocommit") else 0


@settings(max_examples=25, deadline=None)
@given(
    pool_size=st.integers(1, 4),
    max_overflow=st.integers(0, 3),
    holds_ms=st.lists(st.integers(0, 400), min_size=1, max_size=15),
    pool_timeout_ms=st.integers(1, 500),
)
def test_the_pools_limits_hold(
    pool_size: int, max_overflow: int, holds_ms: list[int], pool_timeout_ms: int
) -> None:
    """
    Never are more connections out than size and overflow allow, and nobody waits for one
    longer than the time-out: it gets one, or SQLAlchemy's error at exactly that time.
    """

    async def scene(loop: SimLoop, engine: AsyncEngine, ledger: Ledger) -> None:
        out = most_out = 0

        def checkout(*_: object) -> None:
            nonlocal out, most_out
            out += 1
            most_out = max(most_out, out)

        def checkin(*_: object) -> None:
            nonlocal out
            out -= 1

        event.listen(engine.sync_engine, "checkout", checkout)
        event.listen(engine.sync_engine, "checkin", checkin)

        async def work(hold_ms: int) -> bool:
            start_ns = loop.now_ns
            try:
                async with engine.connect():
                    await asyncio.sleep(hold_ms / 1000)
            except PoolTimeout:
                assert pool_timeout_ms * MS == loop.now_ns - start_ns
                return False
            return True

        served = await asyncio.gather(*(work(hold_ms) for hold_ms in holds_ms))
        assert min(pool_size + max_overflow, len(holds_ms)) >= most_out
        waits_ns = ledger.lengths("db.wait")
        assert all(0 <= wait_ns <= pool_timeout_ms * MS for wait_ns in waits_ns)
        assert ledger.counts["db_waits"] == len(waits_ns)
        assert served.count(False) <= len(waits_ns)

    play(
        scene,
        pool_size=pool_size,
        max_overflow=max_overflow,
        pool_timeout=pool_timeout_ms / 1000,
    )
