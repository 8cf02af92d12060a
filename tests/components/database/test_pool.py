from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
import sqlalchemy.exc
from sqlalchemy import text

from agent_perf.components import Database
from agent_perf.sim import SimDatabase, SimLoop, request_scope, simulate
from agent_perf.sim.faults import Fault, FaultSchedule, hang, outage
from tests.components.fakes import Counts, constant_draws

STATEMENT_S = 0.002
CONNECT_S = 0.010

SCHEMA = """
CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
INSERT INTO users VALUES (1, 'Ada'), (2, 'Grace');
"""


class World:
    def __init__(self, loop: SimLoop, faults: tuple[Fault, ...], **engine: object) -> None:
        self.counts = Counts()
        draws = constant_draws(
            db_statement=STATEMENT_S, db_connect=CONNECT_S, db_commit=0.0, db_end=0.0
        )
        self.server = SimDatabase(draws, self.counts, servers=1000)
        self.server.prepare(SCHEMA)
        self.faults = FaultSchedule(faults, loop=loop, draws=draws, witness=self.counts)
        self.server.faults = self.faults.point("database")
        self.engine = self.server.engine(**engine)


def tell(
    story: Callable[[Database, World], Awaitable[object]], *faults: Fault, **options: object
) -> object:
    """Run *story* on a database where a connect takes 10 ms and a statement 2 ms."""

    async def main(loop: SimLoop) -> object:
        world = World(loop, faults, **options)
        database = Database(world.engine)
        try:
            return await story(database, world)
        finally:
            await database.aclose()
            await world.engine.dispose()

    return simulate(main)


async def seconds(work: Awaitable[object]) -> float:
    loop = asyncio.get_running_loop()
    start_s = loop.time()
    await work
    return round(loop.time() - start_s, 9)


async def fail_after(database: Database, sql: str) -> None:
    """Run *sql* in a transaction, and raise KeyError in it."""
    async with database.transaction() as connection:
        await connection.execute(text(sql))
        raise KeyError


def test_reads_rows() -> None:
    """
    All rows come from read, from read_one the first or None; parameters go by name.
    """

    async def story(database: Database, _: World) -> list[object]:
        return [
            [tuple(row) for row in await database.read("SELECT name FROM users ORDER BY id")],
            tuple(await database.read_one("SELECT name FROM users WHERE id = :id", {"id": 2})),
            await database.read_one("SELECT name FROM users WHERE id = :id", {"id": 3}),
            (await database.read_one(text("SELECT count(*) AS n FROM users"))).n,
        ]

    assert [[("Ada",), ("Grace",)], ("Grace",), None, 2] == tell(story)


def test_a_read_is_one_statement() -> None:
    """
    A read on an open connection is one trip: no BEGIN before it, no ROLLBACK after it.
    """

    async def story(database: Database, world: World) -> list[object]:
        await database.read("SELECT 1")
        before = world.counts.total["db_statements"]
        spent_s = await seconds(database.read("SELECT 1"))
        return [world.counts.total["db_statements"] - before, spent_s]

    assert [1, STATEMENT_S] == tell(story)


def test_writes_are_transactions() -> None:
    """
    A write commits; a transaction commits at its end, and leaves nothing behind after an error.
    """

    async def story(database: Database, _: World) -> list[object]:
        touched = await database.write("UPDATE users SET name = 'X' WHERE id < 9")
        many = await database.write(
            "INSERT INTO users VALUES (:id, :name)",
            [{"id": 3, "name": "Edsger"}, {"id": 4, "name": "Barbara"}],
        )
        async with database.transaction() as connection:
            await connection.execute(text("DELETE FROM users WHERE id = 1"))
        with pytest.raises(KeyError):
            await fail_after(database, "DELETE FROM users")
        rows = await database.read("SELECT id, name FROM users ORDER BY id")
        return [touched, many, [tuple(row) for row in rows]]

    assert [2, 2, [(2, "X"), (3, "Edsger"), (4, "Barbara")]] == tell(story)


def test_connections_are_not_held_between_statements() -> None:
    """
    After a read the connection is back, whatever its caller waits for next.
    """

    async def story(database: Database, _: World) -> list[object]:
        with request_scope(7) as request:
            await database.read("SELECT 1")
            return [request.connections_held, database.pool_stats().in_use]

    assert [0, 0] == tell(story)


def test_pool_numbers_show_the_queue() -> None:
    """
    Of five readers on a pool of two, two work and three wait; the wait shows in the time.
    """

    async def story(database: Database, _: World) -> list[object]:
        readers = [asyncio.create_task(database.read("SELECT 1")) for _ in range(5)]
        await asyncio.sleep(CONNECT_S + STATEMENT_S / 2)
        during = database.pool_stats()
        spent_s = CONNECT_S + STATEMENT_S / 2 + await seconds(asyncio.gather(*readers))
        after = database.pool_stats()
        return [
            (during.in_use, during.waiting, during.idle),
            (after.in_use, after.waiting, after.idle, after.in_use_max),
            round(spent_s, 9),
        ]

    assert [(2, 3, 0), (0, 0, 2, 2), CONNECT_S + 3 * STATEMENT_S] == tell(
        story, pool_size=2, max_overflow=0
    )


def test_nobody_waits_for_ever() -> None:
    """
    Who gets no connection in time gets an error, and is not counted as waiting any more.
    """

    async def story(database: Database, _: World) -> list[object]:
        async with database.transaction():
            with pytest.raises(sqlalchemy.exc.TimeoutError):
                await database.read("SELECT 1")
            return [database.pool_stats().waiting, database.pool_stats().in_use]

    assert [0, 1] == tell(story, pool_size=1, max_overflow=0, pool_timeout=0.5)


def test_statements_of_all_kinds_are_counted() -> None:
    """
    Reads, writes, what a transaction runs and what fails are all in the statistics, with
    the seconds that the database took.
    """

    async def story(database: Database, _: World) -> dict[str, tuple[int, int, float]]:
        await database.read("SELECT name FROM users WHERE id = 1")
        await database.read("SELECT name FROM users WHERE id = 2")
        async with database.transaction() as connection:
            await connection.execute(text("UPDATE users SET name = 'A'"))
        with pytest.raises(sqlalchemy.exc.OperationalError):
            await database.read("SELECT nonsense FROM users")
        return {
            name: (stats.count, stats.errors, round(stats.total_s, 9))
            for name, stats in database.query_stats().items()
        }

    assert {
        "SELECT name FROM users WHERE id = ?": (2, 0, 2 * STATEMENT_S),
        "UPDATE users SET name = ?": (1, 0, STATEMENT_S),
        "SELECT nonsense FROM users": (1, 1, STATEMENT_S),
    } == tell(story)


def test_health_tells_of_a_database_that_hangs_or_refuses() -> None:
    """
    The health check answers in time whatever the database does, and says what was wrong.
    """

    async def story(database: Database, world: World) -> list[object]:
        good = await database.health()

        world.faults.start()
        hanging = await database.health(timeout_s=0.5)

        await asyncio.sleep(1)
        refused = await database.health()
        return [
            (good.is_up, round(good.latency_s, 9)),
            (hanging.is_up, round(hanging.latency_s, 9), hanging.detail),
            (refused.is_up, "Connection refused" in refused.detail),
        ]

    assert [
        (True, CONNECT_S + STATEMENT_S),
        (False, 0.5, "no answer within 0.5 s"),
        (False, True),
    ] == tell(story, hang("database", for_s=1), outage("database", at_s=1))


def test_after_close_the_engine_is_left_alone() -> None:
    """
    A closed Database no longer listens to an engine that is not its own, and the engine works.
    """

    async def story(database: Database, world: World) -> list[object]:
        await database.aclose()
        async with world.engine.connect() as connection:
            value = (await connection.execute(text("SELECT 17"))).scalar()
        return [value, database.query_stats()]

    assert [17, {}] == tell(story)


URL = "postgresql+asyncpg://postgres@127.0.0.1:5432/test"


@asynccontextmanager
async def real_database(**options: object) -> AsyncIterator[tuple[Database, str]]:
    """Give a real PostgreSQL and a schema of its own in it, and clean up."""
    pytest.importorskip("asyncpg")
    async with Database.connect(URL, **options) as database:
        health = await database.health()
        if not health.is_up:
            pytest.skip(f"no PostgreSQL at 127.0.0.1:5432: {health.detail}")
        schema = f"agent_perf_{uuid.uuid4().hex}"
        await database.write(f"CREATE SCHEMA {schema}")
        try:
            yield database, schema
        finally:
            await database.write(f"DROP SCHEMA {schema} CASCADE")


@pytest.mark.services
def test_real_postgresql_serves() -> None:
    """
    On a real PostgreSQL reads, writes and rolled back transactions do what they say.
    """

    async def main() -> None:
        async with real_database() as (database, schema):
            await database.write(f"CREATE TABLE {schema}.users (id INT PRIMARY KEY, name TEXT)")
            rows = [{"id": number, "name": f"user {number}"} for number in range(100)]
            await database.write(f"INSERT INTO {schema}.users VALUES (:id, :name)", rows)
            assert 50 == await database.write(f"DELETE FROM {schema}.users WHERE id >= 50")
            with pytest.raises(KeyError):
                await fail_after(database, f"DELETE FROM {schema}.users")
            found = await asyncio.gather(
                *(
                    database.read_one(
                        f"SELECT name FROM {schema}.users WHERE id = :id", {"id": number}
                    )
                    for number in range(60)
                )
            )
            assert [f"user {number}" for number in range(50)] == [row.name for row in found[:50]]
            assert [None] * 10 == found[50:]
            assert database.pool_stats().in_use_max <= 50

    asyncio.run(main())


@pytest.mark.services
def test_real_lost_connection_is_survived_by_reads_alone() -> None:
    """
    A read whose connection the server has closed is repeated once; a write is not.
    """

    async def main() -> None:
        async with (
            real_database(pool_size=1, overflow_max=0) as (database, _),
            Database.connect(URL) as killer,
        ):
            me = "SELECT pg_backend_pid() AS pid"
            kill = "SELECT pg_terminate_backend(:pid, 1000)"
            first = (await database.read_one(me)).pid
            await killer.read(kill, {"pid": first})
            second = (await database.read_one(me)).pid
            assert first != second
            assert 1 == database.pool_stats().reconnects
            await killer.read(kill, {"pid": second})
            with pytest.raises(sqlalchemy.exc.DBAPIError) as lost:
                await database.write("CREATE TEMPORARY TABLE never (id INT)")
            assert lost.value.connection_invalidated
            assert second != (await database.read_one(me)).pid
            assert 1 == database.pool_stats().reconnects
            assert 1 == database.query_stats()[me].errors

    asyncio.run(main())


@pytest.mark.services
def test_real_slow_query_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """
    A statement over the limit is in the log, with its fingerprint.
    """

    async def main() -> None:
        async with real_database(slow_s=0.05) as (database, _):
            await database.read("SELECT pg_sleep(0.06)")

    with caplog.at_level(logging.WARNING):
        asyncio.run(main())
    assert any(message.endswith("s: SELECT pg_sleep(?)") for message in caplog.messages)
