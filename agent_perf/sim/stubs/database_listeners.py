"""
What listeners of a stubbed engine are told, as SQLAlchemy's events tell it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from agent_perf.sim.stubs.database_text import is_lost

if TYPE_CHECKING:
    from agent_perf.sim.stubs.database_connection import StubConnection


def tell(
    connection: StubConnection,
    listeners: Iterable[Callable[..., object]],
    sql: str,
    values: Any,
    *,
    many: bool,
) -> None:
    """
    Tell *listeners* that *sql* is about to run, or has run; there is no cursor and no context.
    """
    for listener in listeners:
        listener(connection, None, sql, values, None, many)


def tell_error(
    connection: StubConnection,
    sync_engine: Any,
    sql: str | None,
    error: BaseException,
    wrapped: Exception | None,
) -> None:
    """
    Tell those of *sync_engine* who listen for errors what the driver said of *sql*.

    Args:
        connection: On which it happened.
        sync_engine: Whose listeners are told.
        sql: The statement; None for the end of a transaction.
        error: The driver's own.
        wrapped: SQLAlchemy's for it; None if the statement was cancelled.
    """
    for listener in sync_engine.dialect.dispatch.handle_error:
        listener(
            SimpleNamespace(
                connection=connection,
                engine=sync_engine,
                statement=sql,
                original_exception=error,
                sqlalchemy_exception=wrapped,
                is_disconnect=is_lost(error),
            )
        )
