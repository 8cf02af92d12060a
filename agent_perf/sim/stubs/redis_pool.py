"""
The connections of a stubbed Redis client: the rules of redis-py's blocking pool, without it.
"""

from __future__ import annotations

import asyncio
import copy
import sys
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any, Final, NoReturn, TypeVar

import redis.asyncio
from redis import exceptions

from agent_perf.sim.services.running_loop import sim_loop
from agent_perf.sim.stubs.redis_commands import Command
from agent_perf.sim.stubs.redis_link import StubLink
from agent_perf.sim.stubs.redis_values import Reply
from agent_perf.sim.stubs.refusal import refuse

if TYPE_CHECKING:
    from agent_perf.sim.stubs.redis import StubRedis
    from agent_perf.sim.stubs.redis_borrowed import StubConnection

T = TypeVar("T")

# From Python 3.13 on, who leaves an asyncio.Condition by an error wakes the next, so that no
# notice is lost. redis-py's pool has nothing for those, and they line up again: as the last.
_WHO_LEAVES_WAKES: Final = sys.version_info >= (3, 13)
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

    @property
    def connection_class(self) -> NoReturn:
        """
        Refuse: who makes connections by themselves speaks the protocol, or subscribes.

        Raises:
            UsageError: Always.
        """
        refuse("a connection of one's own, beside the client's")

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

    async def get_connection(self) -> StubConnection:
        """Return an open connection, as redis-py's pools do; to be released."""
        # It needs the client's surface, which needs this.
        from agent_perf.sim.stubs.redis_borrowed import StubConnection

        return StubConnection(self, self.take_idle() or await self.take())

    async def release(self, connection: StubConnection) -> None:
        """Take back what get_connection gave."""
        self.give_back(connection.link)

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
            if _WHO_LEAVES_WAKES:
                self._wake_one()
        elif turn.done() and not turn.cancelled():
            # Given at the very instant at which we went away.
            self.give_back(turn.result())

    def _wake_one(self) -> None:
        woken = next((turn for turn in self._line if not turn.done()), None)
        if woken is not None:
            self._line.remove(woken)
            self._line.append(woken)

    async def _retrying(self, attempt: Callable[[], Awaitable[T]]) -> T:
        async def note(error: Exception) -> None:
            """The link has noted by itself that it is broken."""

        retry = copy.deepcopy(self.settings.retry)
        result: T = await retry.call_with_retry(attempt, note)
        return result
