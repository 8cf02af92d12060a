"""
The statements and results of a stubbed database: plain SQL in, rows as SQLAlchemy's out.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import TextClause, exc
from sqlalchemy.engine.result import IteratorResult, SimpleResultMetaData
from sqlalchemy.types import NullType

Compiled = tuple[str, tuple[str, ...]]
"""SQL with question marks, and the name of the value for each."""

_KEPT: Final = 1024
_compiled: dict[str, Compiled] = {}


def compiled(statement: object, dialect: Any) -> Compiled | None:
    """
    Return *statement*, made by ``text()``, for the driver; None if it is something else.

    Raises:
        sqlalchemy.exc.ObjectNotExecutableError: If it is a plain string.
    """
    if not isinstance(statement, TextClause):
        if isinstance(statement, str):
            raise exc.ObjectNotExecutableError(statement)
        return None
    for parameter in statement._bindparams.values():
        if not _is_plain(parameter):
            return None
    found = _compiled.get(statement.text)
    if found is None:
        made: Any = statement.compile(dialect=dialect)
        if len(_compiled) >= _KEPT:
            _compiled.clear()
        found = _compiled[statement.text] = (str(made), tuple(made.positiontup or ()))
    return found


def values_of(
    names: Sequence[str], parameters: Mapping[str, Any], statement: str
) -> tuple[Any, ...]:
    """
    Return the value for each of *names*.

    Raises:
        sqlalchemy.exc.StatementError: If one is not there.
    """
    try:
        return tuple([parameters[name] for name in names])
    except KeyError as error:
        missing = exc.InvalidRequestError(
            f"A value is required for bind parameter {error.args[0]!r}"
        )
        raise exc.StatementError(
            f"(sqlalchemy.exc.InvalidRequestError) {missing.args[0]}",
            statement,
            [dict(parameters)],
            missing,
            code="cd3x",
        ) from error


def is_lost(error: BaseException) -> bool:
    """Return whether *error* means that the connection is of no more use."""
    return isinstance(error, sqlite3.OperationalError) and "no active connection" in str(error)


def wrapped_error(
    error: sqlite3.Error, dialect: Any, statement: str | None, values: Any, *, many: bool
) -> Exception:
    """Return SQLAlchemy's error for the driver's *error*."""
    wrapped: Exception = exc.DBAPIError.instance(
        statement,
        values,
        error,
        sqlite3.Error,
        connection_invalidated=is_lost(error),
        dialect=dialect,
        ismulti=many,
    )
    return wrapped


class StubResult(IteratorResult[Any]):
    """
    SQLAlchemy's result over rows that are there already.

    Attributes:
        rowcount: Rows that the statement changed; -1 if that has no meaning.
        lastrowid: Id of the row inserted last.
        returns_rows: Whether there are columns at all.
    """

    def __init__(self, cursor: sqlite3.Cursor, rows: Iterable[tuple[Any, ...]]) -> None:
        description = cursor.description
        self.rowcount = cursor.rowcount
        self.lastrowid = cursor.lastrowid
        self.returns_rows = description is not None
        names = () if description is None else tuple([column[0] for column in description])
        super().__init__(_metadata(names), iter(rows))

    def _fetchiter_impl(self) -> Any:
        self._check_rows()
        return super()._fetchiter_impl()

    def _fetchone_impl(self, hard_close: bool = False) -> Any:
        self._check_rows()
        return super()._fetchone_impl(hard_close)

    def _fetchall_impl(self) -> Any:
        self._check_rows()
        return super()._fetchall_impl()

    def _fetchmany_impl(self, size: int | None = None) -> Any:
        self._check_rows()
        return super()._fetchmany_impl(size)

    def _check_rows(self) -> None:
        if not self.returns_rows:
            raise exc.ResourceClosedError(
                "This result object does not return rows. It has been closed automatically."
            )


@lru_cache(maxsize=_KEPT)
def _metadata(names: tuple[str, ...]) -> SimpleResultMetaData:
    return SimpleResultMetaData(names)


def _is_plain(parameter: Any) -> bool:
    return parameter.required and not parameter.expanding and isinstance(parameter.type, NullType)
