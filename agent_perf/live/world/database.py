"""
A real PostgreSQL behind the real SQLAlchemy: statements, waits and connections are counted.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit, urlunsplit

from sqlalchemy import event
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.postgresql.asyncpg import (
    AsyncAdapt_asyncpg_connection,
    AsyncAdapt_asyncpg_cursor,
    AsyncAdapt_asyncpg_dbapi,
    AsyncAdapt_asyncpg_ss_cursor,
    PGDialect_asyncpg,
)
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.util import await_only

from agent_perf.errors import UsageError
from agent_perf.sim import Witness
from agent_perf.sim.services.db_pool import IN_USE, connections_max, note_holders, waiting_pool
from agent_perf.sim.services.db_prepared import Prepared
from agent_perf.sim.services.db_statement import Effect, understand

if TYPE_CHECKING:
    from agent_perf.live.world.database_keeper import DatabaseKeeper

CONNECT: Final = "db.connect"
STATEMENT: Final = "db.statement"
_PLACE: Final = re.compile(r"\$\d+(?:::[A-Z]+(?: [A-Z]+)*)?")


class LiveDatabase:
    """
    One database of a real server, and engines for it.

    Args:
        url: ``postgresql://user@host:port/database``: where to begin; the run gets its own.
        loop: The run's.
        witness: Told of connects, statements, waits and what requests hold.

    Raises:
        UsageError: If the driver is not installed, or nobody answers there.
    """

    def __init__(self, url: str, loop: Any, witness: Witness) -> None:
        self.witness = witness
        self.loop = loop
        self._keeper = _keeper_at(url)
        self._through: tuple[str, int] | None = None
        self._pool_class = waiting_pool(witness)

    @property
    def url(self) -> str:
        """Where programs find the run's own database."""
        if self._through is None:
            return self._keeper.url
        parts = urlsplit(self._keeper.url)
        user = f"{parts.netloc.rpartition('@')[0]}@" if "@" in parts.netloc else ""
        host, port = self._through
        return urlunsplit(parts._replace(netloc=f"{user}{host}:{port}"))

    def address(self) -> tuple[str, int]:
        """Return the server's host and port."""
        parts = urlsplit(self._keeper.url)
        return parts.hostname or "127.0.0.1", parts.port or 5432

    def lead_through(self, host: str, port: int) -> None:
        """Let engines made from now on go there: to something that stands before the server."""
        self._through = host, port

    def engine(
        self,
        *,
        pool_size: int = 20,
        max_overflow: int = 30,
        pool_timeout: float = 30.0,
        **engine_kwargs: Any,
    ) -> AsyncEngine:
        """Return SQLAlchemy's engine for this database: arguments as `SimDatabase.engine`."""
        most = None
        if "poolclass" not in engine_kwargs:
            most = connections_max(pool_size, max_overflow)
            engine_kwargs |= {
                "poolclass": self._pool_class,
                "pool_size": pool_size,
                "max_overflow": max_overflow,
                "pool_timeout": pool_timeout,
            }
        registry.register("postgresql.counted", __name__, "CountedDialect")
        import asyncpg

        # asyncpg reads its own URL: SQLAlchemy would hand it options that it does not know so.
        connect = partial(asyncpg.connect, self.url, **engine_kwargs.pop("connect_args", {}))
        engine = create_async_engine(
            "postgresql+counted://",
            module=CountedDbapi(self),
            async_creator=connect,
            **engine_kwargs,
        )
        note_holders(engine.sync_engine, self.witness)
        event.listen(engine.sync_engine, "checkout", _begin_counting)
        self.witness.bound(IN_USE, most)
        return engine

    def prepare(self, script: str) -> None:
        """
        Run the statements of *script*, in SQLite's words, outside of time, uncounted.

        Raises:
            BrokenError: If PostgreSQL does not take one.
        """
        self._keeper.run_script(script)

    def close(self) -> None:
        """Drop the database, whoever still has connections to it."""
        self._keeper.close()


def _keeper_at(url: str) -> DatabaseKeeper:
    # Here, and not above: scenarios without a database run without its driver.
    try:
        from agent_perf.live.world.database_keeper import DatabaseKeeper
    except ModuleNotFoundError as error:
        raise UsageError(
            f"a database of the tier 'live' needs the package {error.name!r}; "
            "pip install 'agent-perf[postgres]'"
        ) from error
    return DatabaseKeeper(url)


class CountedDialect(PGDialect_asyncpg):
    """SQLAlchemy's own for asyncpg."""

    driver = "counted"
    supports_statement_cache = True


class CountedDbapi(AsyncAdapt_asyncpg_dbapi):
    """What SQLAlchemy takes for the driver's module; connections of it are counted."""

    def __init__(self, service: LiveDatabase) -> None:
        import asyncpg

        super().__init__(asyncpg)  # type: ignore[no-untyped-call]  # SQLAlchemy's.
        self.service = service

    def connect(self, *args: Any, **options: Any) -> Any:
        """Return a new connection."""
        creator = options.pop("async_creator_fn", self.asyncpg.connect)
        names = ("prepared_statement_cache_size", "prepared_statement_name_func")
        kept = {name: options.pop(name) for name in names if name in options}
        made = self._counted(creator(*args, **options))
        return await_only(CountedConnection.create(self, made, **kept))

    async def _counted(self, connecting: Awaitable[Any]) -> Any:
        service = self.service
        start_ns = service.loop.now_ns
        service.witness.count("db_connects")
        try:
            return await connecting
        finally:
            service.witness.span(CONNECT, start_ns, service.loop.now_ns)


class _CountedCursor(AsyncAdapt_asyncpg_cursor):
    """A cursor whose round trips are counted."""

    async def _prepare_and_execute(self, operation: Any, parameters: Any) -> None:
        connection: Any = self._adapt_connection
        work: Any = super()._prepare_and_execute
        await connection.counted(operation, lambda: work(operation, parameters))

    async def _executemany(self, operation: Any, seq_of_parameters: Any) -> Any:
        connection: Any = self._adapt_connection
        work: Any = super()._executemany
        return await connection.counted(operation, lambda: work(operation, seq_of_parameters))


class _CountedServerCursor(_CountedCursor, AsyncAdapt_asyncpg_ss_cursor):
    """The same, for rows that are fetched as they are asked for."""


class CountedConnection(AsyncAdapt_asyncpg_connection):
    """A connection whose statements are counted, from its first use by a program on."""

    _cursor_cls = _CountedCursor
    _ss_cursor_cls = _CountedServerCursor

    __slots__ = ("is_counting", "prepared")

    def __init__(self, dbapi: CountedDbapi, connection: Any, **options: Any) -> None:
        super().__init__(dbapi, connection, **options)  # type: ignore[no-untyped-call]  # Likewise.
        # What SQLAlchemy asks of each new connection is no statement of the program.
        self.is_counting = False
        self.prepared = Prepared()

    async def counted(self, operation: str, work: Callable[[], Awaitable[Any]]) -> Any:
        """Do *work*, the execution of *operation*, and tell of it."""
        service = self.dbapi.service
        understood = understand(_PLACE.sub("?", operation))
        if not self.is_counting or understood.effect is Effect.LOCAL:
            return await work()
        witness, detail = service.witness, understood.fingerprint
        if self.prepared.must_prepare(operation):
            witness.count("db_prepares", 1, detail)
        return await self._timed(detail, work)

    async def _timed(self, detail: str, work: Callable[[], Awaitable[Any]]) -> Any:
        service = self.dbapi.service
        service.witness.count("db_statements", 1, detail)
        start_ns = service.loop.now_ns
        try:
            return await work()
        finally:
            service.witness.span(STATEMENT, start_ns, service.loop.now_ns, detail)

    async def _call_and_discard(self, fn: Callable[[], Awaitable[Any]]) -> None:
        # The end of a transaction: the name of the method says which.
        end: str = getattr(fn, "__name__", "end").upper()
        work: Any = super()._call_and_discard
        if self.is_counting:
            await self._timed(end, lambda: work(fn))
        else:
            await work(fn)


def _begin_counting(connection: Any, record: object, proxy: object) -> None:
    connection.is_counting = True
