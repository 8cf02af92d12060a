"""
Results of reads, kept until one of their tables is written.

Each table has a version, and a result's key holds the versions that its tables had when the
read began. A write gives its tables another version once it is committed: nobody asks for the
old keys any more. So a read that began before a write cannot be taken for one after it,
however late it comes, and nothing has to be looked for and deleted.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, ClassVar, Final, Protocol

from agent_perf.components.cache.flight import Flights
from agent_perf.components.cache.keys import call_key
from agent_perf.components.cache.memory import MemoryCache
from agent_perf.components.cache.stats import MISSING
from agent_perf.components.database.tables import find_tables
from agent_perf.errors import ConfigError

Parameters = Mapping[str, object]

ALL: Final = "*"
"""Stands for every table: what a statement that is not understood may have written."""


class Source(Protocol):
    """What is read from and written to: Database, PostgresPool or SqlitePool."""

    async def read(self, sql: str, parameters: Parameters | None = None, /) -> Sequence[Any]:
        """Return all rows of a statement that changes nothing."""

    async def write(self, sql: str, parameters: Parameters | None = None, /) -> int:
        """Run one statement as a transaction; return how many rows it touched."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryCacheStats:
    """
    What a cache of results has done.

    Attributes:
        hits: Reads answered without the database.
        misses: Reads that were not.
        too_big: Results not kept, for they had too many rows.
        invalidations: Versions given to tables.
        entry_count: Results kept now, those of old versions included.
    """

    LEVELS: ClassVar[frozenset[str]] = frozenset({"entry_count"})

    hits: int
    misses: int
    too_big: int
    invalidations: int
    entry_count: int


class QueryCache:
    """
    Cached reads of *source*, invalidated by what is written through this cache.

    What others write it does not see before ttl_s is over; views, triggers and cascades
    write and read tables that a statement does not name: then give *tables*.

    Args:
        source: A Database, a PostgresPool, a SqlitePool.
        ttl_s: Seconds that a result is kept, > 0.
        entries_max: Results kept, >= 1; the one not asked for longest goes.
        rows_max: Results of more rows are not kept, >= 1.
        clock: Monotonic seconds; ``time.monotonic`` if not given.

    Example::

        cached = QueryCache(pool, ttl_s=60)
        rows = await cached.read("SELECT name FROM users WHERE id = :id", {"id": 17})
        await cached.write("UPDATE users SET name = 'Ada' WHERE id = :id", {"id": 17})
    """

    def __init__(
        self,
        source: Source,
        *,
        ttl_s: float = 60.0,
        entries_max: int = 10_000,
        rows_max: int = 1_000,
        clock: Callable[[], float] | None = None,
    ) -> None:
        if rows_max < 1:
            raise ConfigError(f"rows_max={rows_max}; want >= 1")
        self._source = source
        self._rows_max = rows_max
        self._results: MemoryCache[tuple[Any, ...]] = MemoryCache(
            entries_max=entries_max, ttl_s=ttl_s, clock=clock
        )
        self._flights = Flights()
        self._versions: dict[str, int] = {ALL: 0}
        self._hits = self._misses = self._too_big = self._invalidations = 0

    async def read(
        self,
        sql: str,
        parameters: Parameters | None = None,
        *,
        tables: Collection[str] | None = None,
        ttl_s: float | None = None,
    ) -> Sequence[Any]:
        """
        Return the rows of a statement that changes nothing, from here if they are known.

        However many callers miss at once, the database is asked once.

        Args:
            sql: One statement, with ``:name`` for values.
            parameters: Name to value.
            tables: What it reads; found in *sql* if not given.
            ttl_s: Seconds that this result is kept, > 0; the cache's own if not given.

        Raises:
            ConfigError: If the tables are neither given nor plain to see.
        """
        names = read_tables(sql) if tables is None else tables
        versions = self._versions
        kinds = tuple([type(value).__name__ for value in parameters.values()]) if parameters else ()
        key = (
            call_key(sql, kinds, parameters or {}),
            versions[ALL],
            *[versions.get(name, 0) for name in names],
        )
        rows = self._results.get(key, MISSING)
        if rows is not MISSING:
            self._hits += 1
            return rows
        self._misses += 1
        return await self._flights.join(key, lambda: self._fill(key, sql, parameters, ttl_s))

    async def write(
        self,
        sql: str,
        parameters: Parameters | None = None,
        *,
        tables: Collection[str] | None = None,
    ) -> int:
        """
        Write by one statement; return how many rows it touched.

        Args:
            sql: One statement, with ``:name`` for values.
            parameters: Name to value.
            tables: What it writes; found in *sql* if not given, and if it is not plain
                every result is forgotten.
        """
        async with self.changing(*(written_tables(sql) if tables is None else tables)):
            return await self._source.write(sql, parameters)

    @asynccontextmanager
    async def changing(self, *tables: str) -> AsyncIterator[None]:
        """
        Forget the results of *tables* after the block, however it ends.

        Put a transaction inside, so that it is committed by then.

        Example::

            async with cached.changing("users", "orders"), database.transaction() as connection:
                await connection.execute(...)
        """
        try:
            yield
        finally:
            # After an error, too: a connection lost in COMMIT may have lost the answer alone.
            self.invalidate(*tables)

    def invalidate(self, *tables: str) -> None:
        """Forget the results of *tables*; of all, if ``*`` is among them."""
        for name in tables:
            self._versions[name] = self._versions.get(name, 0) + 1
            self._invalidations += 1

    def stats(self) -> QueryCacheStats:
        """Return the numbers so far."""
        return QueryCacheStats(
            hits=self._hits,
            misses=self._misses,
            too_big=self._too_big,
            invalidations=self._invalidations,
            entry_count=self._results.stats().entry_count,
        )

    async def _fill(
        self, key: tuple[object, ...], sql: str, parameters: Parameters | None, ttl_s: float | None
    ) -> tuple[Any, ...]:
        rows = tuple(await self._source.read(sql, parameters))
        if len(rows) <= self._rows_max:
            self._results.set(key, rows, ttl_s=ttl_s)
        else:
            self._too_big += 1
        return rows


def read_tables(sql: str) -> Collection[str]:
    """
    Return the tables that *sql* reads.

    Raises:
        ConfigError: If they are not plain to see, or it is no read.
    """
    found = find_tables(sql)
    if found is None or not found.is_read or not found.names:
        raise ConfigError(
            f"cannot see which tables {sql!r} reads, or it does more than that; "
            "name them: tables=(...)"
        )
    return found.names


def written_tables(sql: str) -> Collection[str]:
    """Return the tables that *sql* may write; ``*`` if they are not plain to see."""
    found = find_tables(sql)
    return (ALL,) if found is None else found.names
