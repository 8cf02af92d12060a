"""Database through faults in virtual time: as in test_database_services, to the instant."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from sqlalchemy.exc import DBAPIError

from agent_perf.components import Database, QueryTimeoutError
from agent_perf.errors import ConfigError
from agent_perf.sim import SimLoop, simulate
from agent_perf.sim.faults import Fault, hang, outage, reset, slow
from tests.components.database.test_pool import World, seconds

ECHO = "SELECT :key AS key"


def through(
    fault: Fault | None, story: Callable[[Database, World], Awaitable[None]], **options: object
) -> None:
    """Run *story*; what goes wrong begins 1 s after it."""

    async def main(loop: SimLoop) -> None:
        world = World(loop, () if fault is None else (fault,), pool_size=2, max_overflow=0)
        world.faults.start()
        database = Database(world.engine, clock=loop.time, **options)
        await echoes(database, 4)
        await asyncio.sleep(1 - loop.time())
        await story(database, world)
        stats = database.pool_stats()
        assert (0, 0) == (stats.in_use, stats.waiting)
        await database.aclose()
        await world.engine.dispose()

    simulate(main)


async def echoes(database: Database, count: int) -> None:
    """Ask for *count* keys at once; each gets its own."""
    rows = await asyncio.gather(*(database.read_one(ECHO, {"key": key}) for key in range(count)))
    assert list(range(count)) == [row.key for row in rows if row is not None]


def test_a_server_may_restart() -> None:
    """
    While the server is away callers are told so at once; when it is back, so is the database.
    """

    async def story(database: Database, _: World) -> None:
        for _attempt in range(3):
            with pytest.raises(DBAPIError):
                await database.read("SELECT 1")
        assert not (await database.health()).is_up
        await asyncio.sleep(5)
        await echoes(database, 8)

    through(outage("database", at_s=1, for_s=5), story)


def test_a_cut_is_survived_by_reads_and_told_to_writes() -> None:
    """
    A read whose connection is cut is repeated on another; a write is not.
    """

    async def story(database: Database, _: World) -> None:
        await asyncio.sleep(0.001)
        # The lost connection, a connect, and the statement.
        assert 0.012 == await seconds(database.read("SELECT 1"))
        assert 1 == database.pool_stats().reconnects

    async def write(database: Database, _: World) -> None:
        await asyncio.sleep(0.001)
        with pytest.raises(DBAPIError):
            await database.write("UPDATE users SET name = 'X'")
        rows = await database.read("SELECT name FROM users WHERE name = 'X'")
        assert [] == list(rows)
        await echoes(database, 4)

    for tale in (story, write):
        through(reset("database", at_s=1, for_s=0.0005), tale)


def test_a_black_hole_costs_no_more_than_the_timeout() -> None:
    """
    Everybody is told after the limit, those who wait for a connection too, and when the
    network is back the first call is answered.
    """

    async def story(database: Database, _: World) -> None:
        loop = asyncio.get_running_loop()
        start_s = loop.time()
        told = await asyncio.gather(
            *(database.read(ECHO, {"key": 9}) for _ in range(8)),
            database.write("UPDATE users SET name = 'X'"),
            return_exceptions=True,
        )
        assert all(isinstance(error, QueryTimeoutError) for error in told), told
        assert 0.5 == round(loop.time() - start_s, 6)
        assert not (await database.health(timeout_s=0.3)).is_up
        await asyncio.sleep(10)
        await echoes(database, 8)

    through(hang("database", at_s=1, for_s=5), story, statement_timeout_s=0.5)


def test_slow_answers_are_the_right_ones() -> None:
    """
    Answers that take a hundred times as long are late, and nobody else's.
    """

    async def story(database: Database, _: World) -> None:
        assert 0.8 == round(await seconds(echoes(database, 8)), 6)

    through(slow("database", at_s=1, for_s=5, factor=100), story)


def test_cancelled_callers_leave_no_answers_behind() -> None:
    """
    Callers who leave at any instant hand their answers to nobody.
    """

    async def story(database: Database, _: World) -> None:
        for turn in range(20):
            callers = [
                asyncio.create_task(database.read_one(ECHO, {"key": 1000 + key}))
                for key in range(8)
            ]
            await asyncio.sleep(0.0007 * turn)
            for caller in callers[::2]:
                caller.cancel()
            done = await asyncio.gather(*callers, return_exceptions=True)
            for key, row in enumerate(done):
                if not isinstance(row, BaseException):
                    assert row is not None
                    assert 1000 + key == row.key
            await echoes(database, 6)
        assert database.pool_stats().in_use_max <= 2

    through(None, story)


@pytest.mark.parametrize("bad", [0, -1, float("nan")])
def test_a_limit_is_checked(bad: float) -> None:
    """
    A limit that would let nothing through is refused.
    """
    with pytest.raises(ConfigError):
        Database.connect("sqlite+aiosqlite:///none.db", statement_timeout_s=bad)
