"""
Results of reads that several processes share.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from typing import Any, Protocol

from agent_perf.components.cache.keys import text_key
from agent_perf.components.database.results import (
    ALL,
    Parameters,
    Source,
    read_tables,
    written_tables,
)
from agent_perf.components.errors import StoreUnavailableError
from agent_perf.errors import ConfigError

PlainRows = list[dict[str, Any]]


class SharedStore(Protocol):
    """Where several processes keep results; RedisStore is one, of ``list[dict[str, Any]]``."""

    async def get_or_set(
        self,
        key: str,
        compute: Callable[[], Awaitable[PlainRows]],
        *,
        ttl_s: float | None = None,
        tags: Collection[str] = (),
    ) -> PlainRows:
        """Return what is kept, or keep what *compute* returns unless a tag went meanwhile."""

    async def invalidate_tag(self, tag: str) -> None:
        """Forget what is kept under *tag*, or raise StoreUnavailableError."""


class SharedQueryCache:
    """
    Cached reads that several processes share, and each invalidates for all.

    Rows are dictionaries, of values that the store can hold. A write counts for the others
    once the store has heard of it: a process that dies between the two leaves old results
    until ttl_s is over. While the store cannot be reached, the database is asked; what this
    process has written meanwhile the store is told as soon as it is back, before this
    process believes it again.

    Args:
        source: A Database, a PostgresPool, a SqlitePool.
        store: A ``RedisStore`` of ``list[dict[str, Any]]``, or what does the same.
        ttl_s: Seconds that a result is kept, > 0.

    Example::

        cached = SharedQueryCache(pool, store, ttl_s=60)
        rows = await cached.read("SELECT name FROM users WHERE id = :id", {"id": 17})
    """

    def __init__(self, source: Source, store: SharedStore, *, ttl_s: float = 60.0) -> None:
        if not ttl_s > 0:
            raise ConfigError(f"ttl_s={ttl_s}; want > 0")
        self._source = source
        self._store = store
        self._ttl_s = ttl_s
        # Tables that were written, of which the store could not be told yet.
        self._owed: dict[str, object] = {}

    async def read(
        self,
        sql: str,
        parameters: Parameters | None = None,
        *,
        tables: Collection[str] | None = None,
    ) -> PlainRows:
        """Return the rows of a statement that changes nothing; as QueryCache."""
        names = read_tables(sql) if tables is None else tables
        kinds = tuple([type(value).__name__ for value in (parameters or {}).values()])

        async def compute() -> PlainRows:
            return [_as_dict(row) for row in await self._source.read(sql, parameters)]

        if self._owed:
            await self.invalidate()
            if not self._owed.keys().isdisjoint((ALL, *names)):
                return await compute()
        return await self._store.get_or_set(
            text_key("sql", (sql, kinds), parameters or {}),
            compute,
            ttl_s=self._ttl_s,
            tags=[ALL, *sorted(names)],
        )

    async def write(
        self,
        sql: str,
        parameters: Parameters | None = None,
        *,
        tables: Collection[str] | None = None,
    ) -> int:
        """Write by one statement; return how many rows it touched; as QueryCache."""
        names = written_tables(sql) if tables is None else tables
        try:
            return await self._source.write(sql, parameters)
        finally:
            await self.invalidate(*names)

    async def invalidate(self, *tables: str) -> None:
        """Forget the results of *tables* in all processes; of all, if ``*`` is among them."""
        owed = self._owed
        owed.update((name, object()) for name in tables)
        for name, mark in tuple(owed.items()):
            try:
                await self._store.invalidate_tag(name)
            except StoreUnavailableError:
                # The store has said so in the log. The write is done: to raise would deny it.
                return
            # What was written meanwhile is still owed.
            if owed.get(name) is mark:
                del owed[name]


def _as_dict(row: Any) -> dict[str, Any]:
    if hasattr(row, "_asdict"):
        named: dict[str, Any] = row._asdict()
        return named
    return dict(row.items())
