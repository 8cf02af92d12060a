"""
SQL of a program that was written for PostgreSQL or SQLite, as the simulated database takes it.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import ARRAY, TIMESTAMP, DateTime
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.sqlite import base as sqlite

from agent_perf.sim.services.db_dialect import SimDialect

_DRIVERS: Final = {
    ("sqlite", True): "caught",
    ("sqlite", False): "caught_blocking",
    ("postgresql", True): "caught_postgres",
    ("postgresql", False): "caught_postgres_blocking",
}

# What SQLite has no word for, and stores as it stores its like.
_STORED_AS: Final = {
    "ARRAY": "JSON",
    # Only an INTEGER numbers its rows by itself.
    "BIGINT": "INTEGER",
    "BYTEA": "BLOB",
    "CIDR": "VARCHAR",
    "CITEXT": "VARCHAR COLLATE NOCASE",
    "DOMAIN": "VARCHAR",
    "ENUM": "VARCHAR",
    "INET": "VARCHAR",
    "JSONB": "JSON",
    "MACADDR": "VARCHAR",
    "MONEY": "NUMERIC",
    "SMALLINT": "INTEGER",
    "TSVECTOR": "VARCHAR",
    "UUID": "CHAR(32)",
}


class _TypeCompiler(sqlite.SQLiteTypeCompiler):
    """Names types as SQLite does, PostgreSQL's own among them."""


def _visit(stored: str) -> Any:
    return lambda self, type_, **_: stored


for _kind, _stored in _STORED_AS.items():
    setattr(_TypeCompiler, f"visit_{_kind}", _visit(_stored))


class _Preparer(sqlite.SQLiteIdentifierPreparer):
    """Names tables without their schema: the database has one, whatever a program calls its own."""

    schema_for_object: Any = staticmethod(lambda _: None)


class _AwareDateTime(sqlite.DATETIME):
    """Gives aware times back where a column has a zone, as PostgreSQL's drivers do: in UTC."""

    def bind_processor(self, dialect: Any) -> Any:
        """Return what makes SQLite's text of a time."""
        plain: Any = super().bind_processor(dialect)

        def process(value: Any) -> Any:
            if isinstance(value, datetime) and value.tzinfo is not None:
                value = value.astimezone(UTC).replace(tzinfo=None)
            return plain(value)

        return process

    def result_processor(self, dialect: Any, coltype: Any) -> Any:
        """Return what makes a time of SQLite's text."""
        plain: Any = super().result_processor(dialect, coltype)
        if not self.timezone:
            return plain

        def process(value: Any) -> Any:
            found = plain(value)
            return found if found is None else found.replace(tzinfo=UTC)

        return process


class _Array(ARRAY[Any]):
    """An array, kept as JSON."""

    def bind_processor(self, dialect: Any) -> Any:
        """Return what makes JSON of a list."""
        return lambda value: None if value is None else json.dumps(list(value))

    def result_processor(self, dialect: Any, coltype: Any) -> Any:
        """Return what makes a list of JSON."""
        return lambda value: None if value is None else json.loads(value)


class CaughtSqlite(SimDialect):
    """The simulated database's, for an engine that was made for SQLite."""

    driver = "caught"
    supports_statement_cache = True
    type_compiler_cls = _TypeCompiler
    preparer = _Preparer


class CaughtPostgres(CaughtSqlite):
    """The same for an engine that was made for PostgreSQL."""

    driver = "caught_postgres"
    supports_statement_cache = True
    colspecs = SimDialect.colspecs | {
        ARRAY: _Array,
        DateTime: _AwareDateTime,
        TIMESTAMP: _AwareDateTime,
    }


class BlockingSqlite(CaughtSqlite):
    """As CaughtSqlite, of a synchronous engine."""

    driver = "caught_blocking"
    supports_statement_cache = True
    is_async = False
    has_terminate = False


class BlockingPostgres(CaughtPostgres):
    """As CaughtPostgres, of a synchronous engine."""

    driver = "caught_postgres_blocking"
    supports_statement_cache = True
    is_async = False
    has_terminate = False


def register() -> None:
    """Let SQLAlchemy find the dialects by their URLs; again and again is once."""
    for kind in (CaughtSqlite, CaughtPostgres, BlockingSqlite, BlockingPostgres):
        registry.register(f"sqlite.{kind.driver}", __name__, kind.__name__)


def caught_url(family: str, *, is_async: bool) -> str | None:
    """
    Return the URL of the simulated database, for an engine that was made for *family*.

    None if it takes no such engine.
    """
    driver = _DRIVERS.get((family, is_async))
    return None if driver is None else f"sqlite+{driver}:///simulated"
