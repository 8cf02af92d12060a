"""Database on a real PostgreSQL, and on one that is cut, frozen and killed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

import pytest
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from agent_perf.components import Database, PostgresPool, QueryTimeoutError
from tests.services.proxy import Proxy
from tests.services.servers import PostgresServer

pytest.importorskip("asyncpg")
pytestmark = pytest.mark.services

ECHO = "SELECT CAST(:key AS INTEGER) AS key, pg_sleep(:s)"


def over_asyncpg(url: str) -> str:
    return url.replace("postgresql://", "postgresql+asyncpg://", 1)


def through_proxy(
    url: str, story: Callable[[Database, Proxy], Awaitable[None]], **options: Any
) -> None:
    """Run *story* with a database behind a proxy."""

    async def main() -> None:
        parts = urlsplit(url)
        async with Proxy(parts.hostname or "127.0.0.1", parts.port or 5432) as proxy:
            there = parts._replace(netloc=f"{parts.username}@127.0.0.1:{proxy.port}").geturl()
            async with Database.connect(over_asyncpg(there), **options) as database:
                await story(database, proxy)
                proxy.heal()

    asyncio.run(main())


async def echoes(database: Database, count: int, *, seconds: float = 0.0) -> None:
    """Ask for *count* keys at once; each gets its own."""
    rows = await asyncio.gather(
        *(database.read_one(ECHO, {"key": key, "s": seconds}) for key in range(count))
    )
    assert list(range(count)) == [row.key for row in rows if row is not None]


def test_a_server_may_restart() -> None:
    """
    While the server is away callers are told so; when it is back, so is the database, and each
    caller gets its own answer.
    """

    async def main() -> None:
        async with PostgresServer() as server:
            url = over_asyncpg(server.url)
            async with Database.connect(url, pool_size=4, overflow_max=0) as database:
                await echoes(database, 8)
                await server.restart()
                # Those whose connections died at once go on to a new one.
                await echoes(database, 8)
                await server.kill()
                with pytest.raises((OSError, SQLAlchemyError)):
                    await database.read("SELECT 1")
                assert not (await database.health()).is_up
                await server.start()
                await echoes(database, 8)
                stats = database.pool_stats()
                assert (0, 0) == (stats.in_use, stats.waiting)
                assert stats.in_use_max <= 4

    asyncio.run(main())


@pytest.mark.parametrize("count", [1, 40, 70_000])
def test_a_cut_in_mid_answer_gives_the_whole_answer(postgres_url: str, count: int) -> None:
    """
    Wherever the connection is cut, a read is repeated and whole; a write is not repeated.
    """

    async def story(database: Database, proxy: Proxy) -> None:
        wide = "SELECT n AS key, repeat(chr(97 + n), 1000) AS body FROM generate_series(0, 25) n, generate_series(1, 10)"
        whole = [tuple(row) for row in await database.read(wide)]
        await echoes(database, 2)
        proxy.cut_after_bytes(count)
        assert whole == [tuple(row) for row in await database.read(wide)]
        await echoes(database, 4)
        assert database.pool_stats().reconnects >= 1
        proxy.cut_after_bytes(1)
        with pytest.raises(DBAPIError):
            await database.write("SELECT 1")
        await echoes(database, 4)

    through_proxy(postgres_url, story, pool_size=2, overflow_max=0)


def test_a_black_hole_costs_no_more_than_the_timeout(postgres_url: str) -> None:
    """
    When the network swallows everything, callers get an error in time, and when it is back
    the database is as good as before.
    """

    async def story(database: Database, proxy: Proxy) -> None:
        loop = asyncio.get_running_loop()
        await echoes(database, 4)
        proxy.blackhole()
        start_s = loop.time()
        told = await asyncio.gather(
            *(database.read_one(ECHO, {"key": 9, "s": 0}) for _ in range(8)),
            database.write("SELECT 1"),
            return_exceptions=True,
        )
        assert all(isinstance(error, QueryTimeoutError) for error in told), told
        # Generous: a machine may be busy. Without a limit it would be for ever.
        assert loop.time() - start_s < 20
        assert not (await database.health(timeout_s=0.3)).is_up
        proxy.heal()
        for _ in range(100):
            if (await database.health(timeout_s=0.5)).is_up:
                break
        # In turn: on a busy machine one takes longer than all may take.
        for key in range(6):
            row = await database.read_one(ECHO, {"key": key, "s": 0})
            assert row is not None
            assert key == row.key
        stats = database.pool_stats()
        assert (0, 0) == (stats.in_use, stats.waiting)

    through_proxy(postgres_url, story, pool_size=2, overflow_max=1, statement_timeout_s=0.5)


def test_slow_and_big_answers_are_whole(postgres_url: str) -> None:
    """
    Answers that come in drops, and values of 10 MB, are the answers that were asked for.
    """

    async def story(database: Database, proxy: Proxy) -> None:
        await echoes(database, 2)
        proxy.delay_s, proxy.chunk_bytes = 0.001, 7
        await echoes(database, 4)
        proxy.heal()
        big = "x" * 10_000_000
        row = await database.read_one("SELECT :big AS big", {"big": big})
        assert row is not None
        assert big == row.big

    through_proxy(postgres_url, story, pool_size=2, overflow_max=0)


def test_cancelled_callers_leave_no_answers_behind(postgres_url: str) -> None:
    """
    Callers who leave in mid-statement, at every point of it, hand their answers to nobody, and
    take no connection with them.
    """

    async def main() -> None:
        url = over_asyncpg(postgres_url)
        async with Database.connect(url, pool_size=3, overflow_max=1) as database:
            for turn in range(8):
                callers = [
                    asyncio.create_task(database.read_one(ECHO, {"key": 1000 + key, "s": 0.01}))
                    for key in range(8)
                ]
                await asyncio.sleep(0.004 * turn)
                for caller in callers[::2]:
                    caller.cancel()
                done = await asyncio.gather(*callers, return_exceptions=True)
                for key, row in enumerate(done):
                    if not isinstance(row, BaseException):
                        assert row is not None
                        assert 1000 + key == row.key
                await echoes(database, 6)
            stats = database.pool_stats()
            assert (0, 0) == (stats.in_use, stats.waiting)
            assert stats.in_use_max <= 4

    asyncio.run(main())


def test_a_statement_that_takes_too_long_ends_at_the_server(postgres_url: str) -> None:
    """
    After statement_timeout_s the caller is told, and before long the server works on it no more.
    """

    async def main() -> None:
        mark = "SELECT pg_sleep(30), 'a-mark-of-the-database'"
        async with (
            Database.connect(
                over_asyncpg(postgres_url), pool_size=1, overflow_max=0, statement_timeout_s=0.3
            ) as database,
            PostgresPool(postgres_url, size=1, overflow_max=0) as eye,
        ):
            with pytest.raises(QueryTimeoutError, match=r"0\.3 s"):
                await database.read(mark)
            for _ in range(100):
                row = await eye.read_one(
                    "SELECT count(*) AS n FROM pg_stat_activity WHERE query = :q AND state = 'active'",
                    {"q": mark},
                )
                assert row is not None
                if row.n == 0:
                    break
                await asyncio.sleep(0.1)
            assert 0 == row.n
            assert 0 == database.pool_stats().in_use

    asyncio.run(main())
