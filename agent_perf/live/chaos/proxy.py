"""
A TCP proxy in front of a service, which does to connections what networks do.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Final, Self

from agent_perf.errors import UsageError
from agent_perf.live.chaos.address import Address
from agent_perf.live.chaos.link import Link
from agent_perf.live.chaos.toxic import Toxic, ToxicKind

_BACKLOG: Final = 4096
_CONNECT_S: Final = 30.0
Connect = Callable[[Callable[[], asyncio.BaseProtocol]], Awaitable[object]]
ANY_PORT: Final = Address(host="127.0.0.1", port=0)


class Proxy:
    """
    Passes bytes between clients and *upstream*; without toxics, as they are.

    Args:
        name: What messages call it.
        upstream: The service.
        listen: Where clients connect, of TCP.
        connect: Connects to *upstream* instead of the loop, which may lead elsewhere.

    Attributes:
        name: As given.
        address: Where clients connect, once it is entered; it stays the same.
        accepted: Connections since the beginning.
        unreachable: Of those, the ones for which there was no way to the service.

    Example::

        async with Proxy("redis", Address(host="127.0.0.1", port=6379)) as proxy:
            client = redis.asyncio.Redis(port=proxy.address.port)
            proxy.add(Toxic(name="cut", kind=ToxicKind.RESET))
    """

    def __init__(
        self,
        name: str,
        upstream: Address,
        listen: Address = ANY_PORT,
        *,
        connect: Connect | None = None,
    ) -> None:
        self.name = name
        self.address = listen
        self.accepted = 0
        self.unreachable = 0
        self._upstream = upstream
        self._connect_there = connect
        self._toxics: dict[Toxic, int] = {}
        self._links: set[Link] = set()
        self._connects: set[asyncio.Task[None]] = set()
        self._healed = asyncio.Event()
        self._server: asyncio.Server | None = None
        self._seat: socket.socket | None = None

    @property
    def open_count(self) -> int:
        """Connections open now."""
        return len(self._links)

    def add(self, toxic: Toxic) -> None:
        """Do *toxic* from now on, also to the connections that are open."""
        self._toxics[toxic] = self.accepted
        if toxic.kind is ToxicKind.REFUSE:
            self._stop_listening()
        self._tell()

    async def remove(self, toxic: Toxic) -> None:
        """Do *toxic* no more; there it is again when this returns."""
        self._toxics.pop(toxic, None)
        self._tell()
        if self._server is None and not self._refuses:
            await self._listen()

    async def __aenter__(self) -> Self:
        self._seat = self._take_seat()
        try:
            await self._listen()
        except BaseException:
            self._seat.close()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop_listening()
        for task in tuple(self._connects):
            task.cancel()
        await asyncio.gather(*self._connects, return_exceptions=True)
        for link in tuple(self._links):
            link.reset()
        if self._seat is not None:
            self._seat.close()
        # A transport closes its socket in the loop's next turn.
        await asyncio.sleep(0)

    @property
    def _refuses(self) -> bool:
        return any(one.kind is ToxicKind.REFUSE for one in self._toxics)

    def _take_seat(self) -> socket.socket:
        """
        Return a socket that holds the port, so that nobody takes it while it refuses.

        Raises:
            UsageError: If the port is taken.
        """
        listen = self.address
        family = socket.AF_INET6 if ":" in listen.host else socket.AF_INET
        seat = socket.socket(family, socket.SOCK_STREAM)
        try:
            # Sharing is asked for only once it is certain that nobody else is there.
            with socket.socket(family, socket.SOCK_STREAM) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind((listen.host, listen.port))
                port: int = probe.getsockname()[1]
                if listen.port:
                    probe.listen(1)
            seat.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            seat.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            seat.bind((listen.host, port))
        except OSError as error:
            seat.close()
            raise UsageError(
                f"proxy {self.name}: cannot listen on {listen}: {error.strerror}; want another "
                "listen, or none for any free port"
            ) from error
        self.address = Address(host=listen.host, port=port)
        return seat

    async def _listen(self) -> None:
        self._server = await asyncio.get_running_loop().create_server(
            self._make,
            self.address.host,
            self.address.port,
            backlog=_BACKLOG,
            reuse_address=True,
            reuse_port=True,
        )

    def _stop_listening(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None

    def _make(self) -> asyncio.Protocol:
        self.accepted += 1
        link = Link(self.accepted, opened=self._opened, forget=self._links.discard)
        self._links.add(link)
        return link.client

    def _opened(self, link: Link) -> None:
        link.set_toxics(self._toxics_of(link))
        if not link.is_over:
            task = asyncio.get_running_loop().create_task(self._connect(link))
            self._connects.add(task)
            task.add_done_callback(self._connects.discard)

    async def _connect(self, link: Link) -> None:
        # What cannot get through cannot open a connection either.
        while link.is_held:
            self._healed.clear()
            await self._healed.wait()
        if link.is_over:
            return
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(_CONNECT_S):
                if self._connect_there is not None:
                    await self._connect_there(lambda: link.service)
                elif self._upstream.path:
                    await loop.create_unix_connection(lambda: link.service, self._upstream.path)
                else:
                    where = self._upstream
                    await loop.create_connection(lambda: link.service, where.host, where.port)
        except (OSError, TimeoutError):
            # Nobody is there: what a client sees of that is a reset.
            self.unreachable += 1
            link.reset()

    def _tell(self) -> None:
        for link in tuple(self._links):
            link.set_toxics(self._toxics_of(link))
        self._healed.set()

    def _toxics_of(self, link: Link) -> tuple[Toxic, ...]:
        return tuple(
            toxic for toxic, since in self._toxics.items() if toxic.strikes(link.ordinal, since)
        )
