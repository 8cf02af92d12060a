from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import ForeignKey, event, select, text
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncEngine, async_sessionmaker
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship, selectinload

from agent_perf.errors import ConfigError, SimulationError
from agent_perf.sim import Draws, SimDatabase, SimLoop, request_scope, simulate
from tests.sim.services.ledger import (
    DB_CONNECT_NS,
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


class Base(DeclarativeBase):
    pass


class Author(Base):
    __tablename__ = "author"
    id: Mapped[int] = mapped_column(primary_key=True)
    books: Mapped[list[Book]] = relationship()


class Book(Base):
    __tablename__ = "book"
    id: Mapped[int] = mapped_column(primary_key=True)
    author_id: Mapped[int] = mapped_column(ForeignKey("author.id"))


def test_lazy_loading_shows_as_statements() -> None:
    """
    Loading five authors' books one author at a time makes 6 statements, eagerly 2.
    """

    async def scene(loop: SimLoop, engine: AsyncEngine, ledger: Ledger) -> list[int]:
        async with engine.begin() as connection:
            await connection.run_sync(Base.metadata.create_all)
        sessions = async_sessionmaker(engine, expire_on_commit=False)
        async with sessions.begin() as session:
            session.add_all([Author(id=i, books=[Book(), Book()]) for i in range(5)])

        async def books(eagerly: bool) -> int:
            query = select(Author)
            query = query.options(selectinload(Author.books)) if eagerly else query
            ledger.details.clear()
            async with sessions() as session:
                authors = (await session.scalars(query)).all()
                found = 0
                for author in authors:
                    found += len(await session.run_sync(lambda _, author=author: author.books))
                assert 10 == found
            selects = [d for d in ledger.details.elements() if d.startswith("db_statements:SELECT")]
            return len(selects)

        return [await books(eagerly=False), await books(eagerly=True)]

    assert [6, 2] == play(scene)


def test_many_rows_go_in_one_trip() -> None:
    """
    executemany is one statement, whatever its number of rows.
    """

    async def scene(loop: SimLoop, engine: AsyncEngine, ledger: Ledger) -> list[object]:
        insert = text("INSERT INTO counter (n) VALUES (:n)")
        async with engine.begin() as connection:
            await connection.execute(insert, [{"n": n} for n in range(100)])
            total = await connection.scalar(text("SELECT count(*) FROM counter"))
        return [total, ledger.details["db_statements:INSERT INTO counter (n) VALUES (?)"]]

    assert [101, 1] == play(scene)


def test_streamed_rows_are_fetched_trip_by_trip() -> None:
    """
    A server-side cursor costs a trip per fetch, and gives all the rows.
    """

    async def scene(loop: SimLoop, engine: AsyncEngine, ledger: Ledger) -> tuple[int, int]:
        async with engine.connect() as connection:
            query = text(
                "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < 30) "
                "SELECT n FROM r"
            )
            result = await connection.stream(query, execution_options={"max_row_buffer": 10})
            rows = [row.n async for row in result]
            assert list(range(1, 31)) == rows
        trips = ledger.details["db_statements:FETCH"]
        assert DB_CONNECT_NS + (trips + 2) * DB_STATEMENT_NS == loop.now_ns
        return len(rows), trips

    rows, trips = play(scene)
    assert 30 == rows
    # How many rows a fetch asks for is SQLAlchemy's choice; with 10 at most it takes these.
    assert trips >= 30 // 10 + 1


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
