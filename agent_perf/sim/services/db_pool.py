"""
SQLAlchemy's pool, with a note of who waits and who holds a connection.
"""

from __future__ import annotations

import asyncio
from typing import Any

from sqlalchemy import Engine, event
from sqlalchemy.pool import AsyncAdaptedQueuePool, QueuePool
from sqlalchemy.util.queue import AsyncAdaptedQueue, Empty

from agent_perf.sim.blocking import wait_for
from agent_perf.sim.request import RequestState, Witness, running_request

WAIT = "db.wait"
IN_USE = "db_in_use"


def waiting_pool(witness: Witness) -> type[AsyncAdaptedQueuePool]:
    """Return SQLAlchemy's pool, made to tell *witness* of each wait for a connection."""

    class WaitingQueue(AsyncAdaptedQueue[Any]):
        def get(self, block: bool = True, timeout: float | None = None) -> Any:
            """Return a connection; if there is none and *block*, after a wait that is told."""
            if not block or not self.empty():
                return super().get(block, timeout)
            loop: Any = asyncio.get_running_loop()
            start_ns = loop.now_ns
            witness.count("db_waits")
            try:
                return super().get(block, timeout)
            finally:
                witness.span(WAIT, start_ns, loop.now_ns)

    class WaitingPool(AsyncAdaptedQueuePool):
        _queue_class = WaitingQueue

    return WaitingPool


def blocking_pool(witness: Witness) -> type[QueuePool]:
    """Return SQLAlchemy's pool of synchronous engines, which waits in virtual time."""

    class BlockingQueue(AsyncAdaptedQueue[Any]):
        def get(self, block: bool = True, timeout: float | None = None) -> Any:
            """Return a connection; if there is none and *block*, after a wait that is told."""
            if not block or not self.empty():
                return self.get_nowait()
            loop: Any = asyncio.get_running_loop()
            start_ns = loop.now_ns
            witness.count("db_waits")
            try:
                return wait_for(self._next(timeout), "a connection of the pool")
            except TimeoutError:
                raise Empty from None
            finally:
                witness.span(WAIT, start_ns, loop.now_ns)

        async def _next(self, limit_s: float | None) -> Any:
            async with asyncio.timeout(limit_s):
                return await self._queue.get()

    class BlockingPool(QueuePool):
        _queue_class = BlockingQueue

    return BlockingPool


def note_holders(engine: Engine, witness: Witness) -> None:
    """
    Keep `RequestState.connections_held` of whoever checks out a connection of *engine*.

    *witness* is told how many are in use.
    """
    # By connection, because it may be given back by another task than took it.
    holders: dict[Any, RequestState] = {}

    def checkout(connection: object, record: object, proxy: object) -> None:
        holders[record] = state = running_request()
        state.connections_held += 1
        witness.level(IN_USE, 1)

    def checkin(connection: object, record: object) -> None:
        # A connection that failed its ping is given back without having been taken.
        state = holders.pop(record, None)
        if state is not None:
            state.connections_held -= 1
            witness.level(IN_USE, -1)

    event.listen(engine, "checkout", checkout)
    event.listen(engine, "checkin", checkin)


def connections_max(pool_size: int, max_overflow: int) -> int | None:
    """Return how many connections a pool of SQLAlchemy's opens at most; None: any number."""
    return pool_size + max_overflow if pool_size > 0 and max_overflow >= 0 else None
