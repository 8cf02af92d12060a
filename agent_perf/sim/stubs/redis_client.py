"""
redis-py's client without its connections: the surface is its own, the way to the server not.

Every command method of redis-py ends in `execute_command`, with the arguments checked and
in the order of the wire. That one is replaced here, and a pipeline's `execute`.
"""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import redis.asyncio
from redis import exceptions
from redis._parsers import BaseParser
from redis.asyncio.client import Pipeline

from agent_perf.sim.services.running_loop import sim_loop
from agent_perf.sim.stubs.redis_commands import COMMANDS, Command
from agent_perf.sim.stubs.redis_link import StubLink
from agent_perf.sim.stubs.redis_values import Reply, ReplyError, Status
from agent_perf.sim.stubs.refusal import refuse

if TYPE_CHECKING:
    from agent_perf.sim.stubs.redis import StubRedis

T = TypeVar("T")

_SELDOM = ("credential_provider", "password", "username", "client_name", "redis_connect_func")


class StubPool:
    """
    What stands for redis-py's BlockingConnectionPool: last in, first out; a fair line.

    Args:
        service: The server.
        max_connections: Connections at most, >= 1.
        timeout_s: How long to wait for one; None: for ever.
        connection_kwargs: As for ``redis.asyncio.Connection``.

    Attributes:
        connection_kwargs: As given; and *max_connections*.
        settings: redis-py's connection, which is never opened.
        retries: Whether the client asked for retries.
    """

    def __init__(
        self,
        service: StubRedis,
        max_connections: int,
        timeout_s: float | None,
        connection_kwargs: dict[str, Any],
    ) -> None:
        for name in _SELDOM:
            if connection_kwargs.get(name):
                refuse(f"redis.client({name}=...)")
        if connection_kwargs.get("db"):
            refuse(f"redis.client(db={connection_kwargs['db']!r})")
        self.connection_kwargs = connection_kwargs
        self.max_connections = max_connections
        # Never opened: it checks the arguments and knows the defaults.
        self.settings = redis.asyncio.Connection(**connection_kwargs)
        self.retries = bool(connection_kwargs.get("retry") or self.settings.retry_on_error)
        self._service = service
        self._timeout_s = timeout_s
        self._idle: list[StubLink] = []
        self._open_count = 0
        self._line: list[asyncio.Future[StubLink]] = []

    def take_idle(self) -> StubLink | None:
        """Return a connection that is open and idle; None if there is none to be had at once."""
        if self._idle and not self._line and self._idle[-1].opened:
            return self._idle.pop()
        return None

    async def take(self) -> StubLink:
        """
        Return an open connection.

        Raises:
            redis.exceptions.ConnectionError: If none becomes free in time, or opens.
        """
        if self._idle and not self._line:
            link = self._idle.pop()
        elif self._open_count < self.max_connections:
            self._open_count += 1
            link = StubLink(self._service, self.settings, sim_loop("StubRedis"))
        else:
            link = await self._wait()
        if not link.opened:
            try:
                await self._retrying(link.open)
            except BaseException:
                self.give_back(link)
                raise
        return link

    def give_back(self, link: StubLink) -> None:
        """Take *link* back, for the next in line."""
        while self._line:
            turn = self._line.pop(0)
            if not turn.done():
                turn.set_result(link)
                return
        self._idle.append(link)

    async def travel(self, link: StubLink, commands: Sequence[Command]) -> list[Reply]:
        """Return the replies to *commands*, tried as often as the client asked for."""

        async def attempt() -> list[Reply]:
            if not link.opened:
                await link.open()
            return await link.trip(commands)

        return await (self._retrying(attempt) if self.retries else attempt())

    async def disconnect(self, inuse_connections: bool = True) -> None:
        """Close the connections."""
        for link in self._idle:
            link.close()

    async def aclose(self) -> None:
        """Close the connections."""
        await self.disconnect()

    def get_encoder(self) -> Any:
        """Return redis-py's encoder."""
        return self.settings.encoder

    def get_connection_kwargs(self) -> dict[str, Any]:
        """Return what the pool was made with."""
        return self.connection_kwargs

    def get_protocol(self) -> int:
        """Return 2 or 3."""
        return self.settings.protocol

    async def _wait(self) -> StubLink:
        turn: asyncio.Future[StubLink] = asyncio.get_running_loop().create_future()
        self._line.append(turn)
        try:
            async with asyncio.timeout(self._timeout_s):
                return await turn
        except TimeoutError as error:
            self._leave(turn)
            raise exceptions.ConnectionError("No connection available.") from error
        except BaseException:
            self._leave(turn)
            raise

    def _leave(self, turn: asyncio.Future[StubLink]) -> None:
        if turn in self._line:
            self._line.remove(turn)
        elif turn.done() and not turn.cancelled():
            # Given at the very instant at which we went away.
            self.give_back(turn.result())

    async def _retrying(self, attempt: Callable[[], Awaitable[T]]) -> T:
        async def note(error: Exception) -> None:
            """The link has noted by itself that it is broken."""

        retry = copy.deepcopy(self.settings.retry)
        result: T = await retry.call_with_retry(attempt, note)
        return result


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
                    raise _error(replies)
            else:
                replies = await pool.travel(link, commands)
        finally:
            pool.give_back(link)
        answers = [
            self._surface.parsed_or_error(reply, args[0], options)
            for reply, (args, options) in zip(replies, stack, strict=True)
        ]
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
            return _error(reply)
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


def _error(reply: ReplyError) -> Exception:
    # redis-py's own table of what begins with OOM, READONLY, LOADING...
    parser: Any = BaseParser
    error: Exception = parser.parse_error(str(reply))
    return error


@lru_cache(maxsize=1024)
def _known(name: str | bytes) -> tuple[str, bytes]:
    capitals = _capitals(name)
    if capitals not in COMMANDS:
        refuse(f"the Redis command {capitals}")
    return capitals, capitals.encode()


@lru_cache(maxsize=1024)
def _capitals(name: str | bytes) -> str:
    return (name.decode() if isinstance(name, bytes) else name).upper()
