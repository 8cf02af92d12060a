"""
One connection to the simulated database: its transaction, and what its trips cost.

Underneath is a SQLite file in WAL mode with one connection each: writes that are not
committed stay out of sight, readers never wait, and writers wait for each other. Reads
see the latest commit, statement by statement, as PostgreSQL's READ COMMITTED does; or,
at REPEATABLE READ and SERIALIZABLE, the commits before the transaction's first read. A
transaction of those that writes after somebody else has committed since fails, whatever
row it was: PostgreSQL looks at rows, SQLite's snapshots are of the whole database.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar

from agent_perf.sim.faults import InjectedError, Lifeline
from agent_perf.sim.services.db_dialect import SerializationError
from agent_perf.sim.services.db_prepared import Prepared
from agent_perf.sim.services.db_statement import Effect, understand

if TYPE_CHECKING:
    from agent_perf.sim.loop import SimLoop
    from agent_perf.sim.services.db import SimDatabase

T = TypeVar("T")
Parameters = Sequence[Any] | Mapping[str, Any]
Row = tuple[Any, ...]
Answer = tuple[sqlite3.Cursor, list[Row] | None]
"""A cursor and its rows; None for the rows if they are left at the server."""

STATEMENT: Final = "db.statement"
END: Final = "db.end"
NETWORK_NS: Final = 500_000
"""Part of a statement's latency that is spent on the wire, both ways together."""


class DbSession:
    """
    What the server keeps of one client, and the client's way to it.

    Args:
        service: Whose file, latencies, workers, lock and witness are used.
        raw: SQLite's connection, in autocommit mode; this class says BEGIN itself.
        lifeline: By which faults break the connection; None: nothing can.

    Attributes:
        raw: As given.
        autocommit: True if every statement is its own transaction.
        snapshots: True if a transaction keeps to what it saw at its first read.
        begun: True while a transaction is open, be it one that only read.
    """

    def __init__(
        self,
        service: SimDatabase,
        loop: SimLoop,
        raw: sqlite3.Connection,
        lifeline: Lifeline | None = None,
    ) -> None:
        self.autocommit = False
        self.snapshots = False
        self.begun = False
        self._wrote = False
        self._prepared = Prepared()
        self._service = service
        self._loop = loop
        self.raw = raw
        self._lifeline = lifeline
        if lifeline is not None:
            lifeline.broken = self._break

    async def execute(self, sql: str, parameters: Parameters, *, keep_rows: bool = False) -> Answer:
        """
        Execute *sql* in one round trip.

        Args:
            sql: One statement.
            parameters: Its values.
            keep_rows: Leave the rows of a statement that reads at the server.
        """
        work = self._perform(sql, partial(self._run, sql, parameters, keep_rows=keep_rows))
        return await (work if self._lifeline is None else self._survive(work, self._lifeline))

    async def execute_many(self, sql: str, batch: Sequence[Parameters]) -> Answer:
        """Execute *sql* for all of *batch*, in one round trip together."""
        work = self._perform(sql, partial(self._run_many, sql, batch))
        return await (work if self._lifeline is None else self._survive(work, self._lifeline))

    async def _perform(self, sql: str, run: Callable[[], Answer]) -> Answer:
        statement = understand(sql)
        match statement.effect:
            case Effect.LOCAL:
                return run()
            case Effect.COMMIT | Effect.ROLLBACK:
                await self._end(statement.effect)
                return self.raw.cursor(), []
            case Effect.BEGIN:
                self.begun = True
                await self._trip(END, statement.fingerprint)
                return self.raw.cursor(), []
            case Effect.READ:
                self._begin(sql, statement.fingerprint)
                await self._trip(STATEMENT, statement.fingerprint)
                if self.begun and self.snapshots and not self.raw.in_transaction:
                    self.raw.execute("BEGIN")
                    self._wrote = False
                return run()
        self._begin(sql, statement.fingerprint)
        return await self._write(run, statement.fingerprint)

    def _begin(self, sql: str, detail: str) -> None:
        self.begun = not self.autocommit
        if self._prepared.must_prepare(sql):
            self._service.witness.count("db_prepares", 1, detail)

    async def commit(self) -> None:
        """Keep what the open transaction wrote; without one, do nothing."""
        work = self._end(Effect.COMMIT)
        await (work if self._lifeline is None else self._survive(work, self._lifeline))

    async def rollback(self) -> None:
        """Drop what the open transaction wrote; without one, do nothing."""
        work = self._end(Effect.ROLLBACK)
        await (work if self._lifeline is None else self._survive(work, self._lifeline))

    async def fetch(self) -> None:
        """Make the round trip of fetching further rows from a cursor at the server."""
        work = self._trip(END, "FETCH")
        await (work if self._lifeline is None else self._survive(work, self._lifeline))

    def close(self) -> None:
        """Hang up: what is not committed is gone, and the lock is free. Takes no time."""
        self.begun = False
        if self._lifeline is not None:
            self._lifeline.close()
        self._service.forget(self.raw)
        self.raw.close()
        self._service.lock.release(self)

    async def _survive(self, work: Awaitable[T], lifeline: Lifeline) -> T:
        try:
            return await lifeline.run(work)
        except ConnectionError as error:
            self._abandon()
            # By these words SQLAlchemy knows that the connection is of no more use.
            raise sqlite3.OperationalError(f"no active connection: {error}") from error

    def _break(self) -> None:
        """Lose the connection; a statement under way is told first."""
        assert self._lifeline is not None
        if not self._lifeline.is_busy:
            self._abandon()

    def _abandon(self) -> None:
        """Let the server drop what the lost connection had begun; its COMMIT will fail."""
        if self.raw.in_transaction:
            self.raw.execute("ROLLBACK")
        self._service.lock.release(self)

    async def _trip(self, operation: str, detail: str) -> None:
        service, loop = self._service, self._loop
        start_ns = loop.now_ns
        service.witness.count("db_statements", 1, detail)
        try:
            if self._lifeline is not None:
                await self._admit(detail, self._lifeline)
            leg_ns, service_ns = self._cost(operation, detail)
            done_ns = service.station.serve(loop.now_ns + leg_ns, service_ns)
            await self._until(done_ns + leg_ns)
        finally:
            service.witness.span(STATEMENT, start_ns, loop.now_ns, detail)

    async def _write(self, run: Callable[[], Answer], detail: str) -> Answer:
        service, loop = self._service, self._loop
        start_ns = loop.now_ns
        service.witness.count("db_statements", 1, detail)
        try:
            if self._lifeline is not None:
                await self._admit(detail, self._lifeline)
            leg_ns, service_ns = self._cost(STATEMENT, detail)
            arrival_ns = loop.now_ns + leg_ns
            await self._take_lock(detail)
            # Whoever waits for the lock keeps no worker busy meanwhile.
            done_ns = service.station.serve(max(arrival_ns, loop.now_ns), service_ns)
            await self._until(done_ns)
            answer = self._run_writing(run)
            self._free_lock()
            await self._until(done_ns + leg_ns)
            return answer
        finally:
            self._free_lock()
            service.witness.span(STATEMENT, start_ns, loop.now_ns, detail)

    async def _end(self, effect: Effect) -> None:
        if not self.begun:
            return
        service, loop = self._service, self._loop
        if not service.lock.held_by(self):
            await self._trip(END, effect.name)
            if self.raw.in_transaction:
                self.raw.execute(effect.name)
            self.begun = False
            return
        start_ns = loop.now_ns
        service.witness.count("db_statements", 1, effect.name)
        try:
            if self._lifeline is not None:
                await self._admit(effect.name, self._lifeline)
            leg_ns, service_ns = self._cost(END, effect.name)
            done_ns = service.station.serve(loop.now_ns + leg_ns, service_ns)
            await self._until(done_ns)
            if self.raw.in_transaction:
                self.raw.execute(effect.name)
            self.begun = False
            self._free_lock()
            await self._until(done_ns + leg_ns)
        finally:
            service.witness.span(STATEMENT, start_ns, loop.now_ns, effect.name)

    async def _admit(self, detail: str, lifeline: Lifeline) -> None:
        """Wait out what holds the statement; raise what the server says instead of doing it."""
        try:
            await lifeline.admit(STATEMENT, detail)
        except InjectedError as error:
            leg_ns, service_ns = self._cost(STATEMENT, detail)
            done_ns = self._service.station.serve(self._loop.now_ns + leg_ns, service_ns)
            await self._until(done_ns + leg_ns)
            raise sqlite3.OperationalError(error.message) from error

    def _cost(self, operation: str, detail: str) -> tuple[int, int]:
        """Return one leg on the wire and the time with a worker, in ns."""
        latency_ns = self._service.draws.ns(operation, STATEMENT)
        if self._lifeline is not None:
            latency_ns = self._lifeline.point.stretch(STATEMENT, latency_ns, detail)
        leg_ns = min(latency_ns, NETWORK_NS) // 2
        return leg_ns, latency_ns - 2 * leg_ns

    async def _until(self, ns: int) -> None:
        await self._loop.pause(ns - self._loop.now_ns)
        if self._lifeline is not None:
            await self._lifeline.arrive()

    async def _take_lock(self, detail: str) -> None:
        lock = self._service.lock
        if not lock.held_by(self) and await lock.acquire(self):
            self._service.witness.count("db_lock_waits", 1, detail)

    def _free_lock(self) -> None:
        # Outside of a transaction nothing is left that others must not see, nor inside of
        # one that only read.
        if not (self._wrote and self.raw.in_transaction):
            self._wrote = False
            self._service.lock.release(self)

    def _run_writing(self, run: Callable[[], Answer]) -> Answer:
        if self.autocommit:
            return run()
        if not self.raw.in_transaction:
            self.raw.execute("BEGIN IMMEDIATE")
            self._wrote = True
            return run()
        try:
            answer = run()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode == sqlite3.SQLITE_BUSY_SNAPSHOT:
                raise SerializationError from error
            raise
        self._wrote = True
        return answer

    def _run(self, sql: str, parameters: Parameters, *, keep_rows: bool) -> Answer:
        cursor = self.raw.execute(sql, parameters)
        if cursor.description is None:
            return cursor, []
        if keep_rows and understand(sql).effect is Effect.READ:
            return cursor, None
        # A statement that writes and returns rows is over, for SQLite and for those who
        # wait for the lock, only when its last row has been fetched.
        return cursor, cursor.fetchall()

    def _run_many(self, sql: str, batch: Sequence[Parameters]) -> Answer:
        return self.raw.executemany(sql, batch), []
