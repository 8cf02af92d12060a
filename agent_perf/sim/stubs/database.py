"""
A SQL database in virtual time for hours of load: SQLAlchemy's surface, none of its engine.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final, NoReturn, cast

from sqlalchemy import create_engine
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.pool import NullPool

from agent_perf.sim.services.db import SimDatabase
from agent_perf.sim.stubs.database_connection import StubConnection
from agent_perf.sim.stubs.database_pool import StubDbPool
from agent_perf.sim.stubs.refusal import refuse

_OPTIONS: Final = frozenset({"isolation_level"})


class StubDatabase(SimDatabase):
    """
    SimDatabase, its sessions, workers and locks included, behind stubbed engines.

    Draws, counts and spans are those of SimDatabase, and for the same calls as many.
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

        Raises:
            UsageError: For arguments that the stub does not know: all but
                *pool_pre_ping*, *pool_recycle*, *pool_use_lifo*, *isolation_level* and *echo*.
        """
        options = {name: engine_kwargs.pop(name) for name in _OPTIONS & engine_kwargs.keys()}
        engine_kwargs.pop("echo", None)
        pool = StubDbPool(
            self,
            size=pool_size,
            overflow_max=max_overflow,
            timeout_s=pool_timeout,
            pre_ping=engine_kwargs.pop("pool_pre_ping", False),
            recycle_s=engine_kwargs.pop("pool_recycle", -1),
            use_lifo=engine_kwargs.pop("pool_use_lifo", False),
        )
        for name in engine_kwargs:
            refuse(f"database.engine({name}=...)")
        # Typed as what it stands for: scenarios are written for the real one.
        return cast("AsyncEngine", StubEngine(pool, options))


class StubEngine:
    """
    What stands for ``AsyncEngine``.

    Attributes:
        pool: Of its connections.
        sync_engine: For listeners of ``before_cursor_execute``, ``after_cursor_execute``
            and ``handle_error``, which are told as by the real one. It cannot connect.
    """

    def __init__(self, pool: StubDbPool, options: dict[str, Any], sync_engine: Any = None) -> None:
        self.pool = pool
        self.sync_engine = sync_engine or create_engine(
            "sqlite://", creator=_no_connection, poolclass=NullPool
        )
        self._options = options
        _check(options)

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
        return StubConnection(self.pool, self.sync_engine, self._options)

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[StubConnection]:
        """Give a connection in a transaction."""
        async with self.connect() as connection, connection.begin():
            yield connection

    def execution_options(self, **options: Any) -> StubEngine:
        """Return an engine with *options*, on the same pool."""
        return StubEngine(self.pool, self._options | options, self.sync_engine)

    async def dispose(self, close: bool = True) -> None:
        """Close the idle connections."""
        self.pool.dispose()

    async def raw_connection(self) -> NoReturn:
        """Refuse: there is no driver."""
        refuse("engine.raw_connection()")


def _check(options: dict[str, Any]) -> None:
    for name, value in options.items():
        if name not in _OPTIONS:
            refuse(f"the execution option {name}={value!r}")


def _no_connection() -> NoReturn:
    refuse("a session of SQLAlchemy's ORM, or any use of engine.sync_engine but for events,")
