"""
What the components ask of a Redis client, and redis-py as one.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeAlias

from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ResponseError
from redis.exceptions import TimeoutError as RedisTimeoutError

from agent_perf.errors import ConfigError

if TYPE_CHECKING:
    from redis.asyncio import Redis
    from redis.asyncio.connection import AbstractConnection

Argument: TypeAlias = bytes | str | int | float
Command: TypeAlias = tuple[Argument, ...]
Reply: TypeAlias = Any
"""What Redis sent: bytes, int, float, bool, None, or a list, set or dict of those."""


class RedisClient(Protocol):
    """
    A Redis that takes commands as they are and gives replies as they come.

    Replies are not interpreted: SET gives ``b"OK"``. Errors are those of redis-py,
    ``redis.exceptions``: ConnectionError and TimeoutError where Redis cannot be reached or
    does not answer, ResponseError and its kind where it refuses.
    """

    def execute(self, *command: Argument) -> Awaitable[Reply]:
        """Send *command*, as ``execute("SET", "key", b"value", "EX", 60)``; return its reply."""
        ...

    def execute_many(self, commands: Sequence[Command]) -> Awaitable[list[Reply]]:
        """
        Send *commands* in one round trip; return their replies, in order.

        The commands are not a transaction. One that Redis refuses has its ResponseError,
        not raised, in the place of its reply.
        """
        ...

    async def aclose(self) -> None:
        """Close what was opened; commands after that are errors."""
        ...


class RedisPyClient:
    """
    A redis-py client, as a RedisClient.

    It takes connections from the client's own pool and repeats what fails as the client's
    ``retry`` says, but leaves out what redis-py does to arguments and replies.

    Args:
        client: Made with ``decode_responses=False``, which is the default, and neither
            with ``single_connection_client`` nor for a cluster.
        owned: Whether *aclose* closes it; False: it stays the caller's.
        timeout_s: Longest wait for a reply, connecting and repeating included, in seconds,
            > 0; None leaves it to the client.

    Raises:
        ConfigError: If *client* or *timeout_s* is not like that.

    Example::

        client = RedisPyClient(redis.asyncio.Redis())
        value = await client.execute("GET", "key")
    """

    def __init__(
        self, client: Redis, *, owned: bool = False, timeout_s: float | None = None
    ) -> None:
        if timeout_s is not None and not timeout_s > 0:
            raise ConfigError(f"timeout_s={timeout_s}; want > 0 or None")
        pool = client.connection_pool
        if pool.connection_kwargs.get("decode_responses"):
            raise ConfigError(
                "the Redis client decodes responses; values are bytes: make one "
                "with decode_responses=False"
            )
        if client.single_connection_client:
            raise ConfigError(
                "the Redis client has a single connection, which only one task can use at a "
                "time: make one without single_connection_client=True"
            )
        self._client = client
        self._owned = owned
        self._timeout_s = timeout_s
        self._turn: AbstractAsyncContextManager[None] = nullcontext()
        # redis-py types some of a pool's methods, and not in every release.
        self._pool: Any = pool
        # Before 5.3 the name of the command was asked for; since then it warns.
        name = inspect.signature(pool.get_connection).parameters.get("command_name")
        self._borrow_args: Final = ("",) if name is not None and name.default is name.empty else ()

    @classmethod
    def tuned(
        cls, url: str, *, timeout_s: float = 1.0, max_connections: int = 50, **options: Any
    ) -> RedisPyClient:
        """
        Return one over a redis-py client of its own, set up to cost as little as it can.

        It has one time-out around a command instead of one at each read and write (31 µs
        of CPU per GET instead of 51), repeats nothing, and waits for a connection when all
        are in use.

        Args:
            url: As of ``redis.asyncio.from_url``.
            timeout_s: Longest wait for a reply, in seconds, > 0.
            max_connections: Connections at most, >= 1.
            options: Others of ``redis.asyncio.ConnectionPool``.
        """
        import redis.asyncio

        pool = redis.asyncio.ConnectionPool.from_url(
            url,
            max_connections=max_connections,
            **{
                "socket_timeout": None,
                "socket_connect_timeout": timeout_s,
                "retry": Retry(NoBackoff(), 0),
                **options,
            },
        )
        tuned = cls(redis.asyncio.Redis.from_pool(pool), owned=True, timeout_s=timeout_s)
        # redis-py's own waiting pool takes a lock, a condition and a timer for each command.
        tuned._turn = asyncio.Semaphore(max_connections)
        return tuned

    async def execute(self, *command: Argument) -> Reply:
        """Send *command* and return its reply; see RedisClient."""

        async def ask(connection: AbstractConnection) -> Reply:
            await connection.send_command(*command)
            return await connection.read_response()

        return await self._borrowed(ask)

    async def execute_many(self, commands: Sequence[Command]) -> list[Reply]:
        """Send *commands* in one round trip and return their replies; see RedisClient."""

        async def ask(connection: AbstractConnection) -> list[Reply]:
            await connection.send_packed_command(connection.pack_commands(commands))
            return [await _reply_or_refusal(connection) for _ in commands]

        return await self._borrowed(ask) if commands else []

    async def aclose(self) -> None:
        """Close the redis-py client if it is owned."""
        if self._owned:
            await self._client.aclose()

    async def _borrowed(self, ask: Callable[[AbstractConnection], Awaitable[Reply]]) -> Reply:
        if self._timeout_s is None:
            return await self._ask(ask)
        try:
            async with asyncio.timeout(self._timeout_s), self._turn:
                return await self._ask(ask)
        except TimeoutError:
            raise RedisTimeoutError(
                f"no reply from Redis within timeout_s={self._timeout_s:g}"
            ) from None

    async def _ask(self, ask: Callable[[AbstractConnection], Awaitable[Reply]]) -> Reply:
        connection = await self._pool.get_connection(*self._borrow_args)
        try:
            # A cancelled read disconnects, so that no reply is left for the next.
            return await connection.retry.call_with_retry(
                lambda: ask(connection), lambda _: connection.disconnect()
            )
        finally:
            await self._pool.release(connection)


async def _reply_or_refusal(connection: AbstractConnection) -> Reply:
    try:
        return await connection.read_response()
    except ResponseError as refusal:
        return refusal
