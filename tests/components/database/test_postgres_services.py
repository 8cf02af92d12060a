"""PostgresPool on a real PostgreSQL, and on one that is cut, frozen and killed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

import pytest

from agent_perf.components import (
    ConnectionLostError,
    DatabaseUnavailableError,
    PoolExhaustedError,
    PostgresPool,
    QueryError,
    QueryTimeoutError,
)
from tests.services.proxy import Proxy
from tests.services.servers import PostgresServer

pytest.importorskip("asyncpg")
pytestmark = pytest.mark.services

ECHO = "SELECT :key AS key, pg_sleep(:s)"


def with_pool(
    url: str, story: Callable[[PostgresPool], Awaitable[None]], **options: object
) -> None:
    """Run *story* with a pool whose connections can be told from others at the server."""

    async def main() -> None:
        async with PostgresPool(url, **options) as pool:
            await story(pool)

    asyncio.run(main())


def through_proxy(
    url: str, story: Callable[[PostgresPool, Proxy], Awaitable[None]], **options: object
) -> None:
    """Run *story* with a pool behind a proxy."""

    async def main() -> None:
        parts = urlsplit(url)
        async with Proxy(parts.hostname or "127.0.0.1", parts.port or 5432) as proxy:
            there = parts._replace(netloc=f"{parts.username}@127.0.0.1:{proxy.port}").geturl()
            async with PostgresPool(there, **options) as pool:
                await story(pool, proxy)
                proxy.heal()

    asyncio.run(main())


async def echoes(pool: PostgresPool, count: int, *, seconds: float = 0.0) -> None:
    """Ask for *count* keys at once; each gets its own."""
    rows = await asyncio.gather(
        *(pool.read_one(ECHO, {"key": key, "s": seconds}) for key in range(count))
    )
    assert list(range(count)) == [row.key for row in rows if row is not None]


def test_rows_and_writes(postgres_url: str) -> None:
    """
    Rows come by place and by attribute, values of all kinds there and back; writes tell how
    many rows they touched; what the database refuses is a QueryError with its code.
    """

    async def story(pool: PostgresPool) -> None:
        row = await pool.read_one("SELECT :a AS a, :b AS b, :c AS c", {"a": 1, "b": "x", "c": None})
        assert row is not None
        assert (1, "x", None) == (row.a, row[1], row.c) == tuple(row)
        with pytest.raises(AttributeError, match="no column 'd'"):
            _ = row.d
        assert None is await pool.read_one("SELECT 1 WHERE 1 = :n", {"n": 2})
        assert 2**40 == (await pool.read_one("SELECT :n AS n", {"n": 2**40})).n  # type: ignore[union-attr]
        with pytest.raises(QueryError, match="nonsense") as refused:
            await pool.read("SELECT nonsense")
        assert "42703" == refused.value.sqlstate
        with pytest.raises(QueryError, match="no value for 'n'"):
            await pool.read("SELECT :n", {"m": 1})
        await pool.write("CREATE TEMPORARY TABLE t (id INT PRIMARY KEY, body TEXT)")
        assert 3 == await pool.write("INSERT INTO t SELECT n, 'b' FROM generate_series(1, 3) n")
        assert 1 == await pool.write("UPDATE t SET body = :b WHERE id = :id", {"b": "c", "id": 2})
        with pytest.raises(QueryError) as double:
            await pool.write("INSERT INTO t VALUES (:id, 'x')", {"id": 1})
        assert "23505" == double.value.sqlstate
        stats = pool.stats()
        assert (1, 0, 0) == (stats.opened, stats.lost, stats.in_use)
        assert (await pool.health()).is_up

    with_pool(postgres_url, story, size=1, overflow_max=0)


def test_text_fits_where_it_is_put(postgres_url: str) -> None:
    """
    Text goes into columns of jsonb, uuid and enums, and is compared with them, without a cast.
    """

    async def story(pool: PostgresPool) -> None:
        async with PostgresPool(postgres_url, size=1, overflow_max=0) as other:
            await other.write("DROP TYPE IF EXISTS mood_of_a_test CASCADE")
            await other.write("CREATE TYPE mood_of_a_test AS ENUM ('calm', 'wild')")
        await pool.write("CREATE TEMPORARY TABLE t (j JSONB, u UUID, m mood_of_a_test, s TEXT)")
        values = {"j": '{"a": 1}', "u": "0" * 32, "m": "wild", "s": "x"}
        assert 1 == await pool.write("INSERT INTO t VALUES (:j, :u, :m, :s)", values)
        where = "j = :j AND u = :u AND m = :m AND s = :s AND (:s IS NULL OR s LIKE :s)"
        row = await pool.read_one(f"SELECT * FROM t WHERE {where}", values)
        assert row is not None
        assert (values["j"], 0, "wild", "x") == (row.j, row.u.int, row.m, row.s)
        assert ("a", "ab") == tuple(
            (await pool.read("SELECT :a, :a || :b", {"a": "a", "b": "b"}))[0]
        )

    with_pool(postgres_url, story, size=1, overflow_max=0)


def test_statements_are_prepared_once_for_each_connection(postgres_url: str) -> None:
    """
    A statement is prepared once on a connection; when there are too many, the one used
    longest ago goes, and the server forgets it too.
    """

    async def story(pool: PostgresPool) -> None:
        for number in (1, 2, 1, 3, 1, 2):
            await pool.read(f"SELECT {number} AS n")
        stats = pool.statement_stats()
        assert (3, 1) == (stats["SELECT 1 AS n"].uses, stats["SELECT 1 AS n"].prepares)
        assert (2, 2) == (stats["SELECT 2 AS n"].uses, stats["SELECT 2 AS n"].prepares)
        known = await pool.read("SELECT statement FROM pg_prepared_statements ORDER BY 1")
        assert len(known) <= 3

    with_pool(postgres_url, story, size=1, overflow_max=0, statements_max=2)


def test_a_table_may_change(postgres_url: str) -> None:
    """
    After ALTER TABLE, or when somebody has discarded the plans, a statement is prepared anew
    once, and nobody notices.
    """

    async def story(pool: PostgresPool) -> None:
        await pool.write("CREATE TEMPORARY TABLE t (a INT)")
        await pool.write("INSERT INTO t VALUES (1)")
        select = "SELECT * FROM t WHERE a = :a"
        assert (1,) == tuple((await pool.read(select, {"a": 1}))[0])
        await pool.write("ALTER TABLE t ADD COLUMN b INT DEFAULT 2")
        assert (1, 2) == tuple((await pool.read(select, {"a": 1}))[0])
        await pool.write("ALTER TABLE t ALTER COLUMN b TYPE TEXT")
        assert (1, "2") == tuple((await pool.read(select, {"a": 1}))[0])
        await pool.write("DEALLOCATE ALL")
        assert (1, "2") == tuple((await pool.read(select, {"a": 1}))[0])
        assert 0 == pool.query_stats()["SELECT * FROM t WHERE a = $1::INTEGER"].errors

    with_pool(postgres_url, story, size=1, overflow_max=0)


def test_transactions_commit_or_leave_nothing(postgres_url: str) -> None:
    """
    A transaction commits at its end; an error, an aborted one included, rolls it back, and
    the connection is as good as before.
    """

    async def story(pool: PostgresPool) -> None:
        await pool.write("CREATE TEMPORARY TABLE t (a INT PRIMARY KEY)")
        async with pool.transaction() as connection:
            await connection.execute("INSERT INTO t VALUES (1)")
        with pytest.raises(KeyError):
            async with pool.transaction() as connection:
                await connection.execute("INSERT INTO t VALUES (2)")
                raise KeyError
        with pytest.raises(Exception, match="duplicate key"):
            async with pool.transaction() as connection:
                await connection.execute("INSERT INTO t VALUES (1)")
        assert [(1,)] == [tuple(row) for row in await pool.read("SELECT a FROM t")]
        # Session state that a read left open is not handed on.
        await pool.read("BEGIN")
        assert [(1,)] == [tuple(row) for row in await pool.read("SELECT a FROM t")]
        assert (1, 0) == (pool.stats().opened, pool.stats().lost)

    with_pool(postgres_url, story, size=1, overflow_max=0)


def test_ten_thousand_callers_share_fifty_connections() -> None:
    """
    Every one of 10,000 callers at once gets its own answer, and the server never sees more
    connections than are allowed.
    """

    async def main() -> None:
        async with (
            PostgresServer() as server,
            PostgresPool(server.url, size=1, overflow_max=0) as eye,
        ):
            options = {"server_settings": {"application_name": "crowd"}}
            async with PostgresPool(server.url, timeout_s=60, options=options) as pool:
                most = 0

                async def look() -> None:
                    nonlocal most
                    while True:
                        seen = await eye.read_one(
                            "SELECT count(*) AS n FROM pg_stat_activity WHERE application_name = 'crowd'"
                        )
                        most = max(most, seen.n)  # type: ignore[union-attr]
                        await asyncio.sleep(0.02)

                looking = asyncio.create_task(look())
                await echoes(pool, 10_000)
                looking.cancel()
                assert 20 <= pool.stats().open_max <= 50
                assert 1 <= most <= 50
                assert pool.stats().waiting_max > 9_000
                assert (0, 0) == (pool.stats().waiting, pool.stats().in_use)

    asyncio.run(main())


def test_cancelled_callers_leave_no_answers_behind(postgres_url: str) -> None:
    """
    Callers who leave in mid-statement, at every point of it, hand their answers to nobody;
    their connections are used again, and none is left over.
    """

    async def story(pool: PostgresPool) -> None:
        for turn in range(15):
            callers = [
                asyncio.create_task(pool.read_one(ECHO, {"key": 1000 + key, "s": 0.01}))
                for key in range(12)
            ]
            await asyncio.sleep(0.002 * turn)
            for caller in callers[::2]:
                caller.cancel()
            done = await asyncio.gather(*callers, return_exceptions=True)
            for key, row in enumerate(done):
                if not isinstance(row, BaseException):
                    assert row is not None
                    assert 1000 + key == row.key
            await echoes(pool, 8)
        stats = pool.stats()
        assert stats.open_max <= 4
        assert 0 == stats.lost
        assert stats.settled > 0

    with_pool(postgres_url, story, size=3, overflow_max=1)


def test_a_statement_that_takes_too_long_ends_at_the_server(postgres_url: str) -> None:
    """
    After statement_timeout_s the caller gets a QueryTimeoutError, the server works on it no
    more, and the connection serves the next.
    """

    async def story(pool: PostgresPool) -> None:
        mark = "SELECT pg_sleep(30), 'a-mark-of-its-own'"
        with pytest.raises(QueryTimeoutError):
            await pool.read(mark)
        row = await pool.read_one(
            "SELECT count(*) AS n FROM pg_stat_activity WHERE query = :q AND state = 'active'",
            {"q": mark},
        )
        assert row is not None
        assert 0 == row.n
        assert (1, 0) == (pool.stats().opened, pool.stats().lost)

    with_pool(postgres_url, story, size=1, overflow_max=0, statement_timeout_s=0.2)


def test_exhaustion_is_told_in_time(postgres_url: str) -> None:
    """
    Who finds no free connection in time gets a PoolExhaustedError, and the line goes on.
    """

    async def story(pool: PostgresPool) -> None:
        slow = asyncio.create_task(pool.read("SELECT pg_sleep(0.4)"))
        await asyncio.sleep(0.1)
        with pytest.raises(PoolExhaustedError):
            await pool.read("SELECT 1")
        await slow
        await echoes(pool, 5)
        assert 1 == pool.stats().timeouts

    with_pool(postgres_url, story, size=1, overflow_max=0, timeout_s=0.2)


def test_terminated_backends_are_replaced(postgres_url: str) -> None:
    """
    When all backends are terminated, reads go on, repeated on new connections; a write in
    mid-statement is not repeated, and says so.
    """

    async def story(pool: PostgresPool) -> None:
        async with PostgresPool(postgres_url, size=1, overflow_max=0) as killer:

            async def kill_all() -> None:
                await killer.read(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'prey'"
                )

            await echoes(pool, 3)
            await kill_all()
            await echoes(pool, 3)
            reading = asyncio.create_task(pool.read_one(ECHO, {"key": 7, "s": 0.3}))
            await asyncio.sleep(0.1)
            await kill_all()
            row = await reading
            assert row is not None
            assert 7 == row.key
            assert pool.retries >= 1
            writing = asyncio.create_task(pool.write("SELECT pg_sleep(5)"))
            await asyncio.sleep(0.1)
            await kill_all()
            with pytest.raises(ConnectionLostError):
                await writing
            await echoes(pool, 3)
            assert pool.stats().lost >= 2

    options = {"server_settings": {"application_name": "prey"}}
    with_pool(postgres_url, story, size=3, overflow_max=0, options=options)


@pytest.mark.parametrize("count", [0, 1, 5, 40, 1_000, 70_000])
def test_a_cut_in_mid_answer_gives_the_whole_answer_or_an_error(
    postgres_url: str, count: int
) -> None:
    """
    Wherever the connection is cut, a read is repeated and whole; no half row comes through.
    """

    async def story(pool: PostgresPool, proxy: Proxy) -> None:
        wide = "SELECT n AS key, repeat(chr(97 + n), 1000) AS body FROM generate_series(0, 25) n, generate_series(1, 10)"
        whole = [tuple(row) for row in await pool.read(wide)]
        proxy.cut_after_bytes(count)
        assert whole == [tuple(row) for row in await pool.read(wide)]
        await echoes(pool, 4)
        assert pool.stats().lost >= 1

    through_proxy(postgres_url, story, size=2, overflow_max=0)


def test_a_black_hole_costs_no_more_than_the_timeout(postgres_url: str) -> None:
    """
    When the network swallows everything, callers get an error in time, and when it is back
    the pool is as good as before.
    """

    async def story(pool: PostgresPool, proxy: Proxy) -> None:
        loop = asyncio.get_running_loop()
        await echoes(pool, 4)
        proxy.blackhole()
        start_s = loop.time()
        lost = await asyncio.gather(
            *(pool.read_one(ECHO, {"key": 9, "s": 0}) for _ in range(12)), return_exceptions=True
        )
        assert all(isinstance(e, (QueryTimeoutError, DatabaseUnavailableError)) for e in lost)
        # Generous: a machine may be busy. Without limits it would be for ever.
        assert loop.time() - start_s < 20
        assert not (await pool.health(timeout_s=0.3)).is_up
        proxy.heal()
        for _ in range(100):
            if (await pool.health(timeout_s=0.5)).is_up:
                break
        await echoes(pool, 12)
        assert pool.stats().open_max <= 3

    through_proxy(
        postgres_url, story, size=2, overflow_max=1, statement_timeout_s=0.3,
        connect_timeout_s=0.5, settle_timeout_s=0.3, timeout_s=1.0,
    )  # fmt: skip


def test_slow_and_big_answers_are_whole(postgres_url: str) -> None:
    """
    Answers that come in drops, and values of 10 MB, are the answers that were asked for.
    """

    async def story(pool: PostgresPool, proxy: Proxy) -> None:
        await echoes(pool, 2)
        proxy.delay_s, proxy.chunk_bytes = 0.001, 7
        await echoes(pool, 6)
        proxy.heal()
        big = "x" * 10_000_000
        row = await pool.read_one("SELECT :big AS big, length(:big) AS n", {"big": big})
        assert row is not None
        assert (10_000_000, big) == (row.n, row.big)

    through_proxy(postgres_url, story, size=2, overflow_max=0)


def test_a_server_may_restart() -> None:
    """
    While the server is away callers are told so; when it is back, reads work on the same pool,
    whichever of its connections they get, and idle transactions that the server ended are told.
    """

    async def main() -> None:
        async with (
            PostgresServer("--idle_in_transaction_session_timeout=100ms") as server,
            PostgresPool(server.url, size=4, overflow_max=0, timeout_s=20) as pool,
        ):
            await echoes(pool, 8)
            await server.restart()
            await echoes(pool, 8)
            await server.kill()
            with pytest.raises(DatabaseUnavailableError):
                await pool.read("SELECT 1")
            assert not (await pool.health()).is_up
            await server.start()
            await echoes(pool, 8)
            with pytest.raises(ConnectionLostError):
                async with pool.transaction() as connection:
                    await connection.execute("SELECT 1")
                    await asyncio.sleep(0.5)
            await echoes(pool, 8)
            assert pool.stats().open_max <= 4

    asyncio.run(main())


def test_old_connections_go(postgres_url: str) -> None:
    """
    Free connections go after idle_s, used ones after lifetime_s, and a clock that jumps
    replaces them once, forward, or not at all, backward.
    """

    async def story(pool: PostgresPool) -> None:
        await echoes(pool, 2)
        now[0] += 50
        await echoes(pool, 2)
        now[0] -= 1_000_000
        await echoes(pool, 2)
        assert 0 == pool.stats().closed
        now[0] += 2_000_000
        await echoes(pool, 2)
        assert pool.stats().closed >= 1
        assert 0 == pool.stats().lost

    now: list[Any] = [1_000_000.0]
    with_pool(postgres_url, story, size=2, overflow_max=0, lifetime_s=100, clock=lambda: now[0])
