"""A pool of connections that lead nowhere, opened and put right when a test says so."""

from __future__ import annotations

import asyncio

from agent_perf.components.database.connections import ConnectionPool


class FakeConnection:
    """A connection; it is put right with what *settles* comes to."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.opened_s = self.freed_s = 0.0
        self.is_alive = True
        self.is_closed = False
        self.settles: asyncio.Future[bool] | None = None

    def is_open(self) -> bool:
        return self.is_alive and not self.is_closed

    async def settle(self) -> bool:
        self.settles = asyncio.get_running_loop().create_future()
        return await self.settles

    async def close(self) -> None:
        self.is_closed = True

    def abandon(self) -> None:
        self.is_closed = True


class Harbour:
    """Where a pool gets its connections: each attempt waits until it is let in, or refused."""

    def __init__(self, **options: object) -> None:
        self.attempts: list[asyncio.Future[None]] = []
        self.all: list[FakeConnection] = []
        self.pool: ConnectionPool[FakeConnection] = ConnectionPool(self._open, **options)

    async def _open(self) -> FakeConnection:
        attempt: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.attempts.append(attempt)
        await attempt
        connection = FakeConnection(len(self.all))
        self.all.append(connection)
        return connection

    def let_in(self) -> None:
        self.attempts.pop(0).set_result(None)

    def refuse(self) -> None:
        self.attempts.pop(0).set_exception(OSError("refused"))

    @property
    def open_count(self) -> int:
        return sum(not connection.is_closed for connection in self.all)
