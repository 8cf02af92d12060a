"""
A SQL database in virtual time, behind the real SQLAlchemy.

The engine, its pool, the ORM and the compiler are SQLAlchemy's own. The server is
SQLite, run inline: a statement waits for its round trip and a worker, and then takes no
time. Connections have transactions of their own, as on a real server.
"""

from __future__ import annotations

import sqlite3
import weakref
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from sqlalchemy import Engine, create_engine
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from agent_perf.errors import ConfigError, SimulationError
from agent_perf.sim.blocking import wait_for
from agent_perf.sim.draws import Draws
from agent_perf.sim.faults import FaultPoint, InjectedError, Lifeline
from agent_perf.sim.request import Witness
from agent_perf.sim.services.db_adapter import SimDbapi
from agent_perf.sim.services.db_dialect import URL, register
from agent_perf.sim.services.db_functions import VirtualFunctions
from agent_perf.sim.services.db_lock import WriteLock
from agent_perf.sim.services.db_pool import (
    IN_USE,
    blocking_pool,
    connections_max,
    note_holders,
    waiting_pool,
)
from agent_perf.sim.services.db_scratch import ScratchDirectory
from agent_perf.sim.services.db_session import DbSession
from agent_perf.sim.services.running_loop import sim_loop
from agent_perf.sim.stations import Station

CONNECT: Final = "db.connect"
# The file is this process's alone, so its locks need not be the system's: that is half of
# what SQLite takes for a select. Source: SQLite, "The SQLite OS Interface or VFS", unix-excl.
_VFS: Final = "unix-excl"


class SimDatabase:
    """
    One database server, and engines for it.

    Args:
        draws: Latencies ``db.connect`` and ``db.statement``, and SQL's ``random()``.
        witness: Told of connects, statements, waits and what requests hold.
        servers: Statements that the server works on at once, >= 1.

    Attributes:
        faults: What may go wrong; None: nothing.
        station: The server's workers.
        lock: Held by the connection that has written and not yet committed.
    """

    def __init__(self, draws: Draws, witness: Witness, *, servers: int = 16) -> None:
        if servers < 1:
            raise ConfigError(f"servers={servers}; a database needs at least 1")
        self.draws = draws
        self.witness = witness
        self.faults: FaultPoint | None = None
        self.station = Station(servers)
        self.lock = WriteLock()
        self._pool_class = waiting_pool(witness)
        self._functions = VirtualFunctions(draws)
        # A file, and not SQLite's shared memory: that has one lock per table, and
        # readers would wait for writers. Nothing is ever forced to the disk.
        directory = ScratchDirectory()
        self._url = f"{(directory.path / 'database').as_uri()}?vfs={_VFS}"
        self._open: dict[sqlite3.Connection, None] = {}
        self._taught: dict[Callable[[sqlite3.Connection], object], None] = {}
        self._finalizer = weakref.finalize(self, _tear_down, self._open, self._functions, directory)
        self._keeper = self._connect()
        self._keeper.execute("PRAGMA journal_mode=WAL")

    def engine(
        self,
        *,
        pool_size: int = 20,
        max_overflow: int = 30,
        pool_timeout: float = 30.0,
        url: str = URL,
        **engine_kwargs: Any,
    ) -> AsyncEngine:
        """
        Return SQLAlchemy's engine for this database, dialect ``sqlite``.

        Args:
            url: Names the dialect; it must be one that knows this database.
            pool_size: Connections that the pool keeps open, >= 0; 0 is without limit.
            max_overflow: Connections beyond them, closed when given back.
            pool_timeout: How long to wait for a connection, in virtual seconds.
            engine_kwargs: As for ``create_async_engine``: *pool_pre_ping*,
                *pool_recycle*, *poolclass*, *isolation_level*, *echo*... Of *connect_args*
                asyncpg's *timeout* (of a connect) and *command_timeout* (of a
                statement), in virtual seconds, are obeyed.
        """
        most = None
        if "poolclass" not in engine_kwargs:
            most = connections_max(pool_size, max_overflow)
            engine_kwargs |= {
                "poolclass": self._pool_class,
                "pool_size": pool_size,
                "max_overflow": max_overflow,
                "pool_timeout": pool_timeout,
            }
        register()
        engine = create_async_engine(url, module=SimDbapi(self), **engine_kwargs)
        note_holders(engine.sync_engine, self.witness)
        self.witness.bound(IN_USE, most)
        return engine

    def blocking_engine(self, url: str, **engine_kwargs: Any) -> Engine:
        """
        Return SQLAlchemy's synchronous engine for this database.

        Who waits for it in a modelled thread lets the others go on; on the event loop it blocks.

        Args:
            url: Names the dialect; it must be a synchronous one that knows this database.
            engine_kwargs: As for ``create_engine``.
        """
        most = None
        if "poolclass" not in engine_kwargs:
            engine_kwargs = {"pool_size": 5, "max_overflow": 10, **engine_kwargs}
            engine_kwargs["poolclass"] = blocking_pool(self.witness)
            most = connections_max(engine_kwargs["pool_size"], engine_kwargs["max_overflow"])
        module = SimDbapi(self, wait=partial(wait_for, what="a database"))
        engine = create_engine(url, module=module, **engine_kwargs)
        note_holders(engine, self.witness)
        self.witness.bound(IN_USE, most)
        return engine

    def prepare(self, script: str) -> None:
        """
        Run the statements of *script* outside of time, uncounted.

        Raises:
            SimulationError: If a transaction of the simulation has written already.
        """
        if self.lock.is_held:
            raise SimulationError(
                "prepare() was called while a transaction is open that has written; "
                "prepare the data before the requests begin"
            )
        self._keeper.executescript(script)

    def function(self, name: str, function: Callable[..., Any], *, arguments: int = -1) -> None:
        """
        Let SQL call *function* by *name*, with any number of *arguments* by default.

        For what a program's own database knows, and SQLite does not: ``similarity``.
        """
        self.know(lambda raw: raw.create_function(name, arguments, function))

    def know(self, teach: Callable[[sqlite3.Connection], object]) -> None:
        """Let *teach* prepare every connection, those that are open among them."""
        if teach not in self._taught:
            self._taught[teach] = None
            for raw in self._open:
                teach(raw)

    def close(self) -> None:
        """Delete the database. Happens by itself when the object is no longer used."""
        self._finalizer()

    async def connect(self) -> DbSession:
        """Return a new connection to the server, after the time that takes."""
        loop = sim_loop("SimDatabase")
        start_ns = loop.now_ns
        self.witness.count("db_connects")
        lifeline = None if self.faults is None else Lifeline(self.faults)
        try:
            if lifeline is None:
                await loop.pause(self.draws.ns(CONNECT))
            else:
                await lifeline.open(CONNECT, self.draws.ns(CONNECT))
        except (ConnectionError, InjectedError) as error:
            raise sqlite3.OperationalError(f"connection failed: {error}") from error
        finally:
            self.witness.span(CONNECT, start_ns, loop.now_ns)
        return DbSession(self, loop, self._connect(), lifeline)

    def forget(self, raw: sqlite3.Connection) -> None:
        """Take note that *raw* is being closed."""
        self._open.pop(raw, None)

    def _connect(self) -> sqlite3.Connection:
        raw = sqlite3.connect(
            self._url, uri=True, isolation_level=None, check_same_thread=False, timeout=0
        )
        raw.execute("PRAGMA synchronous=OFF")
        self._functions.install(raw)
        for teach in self._taught:
            teach(raw)
        self._open[raw] = None
        return raw


def _tear_down(
    open_connections: dict[sqlite3.Connection, None],
    functions: VirtualFunctions,
    directory: ScratchDirectory,
) -> None:
    for raw in open_connections:
        raw.close()
    functions.close()
    directory.remove()
