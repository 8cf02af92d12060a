"""
Clients that an application makes itself, led to the services of a live world.

Their own sockets stay theirs; what is exchanged, for the length of a world, is where they lead.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import redis.asyncio.connection as library
from sqlalchemy import Engine, event
from sqlalchemy.engine.base import OptionEngine
from sqlalchemy.pool import NullPool, QueuePool

from agent_perf.errors import UsageError
from agent_perf.live.world.database import CountedDialect, LiveDatabase
from agent_perf.live.world.egress_sync import catch_sync
from agent_perf.live.world.redis import LiveRedis, LiveRedisConnection
from agent_perf.sim.egress.http import catch_http
from agent_perf.sim.egress.primitives import let_primitives_move

_TOLD = ("host", "port", "db", "username", "password", "credential_provider")
_POOL_EVENTS = ("connect", "checkout", "checkin", "reset", "close", "invalidate")
_KEPT = ("_json_serializer", "_json_deserializer", "_on_connect_isolation_level")


class LiveEgress:
    """
    What leaves an application, led to where it may go.

    Args:
        services: The world's; ``http`` and ``llm`` as of any other world.
        redis: Gives the world's Redis.
        database: Gives the world's database.
    """

    def __init__(
        self,
        services: Any,
        *,
        redis: Callable[[], LiveRedis],
        database: Callable[[], LiveDatabase],
    ) -> None:
        self._services = services
        self._redis = redis
        self._database = database
        self._stack = ExitStack()

    def open(self) -> None:
        """Lead them from now on."""
        stack = self._stack
        try:
            let_primitives_move(stack)
            catch_http(stack, self._services, wire=False)
            catch_sync(stack)
            _lead_redis(stack, self._redis)
            _lead_database(stack, self._database)
        except BaseException:
            stack.close()
            raise

    def close(self) -> None:
        """Lead them no more, and let them forget where they were."""
        self._stack.close()


def _lead_redis(stack: ExitStack, service: Callable[[], LiveRedis]) -> None:
    """Let every connection of redis-py's asynchronous clients lead to *service*."""
    # An application's own names for its Redis, which are its again afterwards.
    told: dict[Any, dict[str, Any]] = {}
    connect: Any = library.Connection._connect

    async def led(self: Any) -> None:
        if isinstance(self, LiveRedisConnection):
            await connect(self)
            return
        live = service()
        if self not in told:
            told[self] = {name: getattr(self, name) for name in _TOLD}
        live.lead(self)
        start_ns = live.begin_connect()
        try:
            await connect(self)
        finally:
            live.note_connect(start_ns)

    def forget() -> None:
        for connection, own in told.items():
            for name, value in own.items():
                setattr(connection, name, value)
            vars(connection).pop("_connection_arguments", None)
            connection._parser.on_disconnect()
            if connection._writer is not None:
                connection._writer.transport.abort()
            connection._reader = connection._writer = None

    stack.callback(forget)
    stack.callback(setattr, library.Connection, "_connect", connect)
    library.Connection._connect = led  # type: ignore[method-assign]  # That is the point.


def _lead_database(stack: ExitStack, service: Callable[[], LiveDatabase]) -> None:
    """Let every engine of SQLAlchemy lead to *service*: at its first use, for this world."""
    adopted: dict[Engine, None] = {}

    def adopt(engine: Engine) -> None:
        if engine in adopted or isinstance(engine.dialect, CountedDialect):
            return
        adopted[engine] = None
        if isinstance(engine, OptionEngine):
            adopt(engine._proxied)
            stack.callback(setattr, engine, "dialect", engine.dialect)
            engine.dialect = engine._proxied.dialect
        else:
            _adopt(stack, engine, service)

    for name in ("connect", "raw_connection"):
        original = getattr(Engine, name)

        def caught(self: Engine, *, _original: Any = original) -> Any:
            adopt(self)
            return _original(self)

        stack.callback(setattr, Engine, name, original)
        setattr(Engine, name, functools.wraps(original)(caught))


def _adopt(stack: ExitStack, engine: Engine, service: Callable[[], LiveDatabase]) -> None:
    if not engine.dialect.is_async or engine.dialect.name not in ("postgresql", "sqlite"):
        raise UsageError(
            f"an engine for {engine.url.render_as_string()!r}: tier 'live' has a PostgreSQL for "
            "asynchronous engines; give the application another URL for the benchmark, as by "
            '@scenario(env={"DATABASE_URL": "postgresql+asyncpg://x/y"}), or run it on tier '
            "'client'"
        )
    twin = service().engine(**_pool_options(engine)).sync_engine
    for name in _KEPT:
        if hasattr(engine.dialect, name):
            setattr(twin.dialect, name, getattr(engine.dialect, name))
    for name in _POOL_EVENTS:
        for listener in list(getattr(engine.pool.dispatch, name)):
            if not str(getattr(listener, "__module__", "")).startswith("sqlalchemy."):
                event.listen(twin.pool, name, listener)
    for name in ("dialect", "pool"):
        stack.callback(setattr, engine, name, getattr(engine, name))
        setattr(engine, name, getattr(twin, name))


def _pool_options(engine: Engine) -> dict[str, Any]:
    pool: Any = engine.pool
    options: dict[str, Any] = {"pool_recycle": pool._recycle, "pool_pre_ping": pool._pre_ping}
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
