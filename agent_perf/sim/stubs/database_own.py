"""
SQLAlchemy's own engine on the connections of a stubbed one, for what the stub does not know.

The ORM, expressions, savepoints and streams are SQLAlchemy's then. Both sides take their
connections from one pool, so that waits, connects and what is held are tier CLIENT's.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Callable, Generator, Mapping
from typing import TYPE_CHECKING, Any, cast

from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool
from sqlalchemy.util import await_only

from agent_perf.sim.request import RequestState, running_request
from agent_perf.sim.services.db_adapter import DbapiConnection, SimDbapi
from agent_perf.sim.services.db_dialect import URL, register
from agent_perf.sim.services.db_session import DbSession
from agent_perf.sim.stubs.database_pool import Slot, StubDbPool
from agent_perf.sim.stubs.database_transaction import StubTransaction, set_level

if TYPE_CHECKING:
    from agent_perf.sim.services.db import SimDatabase
    from agent_perf.sim.stubs.database_connection import StubConnection


class OwnEngine:
    """
    Args:
        service: The database.
        pool: Of the stubbed engine.
        options: Of the engine: *isolation_level*.

    Attributes:
        engine: SQLAlchemy's.
    """

    def __init__(self, service: SimDatabase, pool: StubDbPool, options: dict[str, Any]) -> None:
        register()
        self._dbapi = _PoolDbapi(service, pool)
        # Not its pool but the stub's: a connect here takes a connection from there.
        self.engine: AsyncEngine = create_async_engine(
            URL, module=self._dbapi, poolclass=NullPool, **options
        )
        event.listen(self.engine.sync_engine, "invalidate", _note_lost)

    async def lend(self, slot: Slot, options: dict[str, Any]) -> AsyncConnection:
        """Return SQLAlchemy's connection over that in *slot*, which stays with its holder."""
        self._dbapi.lent = slot
        connection = await self.engine.connect()
        driver: Any = (await connection.get_raw_connection()).dbapi_connection
        driver.settled = True
        return await connection.execution_options(**options) if options else connection


class _PoolDbapi(SimDbapi):
    """
    A driver whose connects take connections from a pool.

    Attributes:
        lent: What the next connect gets instead.
    """

    def __init__(self, service: SimDatabase, pool: StubDbPool) -> None:
        super().__init__(service)
        self._pool = pool
        self.lent: Slot | None = None

    def connect(self, *args: object, **kwargs: Any) -> DbapiConnection:
        """Return a connection of the pool; what the URL says is of no interest."""
        slot, self.lent = self.lent, None
        if slot is not None:
            return _SlotConnection(self, slot, self._pool, holder=None)
        slot = await_only(self._pool.take())
        return _SlotConnection(self, slot, self._pool, holder=running_request())


class _SlotConnection(DbapiConnection):
    """
    The connection in a slot, given back when it is closed; without *holder*, it is only lent.

    Attributes:
        lost: Whether it is of no more use.
        settled: False while SQLAlchemy makes itself at home: at an engine's first connect it
            rolls back, and in a session that is lent a transaction may be under way.
    """

    __slots__ = ("_holder", "_pool", "_slot", "lost", "settled")

    def __init__(
        self, dbapi: SimDbapi, slot: Slot, pool: StubDbPool, holder: RequestState | None
    ) -> None:
        assert slot.session is not None
        super().__init__(dbapi, slot.session)
        self.lost = False
        self.settled = holder is not None
        self._slot: Slot | None = slot
        self._pool = pool
        self._holder = holder
        if holder is not None:
            holder.connections_held += 1
            pool.note_in_use(1)

    def note_lost(self, *, by_server: bool) -> None:
        """Take note that it is of no more use, and if *by_server* none of its age is."""
        self.lost = True
        if by_server:
            self._pool.invalidate()

    def rollback(self) -> None:
        """Roll back, if a transaction is open."""
        if self.settled:
            super().rollback()

    def close(self) -> None:
        """Give it back."""
        slot, self._slot = self._slot, None
        if slot is None:
            return
        if self.lost:
            slot.hang_up()
        if self._holder is None:
            return
        if slot.session is not None:
            set_level(slot.session, {})
        self._holder.connections_held -= 1
        self._pool.note_in_use(-1)
        self._pool.give_back(slot)

    terminate = close


def _note_lost(connection: _SlotConnection, record: object, error: BaseException | None) -> None:
    connection.note_lost(by_server=isinstance(error, sqlite3.Error))


class Borrower:
    """
    What a stubbed connection has of SQLAlchemy's: one over its own session, once it needs it.

    Args:
        engine: Lends it.
        options: Execution options.
    """

    def __init__(self, engine: OwnEngine, options: Mapping[str, Any]) -> None:
        self._engine = engine
        self._options = options
        self._transaction: StubTransaction | None = None
        self._own: AsyncConnection | None = None
        self._lost = False

    @property
    def invalidated(self) -> bool:
        """True once the connection was lost."""
        return self._lost if self._own is None else self._own.invalidated

    async def own(self) -> AsyncConnection:
        """Return SQLAlchemy's own connection, which does all that is done from now on."""
        if self._own is None:
            self._session()
            self._own = await self._engine.lend(self._checked_out(), dict(self._options))
            if self._transaction is not None:
                # Of which what was done already is a part: nothing is said to the server.
                await self._own.begin()
        return self._own

    def stream(self, *args: Any, **kwargs: Any) -> Later:
        """Return what gives the rows as they come from the server."""

        async def make() -> Any:
            return (await self.own()).stream(*args, **kwargs)

        return Later(make)

    async def run_sync(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Return what *function* returns, given a synchronous connection."""
        return await (await self.own()).run_sync(function, *args, **kwargs)

    def begin_nested(self) -> Later:
        """Return a savepoint, to be awaited or entered."""

        async def make() -> Any:
            if self._transaction is None:
                self._transaction = StubTransaction(cast("StubConnection", self))
            return (await self.own()).begin_nested()

        return Later(make)

    def _checked_out(self) -> Slot:
        raise NotImplementedError

    def _session(self) -> DbSession:
        raise NotImplementedError


class Later:
    """
    What SQLAlchemy lets people await or enter, and that must be awaited for first.

    Args:
        make: Returns it.
    """

    def __init__(self, make: Callable[[], Awaitable[Any]]) -> None:
        self._make = make
        self._entered: Any = None

    def __await__(self) -> Generator[Any, None, Any]:
        """Make and await it."""
        return self._start().__await__()

    async def __aenter__(self) -> Any:
        self._entered = await self._make()
        return await self._entered.__aenter__()

    async def __aexit__(self, *error: object) -> Any:
        return await self._entered.__aexit__(*error)

    async def _start(self) -> Any:
        return await (await self._make())
