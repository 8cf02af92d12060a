"""PostgresPool on a real PostgreSQL that is cut, frozen and killed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

import pytest

from agent_perf.components import (
    ConnectionLostError,
    DatabaseUnavailableError,
    PostgresPool,
    QueryTimeoutError,
)
from tests.components.database.postgres_pool import ECHO, echoes, with_pool
from tests.services.proxy import Proxy
from tests.services.servers import PostgresServer

pytestmark = pytest.mark.services


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
