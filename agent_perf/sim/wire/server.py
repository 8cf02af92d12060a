"""
Who listens on the network in memory, and asyncio's server over it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from agent_perf.sim.wire.sockets import WireSocket
from agent_perf.sim.wire.transport import WireTransport

if TYPE_CHECKING:
    from agent_perf.sim.faults import FaultPoint
    from agent_perf.sim.wire.network import Network


def _none() -> None:
    return None


@dataclass(slots=True, kw_only=True, eq=False)
class Listener:
    """
    One host's readiness to be connected to.

    Attributes:
        host: Its name.
        port: None: all ports that nobody else listens on.
        factory: Makes the protocol of each connection.
        faults: Tells what may go wrong there; None: nothing.
        open: The servers' ends of the connections, oldest first.
    """

    host: str
    port: int | None
    factory: Callable[[], asyncio.BaseProtocol]
    faults: Callable[[], FaultPoint | None] = _none
    open: dict[WireTransport, None] = field(default_factory=dict)

    def forget(self, end: WireTransport) -> None:
        """Take note that *end* is closed."""
        self.open.pop(end, None)


class WireServer(asyncio.AbstractServer):
    """A server on the network, in the shape of asyncio's."""

    def __init__(
        self,
        network: Network,
        loop: asyncio.AbstractEventLoop,
        host: str,
        port: int,
        factory: Callable[[], asyncio.BaseProtocol],
    ) -> None:
        self._network = network
        self._loop = loop
        self._place = (host, port)
        self._factory = factory
        self._listener: Listener | None = None
        # What it accepted outlives its listening.
        self._open: dict[WireTransport, None] = {}
        self._closed: asyncio.Event = asyncio.Event()

    @property
    def sockets(self) -> tuple[WireSocket, ...]:
        """Return the listening socket, while it listens."""
        return () if self._listener is None else (WireSocket(self._place, None, lambda: False),)

    def get_loop(self) -> asyncio.AbstractEventLoop:
        """Return the loop."""
        return self._loop

    def is_serving(self) -> bool:
        """Return whether connections are accepted."""
        return self._listener is not None

    async def start_serving(self) -> None:
        """Accept connections."""
        if self._listener is None:
            self._listener = self._network.listen(*self._place, self._factory)
            self._open = self._listener.open

    async def serve_forever(self) -> None:
        """Accept connections until cancelled, then close."""
        await self.start_serving()
        try:
            await self._closed.wait()
        finally:
            self.close()

    def close(self) -> None:
        """Accept no more connections; those that are open stay."""
        listener, self._listener = self._listener, None
        if listener is not None:
            self._network.unlisten(listener)
            self._closed.set()

    async def wait_closed(self) -> None:
        """Wait until it is closed."""
        if self._listener is not None:
            await self._closed.wait()

    def close_clients(self) -> None:
        """Close the connections that are open."""
        for end in list(self._open):
            end.close()

    def abort_clients(self) -> None:
        """Break the connections that are open."""
        for end in list(self._open):
            end.abort()
