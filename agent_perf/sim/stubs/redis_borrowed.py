"""
A connection out of a stubbed pool, for those who send commands without redis-py's client.
"""

from __future__ import annotations

import copy
from collections import deque
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from agent_perf.sim.stubs.redis_client import Surface
from agent_perf.sim.stubs.redis_commands import Command
from agent_perf.sim.stubs.redis_link import StubLink
from agent_perf.sim.stubs.redis_values import Reply

if TYPE_CHECKING:
    from agent_perf.sim.stubs.redis_pool import StubPool


class StubConnection:
    """
    As much of redis-py's connection as a borrower needs: commands in, plain replies out.

    Args:
        pool: Whose it is.
        link: The way to the server.

    Attributes:
        link: The same.
        retry: How often the client asked to try.
    """

    def __init__(self, pool: StubPool, link: StubLink) -> None:
        self.link = link
        self.retry = copy.deepcopy(pool.settings.retry) if pool.retries else Retry(NoBackoff(), 0)
        self._surface = Surface(pool, {})
        self._sent: Sequence[Command] = ()
        self._replies: deque[Reply] = deque()

    async def send_command(self, *args: Any) -> None:
        """Send one command."""
        await self.send_packed_command(self.pack_commands([args]))

    def pack_commands(self, commands: Iterable[Sequence[Any]]) -> list[Command]:
        """Return *commands* as the stub takes them."""
        return [self._surface.command(args) for args in commands]

    async def send_packed_command(self, commands: Sequence[Command]) -> None:
        """Send *commands*, which make one trip; it begins with the first wait for a reply."""
        self._sent = commands
        self._replies.clear()

    async def read_response(self) -> Any:
        """Return the next reply, or raise it if it is an error."""
        if not self._replies:
            if not self.link.opened:
                await self.link.open()
            self._replies.extend(await self.link.trip(self._sent))
        return self._surface.parsed(self._replies.popleft(), "", {})

    async def disconnect(self) -> None:
        """Hang up; the next use opens it again."""
        self.link.close()
