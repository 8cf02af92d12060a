"""PostgresPool in virtual time, on a server of a page: its faults at exact instants."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from agent_perf.components import (
    ConnectionLostError,
    DatabaseUnavailableError,
    PoolExhaustedError,
    PostgresPool,
    QueryTimeoutError,
)
from agent_perf.sim import SimLoop, simulate

asyncpg = pytest.importorskip("asyncpg")

CONNECT_S = 0.010
PREPARE_S = 0.002
FETCH_S = 0.001


class Server:
    """What stands for PostgreSQL: answers the key it is asked for, and fails when told to."""

    def __init__(self) -> None:
        self.connections: list[Raw] = []
        self.failures: list[Exception] = []
        self.refuses = False
        self.fetch_s = FETCH_S
        self.fetched: list[object] = []

    async def connect(self, dsn: str, *, command_timeout: float | None, **_: object) -> Raw:
        await asyncio.sleep(CONNECT_S)
        if self.refuses:
            raise ConnectionRefusedError("refused")
        self.connections.append(Raw(self, command_timeout))
        return self.connections[-1]

    def open_count(self) -> int:
        return sum(not raw.is_closed() for raw in self.connections)


class Raw:
    """What stands for asyncpg's connection: one thing at a time, and ends what was cancelled."""

    def __init__(self, server: Server, limit_s: float | None) -> None:
        self.server = server
        self.limit_s = limit_s
        self.closed = False
        self.busy_until_s = 0.0

    def is_closed(self) -> bool:
        return self.closed

    def is_in_transaction(self) -> bool:
        return False

    async def prepare(self, sql: str) -> Prepared:
        await self._work(PREPARE_S)
        return Prepared(self)

    async def fetchrow(self, sql: str) -> None:
        await self._work(FETCH_S)

    async def fetchval(self, sql: str, value: object) -> object:
        await self._work(FETCH_S)
        return value

    async def close(self) -> None:
        await asyncio.sleep(FETCH_S)
        self.closed = True

    def terminate(self) -> None:
        self.closed = True

    async def _work(self, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        if self.closed:
            raise asyncpg.InterfaceError("connection is closed")
        # What was cut short goes on at the server, and the next one waits for its end.
        await asyncio.sleep(max(0.0, self.busy_until_s - loop.time()))
        self.busy_until_s = loop.time() + seconds
        async with asyncio.timeout(self.limit_s):
            await asyncio.sleep(seconds)


class Prepared:
    def __init__(self, raw: Raw) -> None:
        self.raw = raw

    async def fetch(self, *values: object) -> list[tuple[object, ...]]:
        server = self.raw.server
        await self.raw._work(server.fetch_s)
        if server.failures:
            failure = server.failures.pop(0)
            self.raw.closed = isinstance(failure, ConnectionError)
            raise failure
        server.fetched.append(values)
        return [values]

    def get_statusmsg(self) -> str:
        return "UPDATE 1"


def tell(
    monkeypatch: pytest.MonkeyPatch,
    story: Callable[[PostgresPool, Server], Awaitable[object]],
    **options: Any,
) -> object:
    """Run *story*; a connect takes 10 ms, preparing 2 ms, and a statement 1 ms."""

    async def main(loop: SimLoop) -> object:
        server = Server()
        monkeypatch.setattr(asyncpg, "connect", server.connect)
        async with PostgresPool("postgresql://nowhere", clock=loop.time, **options) as pool:
            return await story(pool, server)

    return simulate(main)


async def seconds(work: Awaitable[object]) -> float:
    loop = asyncio.get_running_loop()
    start_s = loop.time()
    await work
    return round(loop.time() - start_s, 6)


READ = "SELECT :key"


def test_a_read_costs_one_trip(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    The first read connects, prepares and fetches; from then on a read is one trip.
    """

    async def story(pool: PostgresPool, server: Server) -> list[float]:
        return [await seconds(pool.read(READ, {"key": 1})) for _ in range(3)]

    assert [0.013, FETCH_S, FETCH_S] == tell(monkeypatch, story)


def test_lost_reads_are_repeated_and_lost_writes_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A read goes on to another connection, up to three times; a write is sent once.
    """

    async def story(pool: PostgresPool, server: Server) -> list[object]:
        server.failures = [ConnectionResetError("cut")] * 3
        rows = await pool.read(READ, {"key": 1})
        server.failures = [ConnectionResetError("cut")] * 4
        with pytest.raises(ConnectionLostError):
            await pool.read(READ, {"key": 2})
        server.failures = [ConnectionResetError("cut")]
        with pytest.raises(ConnectionLostError):
            await pool.write("UPDATE t SET a = :key", {"key": 3})
        await asyncio.sleep(1)
        return [list(rows), server.fetched, pool.retries, pool.stats().lost]

    assert [[(1,)], [(1,)], 6, 8] == tell(monkeypatch, story)


def test_a_stale_plan_is_made_anew_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    When the table has changed the statement is prepared again, on the same connection, and
    for a write too: nothing was executed. A second time it is an error.
    """

    async def story(pool: PostgresPool, server: Server) -> list[object]:
        stale = asyncpg.InvalidCachedStatementError("cached plan must not change result type")
        await pool.read(READ, {"key": 1})
        server.failures = [stale]
        spent = [await seconds(pool.read(READ, {"key": 2}))]
        server.failures = [stale]
        assert 1 == await pool.write(READ, {"key": 3})
        server.failures = [stale, stale]
        with pytest.raises(Exception, match="cached plan"):
            await pool.read(READ, {"key": 4})
        return [*spent, server.fetched, pool.stats().opened]

    assert [0.004, [(1,), (2,), (3,)], 1] == tell(monkeypatch, story)


def test_cut_short_connections_come_back_when_they_are_quiet(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """
    After a caller has left, the next one waits until the server has ended the statement and
    answered twice; after a time-out likewise. The connection stays the same.
    """

    async def story(pool: PostgresPool, server: Server) -> list[object]:
        await pool.read(READ, {"key": 1})
        server.fetch_s = 0.100
        left = asyncio.create_task(pool.read(READ, {"key": 2}))
        await asyncio.sleep(0.030)
        left.cancel()
        server.fetch_s = FETCH_S
        spent = [await seconds(pool.read(READ, {"key": 3}))]
        server.fetch_s = 10.0
        with pytest.raises(QueryTimeoutError):
            await pool.read(READ, {"key": 4})
        server.fetch_s = FETCH_S
        with pytest.raises(DatabaseUnavailableError):
            # The server works on it for 10 s, longer than anybody waits here.
            await pool.read(READ, {"key": 5})
        stats = pool.stats()
        return [*spent, server.fetched, stats.settled, stats.opened, stats.timeouts]

    assert [0.073, [(1,), (3,)], 1, 1, 1] == tell(
        monkeypatch, story, size=1, overflow_max=0, statement_timeout_s=0.5, timeout_s=1.0
    )


def test_what_never_gets_quiet_is_abandoned(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    After settle_timeout_s a connection is given up, and whoever is next opens another.
    """

    async def story(pool: PostgresPool, server: Server) -> list[object]:
        server.fetch_s = 1e6
        with pytest.raises(QueryTimeoutError):
            await pool.read(READ, {"key": 1})
        server.fetch_s = FETCH_S
        spent = await seconds(pool.read(READ, {"key": 2}))
        return [spent, server.open_count(), pool.stats().lost]

    assert [2.013, 1, 1] == tell(
        monkeypatch, story, size=1, overflow_max=0, statement_timeout_s=0.5, settle_timeout_s=2.0
    )


def test_waiting_ends_to_the_instant(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Of three readers on one connection that takes 1 s, the third leaves after 1.5 s.
    """

    async def story(pool: PostgresPool, server: Server) -> list[object]:
        await pool.read(READ, {"key": 0})
        server.fetch_s = 1.0
        readers = [asyncio.create_task(seconds(pool.read(READ, {"key": key}))) for key in (1, 2, 3)]
        done = await asyncio.gather(*readers, return_exceptions=True)
        assert isinstance(done[2], PoolExhaustedError)
        return [*done[:2], pool.stats().waiting_max, round(pool.stats().wait_s, 6)]

    # Who waited: the first reader for the connect, two for their turn.
    assert [1.0, 2.0, 2, 2.51] == tell(monkeypatch, story, size=1, overflow_max=0, timeout_s=1.5)


def test_refusal_reaches_those_who_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    While the server refuses, every caller is told after its own attempt, and nothing leaks.
    """

    async def story(pool: PostgresPool, server: Server) -> list[object]:
        server.refuses = True
        told = await asyncio.gather(
            *(pool.read(READ, {"key": key}) for key in range(10)), return_exceptions=True
        )
        assert all(isinstance(error, DatabaseUnavailableError) for error in told)
        server.refuses = False
        await pool.read(READ, {"key": 1})
        stats = pool.stats()
        return [stats.open_errors, stats.opened, stats.waiting, stats.opening]

    assert [10, 1, 0, 0] == tell(monkeypatch, story, size=2, overflow_max=1)


def test_idle_connections_close_by_themselves(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    After idle_s without use nothing is left open, though nobody asks.
    """

    async def story(pool: PostgresPool, server: Server) -> list[object]:
        await asyncio.gather(*(pool.read(READ, {"key": key}) for key in range(3)))
        before = server.open_count()
        await asyncio.sleep(25)
        return [before, server.open_count(), pool.stats().closed]

    assert [3, 0, 3] == tell(monkeypatch, story, size=3, overflow_max=0, idle_s=10.0)
