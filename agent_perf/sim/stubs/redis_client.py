"""
redis-py's client without its connections: the surface is its own, the way to the server not.

Every command method of redis-py ends in `execute_command`, with the arguments checked and
in the order of the wire. That one is replaced here, and a pipeline's `execute`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, NoReturn

import redis.asyncio
from redis import exceptions
from redis.asyncio.client import Pipeline

from agent_perf.sim.stubs.redis_commands import COMMANDS, Command
from agent_perf.sim.stubs.redis_link import reply_error
from agent_perf.sim.stubs.redis_pool import StubPool
from agent_perf.sim.stubs.redis_values import Reply, ReplyError, Status
from agent_perf.sim.stubs.refusal import refuse


class StubRedisClient(redis.asyncio.Redis):
    """Give it a StubPool; made by ``StubRedis.client()``."""

    connection_pool: Any

    def __init__(self, pool: Any) -> None:
        super().__init__(connection_pool=pool)
        self.auto_close_connection_pool = True
        self.surface = Surface(pool, dict(self.response_callbacks))

    async def initialize(self) -> StubRedisClient:
        """Return the client; there is nothing to prepare."""
        return self

    async def execute_command(self, *args: Any, **options: Any) -> Any:
        """Return the parsed reply to one command."""
        surface = self.surface
        command = surface.command(args)
        pool = self.connection_pool
        link = pool.take_idle() or await pool.take()
        try:
            if pool.retries:
                [reply] = await pool.travel(link, (command,))
            else:
                [reply] = await link.trip((command,))
        finally:
            pool.give_back(link)
        return surface.parsed(reply, args[0], options)

    def pipeline(self, transaction: bool = True, shard_hint: str | None = None) -> Any:
        """Return a pipeline: its commands make one trip."""
        return StubPipeline(self, transaction)

    def pubsub(self, **kwargs: Any) -> NoReturn:
        """Refuse: subscribers are not in the stub."""
        refuse("redis.pubsub()")

    def monitor(self) -> NoReturn:
        """Refuse: monitors are not in the stub."""
        refuse("redis.monitor()")


class StubPipeline(Pipeline):
    """redis-py's pipeline, executed in one trip of the stub."""

    def __init__(self, client: StubRedisClient, transaction: bool) -> None:
        super().__init__(client.connection_pool, client.response_callbacks, transaction, None)
        self._surface = client.surface

    async def immediate_execute_command(self, *args: Any, **options: Any) -> NoReturn:
        """Refuse: it is what WATCH asks for."""
        refuse(f"redis.pipeline() with {args[0]}")

    async def execute(self, raise_on_error: bool = True) -> list[Any]:
        """Return the parsed replies, errors among them; or raise the first of those."""
        stack, self.command_stack = self.command_stack, []
        if not stack:
            return []
        commands = [self._surface.command(args) for args, _ in stack]
        pool: Any = self.connection_pool
        link = await pool.take()
        try:
            if self.is_transaction:
                around = (("MULTI", (b"MULTI",)), *commands, ("EXEC", (b"EXEC",)))
                *_, replies = await pool.travel(link, around)
                if isinstance(replies, ReplyError):
                    raise reply_error(replies)
            else:
                replies = await pool.travel(link, commands)
        finally:
            pool.give_back(link)
        answers = [
            self._surface.parsed_or_error(reply, args[0], options)
            for reply, (args, options) in zip(replies, stack, strict=True)
        ]
        for answer in answers:
            if isinstance(answer, exceptions.ConnectionError):
                raise answer
        if raise_on_error:
            self.raise_first_error(stack, answers)
        return answers


class Surface:
    """Arguments to fields, and replies to what redis-py's methods return."""

    def __init__(self, pool: StubPool, callbacks: dict[Any, Callable[..., Any]]) -> None:
        encoder: Any = pool.settings.encoder
        self._encode = encoder.encode
        self._decode = encoder.decode if encoder.decode_responses else None
        self._callbacks = callbacks

    def command(self, args: Sequence[Any]) -> Command:
        """
        Return the command of *args*.

        Raises:
            redis.exceptions.DataError: If one is of a type that has no form on the wire.
            UsageError: If the stub does not know the command.
        """
        name, field = _known(args[0])
        encode = self._encode
        return name, [field, *[encode(arg) for arg in args[1:]]]

    def parsed(self, reply: Reply, name: str | bytes, options: Mapping[str, Any]) -> Any:
        """Return what redis-py makes of *reply*; raise its error if it is one."""
        answer = self.parsed_or_error(reply, name, options)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def parsed_or_error(self, reply: Reply, name: str | bytes, options: Mapping[str, Any]) -> Any:
        """Return what redis-py makes of *reply*, an error included."""
        if isinstance(reply, ReplyError):
            return reply_error(reply)
        answer: Any = reply if reply is None or type(reply) is bytes else self._shaped(reply)
        if self._decode is not None:
            answer = self._decoded(answer)
        callback = self._callbacks.get(_capitals(name))
        if callback is None:
            return answer
        if "keys" in options:
            options = {name: value for name, value in options.items() if name != "keys"}
        return callback(answer, **options)

    def _shaped(self, reply: Any) -> Any:
        return bytes(reply) if type(reply) is Status else reply

    def _decoded(self, answer: Any) -> Any:
        assert self._decode is not None
        if isinstance(answer, bytes):
            return self._decode(answer)
        if isinstance(answer, list):
            return [self._decoded(item) for item in answer]
        if isinstance(answer, dict):
            return {self._decoded(key): self._decoded(item) for key, item in answer.items()}
        return answer


@lru_cache(maxsize=1024)
def _known(name: str | bytes) -> tuple[str, bytes]:
    capitals = _capitals(name)
    if capitals not in COMMANDS:
        refuse(f"the Redis command {capitals}")
    return capitals, capitals.encode()


@lru_cache(maxsize=1024)
def _capitals(name: str | bytes) -> str:
    return (name.decode() if isinstance(name, bytes) else name).upper()
