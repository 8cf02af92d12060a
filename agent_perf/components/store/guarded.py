"""
A Redis behind a guard: its ways of being down are one error, and it is left alone then.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, cast

import redis.exceptions as redis_errors

from agent_perf.components.errors import StoreUnavailableError
from agent_perf.components.link.client import Argument, Command, RedisClient, RedisPyClient, Reply
from agent_perf.components.resilience.outage import OutageGuard

if TYPE_CHECKING:
    from redis.asyncio import Redis

DOWN: Final = (
    redis_errors.ConnectionError,
    redis_errors.TimeoutError,
    redis_errors.OutOfMemoryError,
    redis_errors.ReadOnlyError,
    redis_errors.ClusterDownError,
    redis_errors.MasterDownError,
    OSError,
)
"""What a Redis raises that cannot serve now."""

# A wrong password is a connection error to redis-py; to go on without a cache would hide it.
BROKEN: Final = (redis_errors.AuthenticationError, redis_errors.AuthorizationError)
"""Those among them that will not pass by themselves."""


class DiskFullError(redis_errors.ConnectionError):
    """Redis takes no writes because it cannot save them: not a fault of the command's."""


class GuardedRedis:
    """
    A RedisClient whose errors of being down are StoreUnavailableError.

    Args:
        client: Sends the commands.
        guard: Counts failures, and refuses while Redis is down.

    Example::

        redis = GuardedRedis(client, OutageGuard("redis", down=DOWN, broken=BROKEN))
        value = await redis.execute("GET", "key")
    """

    __slots__ = ("_client", "guard")

    def __init__(self, client: RedisClient, guard: OutageGuard) -> None:
        self._client = client
        self.guard = guard

    async def execute(self, *command: Argument) -> Reply:
        """
        Return the reply to *command*.

        Raises:
            StoreUnavailableError: If Redis is down.
            ResponseError: If it refuses the command.
        """
        guard = self.guard
        if not guard.is_quiet:
            return await guard.attempt(lambda: self._ask(command))
        # All is well: no closure, no clock, no state to change.
        try:
            reply = await self._client.execute(*command)
        except Exception as error:
            unavailable = self.fail(error)
            if unavailable is None:
                raise
            raise unavailable from error
        if not guard.is_quiet:
            guard.succeed()  # type: ignore[unreachable]  # It may have changed meanwhile.
        return reply

    async def execute_many(self, commands: Sequence[Command]) -> list[Reply]:
        """
        Return the replies to *commands*, sent in one round trip.

        A refusal stands in the place of its reply, unless it means that Redis is down.

        Raises:
            StoreUnavailableError: If Redis is down.
        """
        return await self.guard.attempt(lambda: self._ask_many(commands))

    async def execute_all(self, commands: Sequence[Command]) -> list[Reply]:
        """
        Return the replies to *commands*, at least one, or raise the first refusal.

        Raises:
            StoreUnavailableError: If Redis is down.
            ResponseError: If it refuses one.
        """
        if len(commands) == 1:
            return [await self.execute(*commands[0])]
        replies = await self.execute_many(commands)
        for reply in replies:
            if isinstance(reply, Exception):
                raise reply
        return replies

    def fail(self, error: Exception) -> StoreUnavailableError | None:
        """Take note that a call ended in *error*; return what to raise instead, if anything."""
        return self.guard.fail(_sorted(error))

    async def _ask(self, command: Command) -> Reply:
        try:
            return await self._client.execute(*command)
        except redis_errors.ResponseError as error:
            if (other := _sorted(error)) is error:
                raise
            raise other from error

    async def _ask_many(self, commands: Sequence[Command]) -> list[Reply]:
        replies = await self._client.execute_many(commands)
        for reply in replies:
            if isinstance(reply, Exception):
                error = _sorted(reply)
                if isinstance(error, DOWN):
                    raise error
        return replies


def as_client(client: Redis | RedisClient) -> RedisClient:
    """Return *client* itself if it takes plain commands, else one that does, over it."""
    # By what it has: redis-py need not be imported for another's client.
    if hasattr(client, "connection_pool"):
        return RedisPyClient(cast("Redis", client))
    return client


def is_of_another_type(reply: object) -> bool:
    """Return whether *reply* refuses a command because the key holds a list, a set..."""
    return isinstance(reply, redis_errors.ResponseError) and str(reply).startswith(
        ("WRONGTYPE", "Operation against a key holding")
    )


def _sorted(error: Exception) -> Exception:
    if isinstance(error, redis_errors.ResponseError) and str(error).startswith("MISCONF"):
        return DiskFullError(str(error))
    return error
