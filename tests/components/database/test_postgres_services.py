"""PostgresPool on a real PostgreSQL, used by many."""

from __future__ import annotations

import asyncio

import pytest

from agent_perf.components import (
    PoolExhaustedError,
    PostgresPool,
    QueryError,
    QueryTimeoutError,
)
from tests.components.database.postgres_pool import ECHO, echoes, with_pool
from tests.services.servers import PostgresServer

pytestmark = pytest.mark.services

pytest.importorskip("asyncpg")


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
