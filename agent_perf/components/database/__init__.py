"""Database access: pools of connections, prepared statements, cached results, with numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent_perf.components.door import open_door

if TYPE_CHECKING:
    from agent_perf.components.database.connection import ConnectionStats
    from agent_perf.components.database.connections import ConnectionPool
    from agent_perf.components.database.pool import Database, PoolStats
    from agent_perf.components.database.postgres import PostgresPool
    from agent_perf.components.database.prepared import Record, StatementStats
    from agent_perf.components.database.queries import QueryStats, fingerprint
    from agent_perf.components.database.results import QueryCache, QueryCacheStats
    from agent_perf.components.database.shared_results import SharedQueryCache
    from agent_perf.components.database.sqlite import SqlitePool

__all__ = [
    "ConnectionPool",
    "ConnectionStats",
    "Database",
    "PoolStats",
    "PostgresPool",
    "QueryCache",
    "QueryCacheStats",
    "QueryStats",
    "Record",
    "SharedQueryCache",
    "SqlitePool",
    "StatementStats",
    "fingerprint",
]

__getattr__, __dir__ = open_door(
    __name__,
    {
        "connection": ("ConnectionStats",),
        "connections": ("ConnectionPool",),
        "pool": (
            "Database",
            "PoolStats",
        ),
        "postgres": ("PostgresPool",),
        "prepared": (
            "Record",
            "StatementStats",
        ),
        "queries": (
            "QueryStats",
            "fingerprint",
        ),
        "results": (
            "QueryCache",
            "QueryCacheStats",
        ),
        "shared_results": ("SharedQueryCache",),
        "sqlite": ("SqlitePool",),
    },
)
