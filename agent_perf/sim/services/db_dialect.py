"""
SQLAlchemy's dialect for the simulated database: SQLite's SQL, a server's isolation levels.

Its default is READ COMMITTED, PostgreSQL's, and not SERIALIZABLE, SQLite's.
"""

from __future__ import annotations

import sqlite3
from typing import Any, Final

from sqlalchemy.dialects import registry
from sqlalchemy.dialects.sqlite.aiosqlite import SQLiteDialect_aiosqlite

AUTOCOMMIT: Final = "AUTOCOMMIT"
READ_COMMITTED: Final = "READ COMMITTED"
SNAPSHOTS: Final = frozenset({"REPEATABLE READ", "SERIALIZABLE"})
"""Levels at which a transaction reads what was committed when it first read."""

URL: Final = "sqlite+simulated:///simulated"


class SerializationError(sqlite3.OperationalError):
    """
    A transaction that reads a snapshot wants to write what others have written since.

    Attributes:
        sqlstate: PostgreSQL's code for it, by which programs decide to try again.
    """

    sqlstate = "40001"

    def __init__(self) -> None:
        super().__init__("could not serialize access due to concurrent update")


class SimDialect(SQLiteDialect_aiosqlite):
    """SQLite's, with the isolation levels that `DbSession` knows."""

    driver = "simulated"
    supports_statement_cache = True

    def get_isolation_level_values(self, dbapi_connection: Any) -> list[Any]:
        """Return the levels; as in PostgreSQL, READ UNCOMMITTED means READ COMMITTED."""
        return [AUTOCOMMIT, "READ UNCOMMITTED", READ_COMMITTED, *sorted(SNAPSHOTS)]

    def set_isolation_level(self, dbapi_connection: Any, level: str) -> None:
        """Set the level of the transactions to come."""
        dbapi_connection.isolation = level

    def get_isolation_level(self, dbapi_connection: Any) -> Any:
        """Return the level of the transactions to come."""
        return dbapi_connection.isolation


def register() -> None:
    """Let SQLAlchemy find the dialect by `URL`; again and again is once."""
    registry.register("sqlite.simulated", __name__, "SimDialect")
