"""The faults of test_postgres_faults_services in virtual time."""

from __future__ import annotations

import asyncio

import pytest

from agent_perf.components import ConnectionLostError, DatabaseUnavailableError, PostgresPool
from tests.components.database.test_postgres import READ, Server, tell

asyncpg = pytest.importorskip("asyncpg")


async def echoes(pool: PostgresPool, count: int) -> None:
    """Ask for *count* keys at once; each gets its own."""
    rows = await asyncio.gather(*(pool.read_one(READ, {"key": key}) for key in range(count)))
    assert list(range(count)) == [row[0] for row in rows if row is not None]


def test_ten_thousand_callers_share_fifty_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Every one of 10,000 callers at once gets its own answer, over fifty connections.
    """

    async def story(pool: PostgresPool, server: Server) -> list[int]:
        await echoes(pool, 10_000)
        stats = pool.stats()
        return [len(server.connections), stats.open_max, stats.waiting, stats.in_use, stats.idle]

    assert [50, 50, 0, 0, 20] == tell(monkeypatch, story, timeout_s=60)


def test_cancelled_callers_leave_no_answers_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Callers who leave at any instant hand their answers to nobody, and no connection is lost.
    """

    async def story(pool: PostgresPool, _: Server) -> int:
        for turn in range(40):
            callers = [
                asyncio.create_task(pool.read_one(READ, {"key": 1000 + key})) for key in range(12)
            ]
            await asyncio.sleep(0.0004 * turn)
            for caller in callers[::2]:
                caller.cancel()
            done = await asyncio.gather(*callers, return_exceptions=True)
            for key, row in enumerate(done):
                if not isinstance(row, BaseException):
                    assert row is not None
                    assert 1000 + key == row[0]
            await echoes(pool, 8)
        stats = pool.stats()
        assert (0, 0) == (stats.in_use, stats.waiting)
        assert stats.open_max <= 4
        return stats.lost

    assert 0 == tell(monkeypatch, story, size=3, overflow_max=1)


def test_a_server_may_restart(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    While the server is away callers are told so; when it is back, reads work on the same pool.
    """

    async def story(pool: PostgresPool, server: Server) -> int:
        await echoes(pool, 4)
        for raw in server.connections:
            raw.terminate()
        server.refuses = True
        with pytest.raises(DatabaseUnavailableError):
            await pool.read(READ, {"key": 1})
        assert not (await pool.health()).is_up
        server.refuses = False
        await echoes(pool, 8)
        return pool.stats().lost

    assert 4 == tell(monkeypatch, story, size=4, overflow_max=0)


def test_terminated_backends_are_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    What the server says when it ends a backend is a lost connection: reads go on to another,
    a write does not.
    """

    async def story(pool: PostgresPool, server: Server) -> int:
        ended = asyncpg.AdminShutdownError("terminating connection due to administrator command")
        server.failures = [ended]
        await echoes(pool, 1)
        server.failures = [ended]
        with pytest.raises(ConnectionLostError):
            await pool.write(READ, {"key": 1})
        return pool.retries

    assert 1 == tell(monkeypatch, story, size=2, overflow_max=0)


def test_slow_answers_are_the_right_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Answers that take a thousand times as long are late, and nobody else's.
    """

    async def story(pool: PostgresPool, server: Server) -> int:
        server.fetch_s = 1.0
        await echoes(pool, 20)
        return pool.stats().lost

    assert 0 == tell(monkeypatch, story, size=2, overflow_max=0)


def test_discarded_plans_are_made_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    When somebody has discarded the plans, a statement is prepared again, unnoticed.
    """

    async def story(pool: PostgresPool, server: Server) -> int:
        await echoes(pool, 1)
        server.failures = [asyncpg.InvalidSQLStatementNameError("does not exist")]
        await echoes(pool, 1)
        return pool.stats().opened

    assert 1 == tell(monkeypatch, story, size=1, overflow_max=0)
