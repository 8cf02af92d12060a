"""
SQL engines of a program: SQLAlchemy's own, asynchronous or not, to the world's database.
"""

from __future__ import annotations

import functools
import re
import sqlite3
from contextlib import ExitStack
from typing import Any, Final

from sqlalchemy import Engine, event
from sqlalchemy.engine.base import OptionEngine
from sqlalchemy.pool import NullPool, QueuePool

from agent_perf.sim.egress.database_dialect import caught_url, register
from agent_perf.sim.egress.services import Services
from agent_perf.sim.services.db_dialect import SimDialect
from agent_perf.sim.services.db_functions import install_postgres
from agent_perf.sim.services.http_loop import sim_loop

_POOL_EVENTS: Final = ("connect", "checkout", "checkin", "reset", "close", "invalidate")
_KEPT: Final = ("_json_serializer", "_json_deserializer", "_on_connect_isolation_level")
_FOREIGN: Final = re.compile(
    r"syntax error|no such function|unrecognized token|no such collation|unknown database"
    r"|no such table: \w+\."
)


def catch_database(stack: ExitStack, services: Services) -> None:
    """
    Let every engine of SQLAlchemy lead to the database of *services*.

    An engine is given the database's dialect and a pool of the same size when it is first used,
    so that what it compiles is SQL of the simulated database. It has its own again afterwards.
    """
    register()
    adopted: dict[Engine, None] = {}

    def adopt(engine: Engine) -> None:
        if isinstance(engine, OptionEngine):
            adopt(engine._proxied)
            if engine not in adopted and not isinstance(engine.dialect, SimDialect):
                adopted[engine] = None
                stack.callback(setattr, engine, "dialect", engine.dialect)
                engine.dialect = engine._proxied.dialect
        elif engine not in adopted and not isinstance(engine.dialect, SimDialect):
            adopted[engine] = None
            _adopt(stack, engine, services)

    for name in ("connect", "raw_connection"):
        original = getattr(Engine, name)

        def caught(self: Engine, *, _original: Any = original) -> Any:
            adopt(self)
            return _original(self)

        stack.callback(setattr, Engine, name, original)
        setattr(Engine, name, functools.wraps(original)(caught))


def _adopt(stack: ExitStack, engine: Engine, services: Services) -> None:
    family, is_async = engine.dialect.name, engine.dialect.is_async
    url = caught_url(family, is_async=is_async)
    if url is None:
        sim_loop().refusals.refuse(
            f"an engine for {engine.url.render_as_string()!r}",
            f"the simulated database takes engines for PostgreSQL and SQLite, and none for "
            f"{family}: give the application another URL for the benchmark, as by "
            '@scenario(env={"DATABASE_URL": "sqlite+aiosqlite:///x"})',
        )
    database = services.database
    if family == "postgresql":
        database.know(install_postgres)
    options = _pool_options(engine)
    if is_async:
        twin = database.engine(url=url, **options).sync_engine
    else:
        twin = database.blocking_engine(url, **options)
    for name in _KEPT:
        if hasattr(engine.dialect, name):
            setattr(twin.dialect, name, getattr(engine.dialect, name))
    _copy_listeners(engine, twin)
    event.listen(twin, "handle_error", _refuse_foreign_sql)
    for name in ("dialect", "pool"):
        stack.callback(setattr, engine, name, getattr(engine, name))
        setattr(engine, name, getattr(twin, name))


def _pool_options(engine: Engine) -> dict[str, Any]:
    pool: Any = engine.pool
    options: dict[str, Any] = {
        "pool_recycle": pool._recycle,
        "pool_pre_ping": pool._pre_ping,
        "connect_args": _time_limits(pool),
    }
    if isinstance(pool, NullPool):
        return {**options, "poolclass": NullPool}
    if isinstance(pool, QueuePool):
        options |= {
            "pool_size": pool._pool.maxsize,
            "max_overflow": pool._max_overflow,
            "pool_timeout": pool._timeout,
            "pool_use_lifo": pool._pool.use_lifo,
        }
    return options


def _time_limits(pool: Any) -> dict[str, Any]:
    """Return asyncpg's time-outs, which its engine keeps in the function that connects."""
    cells = dict(
        zip(
            getattr(pool._creator, "__code__", _time_limits.__code__).co_freevars,
            getattr(pool._creator, "__closure__", None) or (),
            strict=False,
        )
    )
    arguments = cells["cparams"].cell_contents if "cparams" in cells else {}
    return {
        name: arguments[name]
        for name in ("timeout", "command_timeout")
        if isinstance(arguments.get(name), int | float)
    }


def _copy_listeners(engine: Engine, twin: Engine) -> None:
    """Let the program's own listeners hear of the connections; SQLAlchemy's are the twin's."""
    for name in _POOL_EVENTS:
        for listener in list(getattr(engine.pool.dispatch, name)):
            if not str(getattr(listener, "__module__", "")).startswith("sqlalchemy."):
                event.listen(twin.pool, name, listener)


def _refuse_foreign_sql(context: Any) -> None:
    error = context.original_exception
    if not isinstance(error, sqlite3.Error) or not _FOREIGN.search(str(error)):
        return
    sim_loop().refusals.refuse(
        f"SQL that the simulated database does not know ({error}): "
        f"{' '.join(str(context.statement).split())[:300]!r}",
        "it is SQLite underneath: what SQLAlchemy compiles it takes, and text that both know; "
        "teach it a function in setup, world.database.function(name, function), or play the "
        "repository's part of your application in the scenario",
    )
