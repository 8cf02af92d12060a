"""What statements and connections cost and count, through SQLAlchemy."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from agent_perf.errors import ConfigError, SimulationError
from agent_perf.sim import Draws, SimDatabase, SimLoop, request_scope, simulate
from tests.sim.services.db_stage import ADD, COUNTER, MS, READ, SERVICE_NS, count, play, warm
from tests.sim.services.ledger import (
    DB_CONNECT_NS,
    DB_STATEMENT_NS,
    Ledger,
    round_draws,
)


def test_a_read_is_a_statement_and_a_rollback() -> None:
    """
    Connect, read and give back: a connect, a statement and, as with real drivers, the
    ROLLBACK that ends the transaction which the read began.
    """

    async def scene(loop: SimLoop, engine: AsyncEngine, ledger: Ledger) -> None:
        async with engine.connect() as connection:
            assert 0 == (await connection.execute(READ)).scalar_one()
            assert DB_CONNECT_NS + DB_STATEMENT_NS == loop.now_ns
        assert DB_CONNECT_NS + 2 * DB_STATEMENT_NS == loop.now_ns
        assert {
            "db_connects:": 1,
            "db_prepares:SELECT n FROM counter WHERE id = 1": 1,
            "db_statements:SELECT n FROM counter WHERE id = 1": 1,
            "db_statements:ROLLBACK": 1,
        } == ledger.details
        assert [
            ("db.connect", 0, 10 * MS, ""),
            ("db.statement", 10 * MS, 12 * MS, "SELECT n FROM counter WHERE id = 1"),
            ("db.statement", 12 * MS, 14 * MS, "ROLLBACK"),
        ] == ledger.spans

    play(scene)


def test_a_connection_unused_costs_nothing() -> None:
    """
    Whoever takes a connection from the pool and executes nothing makes no trip.
    """

    async def scene(loop: SimLoop, engine: AsyncEngine, ledger: Ledger) -> int:
        await warm(engine)
        start_ns = loop.now_ns
        async with engine.begin():
            pass
        assert 0 == ledger.counts["db_statements"]
        return loop.now_ns - start_ns

    assert 0 == play(scene)


def test_a_write_is_a_statement_and_a_commit() -> None:
    """
    A transaction that writes once makes two trips, the second called COMMIT.
    """

    async def scene(loop: SimLoop, engine: AsyncEngine, ledger: Ledger) -> int:
        await warm(engine)
        start_ns = loop.now_ns
        async with engine.begin() as connection:
            await connection.execute(ADD)
        assert 1 == ledger.details["db_statements:COMMIT"]
        assert 2 == ledger.counts["db_statements"]
        return loop.now_ns - start_ns

    assert 2 * DB_STATEMENT_NS == play(scene)


def test_autocommit_ends_nothing() -> None:
    """
    In autocommit mode a statement is its own transaction: one trip, at once visible.
    """

    async def scene(loop: SimLoop, engine: AsyncEngine, ledger: Ledger) -> object:
        async with engine.connect() as connection:
            await connection.execution_options(isolation_level="AUTOCOMMIT")
            await connection.execute(ADD)
            seen = await count(engine)
        assert {"UPDATE", "SELECT", "ROLLBACK"} == {
            detail.split(" ")[0] for name, _, _, detail in ledger.spans if name == "db.statement"
        }
        assert 1 == ledger.details["db_statements:ROLLBACK"]
        return seen

    assert 1 == play(scene)


def test_statements_queue_for_workers() -> None:
    """
    With one worker, three reads at once end one service apart; the wire is not queued for.
    """

    async def scene(loop: SimLoop, engine: AsyncEngine, ledger: Ledger) -> list[int]:
        await warm(engine, 3)
        start_ns = loop.now_ns

        async def read() -> int:
            async with engine.connect() as connection:
                await connection.execute(READ)
                return loop.now_ns - start_ns

        return list(await asyncio.gather(*(read() for _ in range(3))))

    ends_ns = [DB_STATEMENT_NS + wait * SERVICE_NS for wait in range(3)]
    assert ends_ns == play(scene, servers=1)


def test_the_pool_lets_in_fifty_then_twenty() -> None:
    """
    Of 120 tasks at once, 50 get a connection; the 30 of them beyond the pool's size are
    closed when given back, so that the others come in waves of 20.
    """

    async def scene(loop: SimLoop, engine: AsyncEngine, ledger: Ledger) -> Counter[int]:
        ends_ms: Counter[int] = Counter()

        async def work() -> None:
            async with engine.connect() as connection:
                await connection.execute(READ)
                await asyncio.sleep(0.1)
            ends_ms[loop.now_ns // MS] += 1

        await asyncio.gather(*(work() for _ in range(120)))
        assert 50 == ledger.counts["db_connects"]
        assert 70 == ledger.counts["db_waits"] == len(ledger.lengths("db.wait"))
        return ends_ms

    first_ms, wave_ms = 10 + 2 + 100 + 2, 2 + 100 + 2
    waves = {first_ms + wave_ms * wave: 20 for wave in (1, 2, 3)}
    last = {first_ms + wave_ms * 4: 10}
    assert {first_ms: 50, **waves, **last} == play(scene, servers=1000)


def test_an_extra_statement_moves_no_other_latency() -> None:
    """
    A request that makes one statement more takes that statement's time more, and no
    other request takes any other time.
    """

    def latencies(extra: int) -> list[int]:
        async def scene(loop: SimLoop, engine: AsyncEngine, ledger: Ledger) -> list[int]:
            await warm(engine, 3)
            return [await _request(loop, engine, i, extra if i == 1 else 0) for i in range(3)]

        return play(scene, draws=Draws(3))

    plain, more = latencies(0), latencies(1)
    assert [plain[0], plain[2]] == [more[0], more[2]]
    assert more[1] > plain[1]


async def _request(loop: SimLoop, engine: AsyncEngine, request_id: int, extra: int) -> int:
    start_ns = loop.now_ns
    with request_scope(request_id):
        async with engine.connect() as connection:
            for _ in range(1 + extra):
                await connection.execute(READ)
    return loop.now_ns - start_ns


def test_preparing_takes_no_time() -> None:
    """
    prepare() takes no time and counts nothing; during an open write it is refused.
    """

    async def main(loop: SimLoop) -> None:
        ledger = Ledger()
        database = SimDatabase(round_draws(), ledger)
        engine = database.engine()
        database.prepare(COUNTER)
        assert (0, Counter()) == (loop.now_ns, ledger.counts)
        async with engine.begin() as connection:
            await connection.execute(ADD)
            with pytest.raises(SimulationError, match="before the requests begin"):
                database.prepare("DELETE FROM counter")
        assert 1 == await count(engine)
        await engine.dispose()
        database.close()

    simulate(main)


def test_a_real_loop_is_refused() -> None:
    """
    On a real event loop the engine fails and says where to run instead.
    """

    async def main(database: SimDatabase) -> None:
        engine = database.engine()
        with pytest.raises(SimulationError, match=r"inside of simulate"):
            await engine.connect()
        await engine.dispose()

    database = SimDatabase(round_draws(), Ledger())
    asyncio.run(main(database))
    database.close()


def test_servers_are_checked() -> None:
    """
    A database without workers is refused, with the number given.
    """
    with pytest.raises(ConfigError, match="0"):
        SimDatabase(round_draws(), Ledger(), servers=0)
