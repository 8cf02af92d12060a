"""
What SQLAlchemy's engine tells of its statements, for the statistics.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import Connection, Engine, ExceptionContext, Executable, Row, event
from sqlalchemy.exc import StatementError

from agent_perf.components.database.queries import QueryLog


class Listener:
    """
    Records in *log* each statement that *engine* executes, until it is closed.

    Args:
        engine: An engine, or one with execution options, whose statements are counted.
        log: Told of them.
        now_s: Monotonic seconds.
    """

    def __init__(self, engine: Engine, log: QueryLog, now_s: Callable[[], float]) -> None:
        self._engine = engine
        self._log = log
        self._now_s = now_s
        self._events: dict[str, Callable[..., None]] = {
            "before_cursor_execute": self._note_start,
            "after_cursor_execute": self._note_end,
            "handle_error": self._note_error,
        }
        for name, listener in self._events.items():
            event.listen(engine, name, listener)

    def close(self) -> None:
        """Listen no more; again is nothing."""
        for name, listener in self._events.items():
            event.remove(self._engine, name, listener)
        self._events = {}

    def _note_start(self, connection: Connection, *_: object) -> None:
        connection.info[self] = self._now_s()

    def _note_end(
        self, connection: Connection, _cursor: object, statement: str, *_: object
    ) -> None:
        self._log.record(statement, self._now_s() - connection.info.pop(self))

    def _note_error(self, context: ExceptionContext) -> None:
        connection, statement = context.connection, context.statement
        if connection is None or statement is None or connection.invalidated:
            return
        # Errors are told to the listeners of all engines of a dialect, whosever they are.
        started_s = connection.info.pop(self, None)
        if started_s is not None:
            self._log.record(statement, self._now_s() - started_s, failed=True)


def autocommit_rows(
    connection: Connection,
    statement: Executable,
    parameters: Mapping[str, object] | None,
    log: QueryLog,
    now_s: Callable[[], float],
) -> list[Row[Any]]:
    """
    Return the rows of *statement*, run outside of a transaction, and record it in *log*.

    The level is set at the driver's connection, and the time taken here: an engine with
    execution options, and listeners, tell of every step to everybody, which costs as much as
    AUTOCOMMIT saves.
    """
    driver = connection.connection.dbapi_connection
    dialect = connection.dialect
    assert driver is not None
    dialect.set_isolation_level(driver, "AUTOCOMMIT")
    started_s = now_s()
    try:
        result = connection.execute(statement, parameters)
        log.record(result.context.statement, now_s() - started_s)
        return list(result.all())
    except BaseException as error:
        sql = error.statement if isinstance(error, StatementError) else None
        log.record(sql or str(statement), now_s() - started_s, failed=True)
        raise
    finally:
        if not connection.invalidated:
            dialect.reset_isolation_level(driver)
