"""
A SQL database in virtual time for hours of load: SQLAlchemy's surface, none of its engine.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final, cast

from sqlalchemy.ext.asyncio import AsyncEngine

from agent_perf.sim.services.db import SimDatabase
from agent_perf.sim.services.db_pool import IN_USE, connections_max
from agent_perf.sim.stubs.database_connection import StubConnection
from agent_perf.sim.stubs.database_own import OwnEngine
from agent_perf.sim.stubs.database_pool import StubDbPool

_OPTIONS: Final = frozenset({"isolation_level"})
_POOL_OPTIONS: Final = frozenset({"pool_pre_ping", "pool_recycle", "pool_use_lifo"})


class StubDatabase(SimDatabase):
    """
    SimDatabase, its sessions, workers and locks included, behind stubbed engines.

    Draws, counts and spans are those of SimDatabase, and for the same calls as many. What
    the stub does not know is SQLAlchemy's own work, on the same connections: it only costs
    more CPU.
    """

    def engine(
        self,
        *,
        pool_size: int = 20,
        max_overflow: int = 30,
        pool_timeout: float = 30.0,
        **engine_kwargs: Any,
    ) -> AsyncEngine:
        """
        Return a stubbed engine; the arguments are those of ``SimDatabase.engine``.

        With others than *pool_pre_ping*, *pool_recycle*, *pool_use_lifo*,
        *isolation_level* and *echo*, it is SQLAlchemy's own.
        """
        if not engine_kwargs.keys() <= _OPTIONS | _POOL_OPTIONS | {"echo"}:
            return super().engine(
                pool_size=pool_size,
                max_overflow=max_overflow,
                pool_timeout=pool_timeout,
                **engine_kwargs,
            )
        options = {name: engine_kwargs[name] for name in _OPTIONS & engine_kwargs.keys()}
        pool = StubDbPool(
            self,
            size=pool_size,
            overflow_max=max_overflow,
            timeout_s=pool_timeout,
            pre_ping=engine_kwargs.get("pool_pre_ping", False),
            recycle_s=engine_kwargs.get("pool_recycle", -1),
            use_lifo=engine_kwargs.get("pool_use_lifo", False),
        )
        self.witness.bound(IN_USE, connections_max(pool_size, max_overflow))
        own = OwnEngine(self, pool, options)
        # Typed as what it stands for: scenarios are written for the real one.
        return cast("AsyncEngine", StubEngine(pool, options, own, own.engine))


class StubEngine:
    """
    What stands for ``AsyncEngine``.

    Args:
        pool: Of its connections.
        options: Of its connections.
        own: SQLAlchemy's engine on the same pool.
        variant: The same, with *options*.

    Attributes:
        pool: As given.
        sync_engine: SQLAlchemy's own, on the same pool: for listeners, and for sessions of
            the ORM, which are SQLAlchemy's own, too.
    """

    def __init__(
        self, pool: StubDbPool, options: dict[str, Any], own: OwnEngine, variant: AsyncEngine
    ) -> None:
        self.pool = pool
        self.sync_engine = variant.sync_engine
        self._options = options
        self._own = own
        self._variant = variant

    @property
    def dialect(self) -> Any:
        """SQLAlchemy's, of SQLite."""
        return self.sync_engine.dialect

    @property
    def url(self) -> Any:
        """Of no server."""
        return self.sync_engine.url

    @property
    def name(self) -> str:
        """The dialect's name: sqlite."""
        return "sqlite"

    def connect(self) -> StubConnection:
        """Return a connection, to be awaited or entered."""
        return StubConnection(self.pool, self.sync_engine, self._options, self._own)

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[StubConnection]:
        """Give a connection in a transaction."""
        async with self.connect() as connection, connection.begin():
            yield connection

    def execution_options(self, **options: Any) -> StubEngine:
        """Return an engine with *options*, on the same pool."""
        variant = self._variant.execution_options(**options)
        return StubEngine(self.pool, self._options | options, self._own, variant)

    async def dispose(self, close: bool = True) -> None:
        """Close the idle connections."""
        self.pool.dispose()

    async def raw_connection(self) -> Any:
        """Return a connection of the driver."""
        return await self._variant.raw_connection()
