"""
A network in memory: names, listeners, and connections between them, in virtual time.

It is what a SimLoop's `create_connection`, `create_server` and `getaddrinfo` work on,
so that clients and servers are the real ones. Names that nobody has given to a host here
do not exist: asking for one is RealWorldAccess.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Any, Final, NamedTuple
from weakref import WeakKeyDictionary

from agent_perf.errors import ConfigError
from agent_perf.sim.draws import Draws
from agent_perf.sim.faults import FaultPoint
from agent_perf.sim.loop import SimLoop
from agent_perf.sim.request import Witness
from agent_perf.sim.wire.exposure import expose
from agent_perf.sim.wire.line import Line, Link
from agent_perf.sim.wire.meter import Meter
from agent_perf.sim.wire.names import CLIENT_ADDRESS, LOCALHOST, Names
from agent_perf.sim.wire.outlet import Address, Tap
from agent_perf.sim.wire.server import Listener, WireServer
from agent_perf.sim.wire.transport import WireTransport
from agent_perf.units import NS

ProtocolFactory = Callable[[], asyncio.BaseProtocol]

# As Linux hands them out: net.ipv4.ip_local_port_range.
_PORTS: Final = range(32_768, 61_000)
_TLS: Final = (
    "TLS keys are random, so sizes and times would differ from run to run: "
    "use http:// and redis://, as behind a proxy that ends TLS"
)
_SOCKET: Final = "there are no sockets on the simulated network: give host and port"
_UNKNOWN: Final = (
    "no host of that name is on the simulated network: mount it with world.http.mount(host, "
    "handler), serve an app on it with world.http.serve(app, host=...), or listen with "
    "asyncio.start_server"
)


class Network:
    """
    The hosts of one simulation.

    Counts: tcp_connects, tcp_writes (what a client sends at one instant), tcp_bytes (both
    ways); for a link of service ``redis``: redis_connects. Span: redis.connect.

    Args:
        loop: Whose connections it makes.
        draws: Where latencies come from.
        witness: Who is told.
        link: What the way to a host is like that has none of its own.

    Attributes:
        fallback: Asked for a listener for names that are unknown; None: nobody is.
    """

    def __init__(
        self, loop: SimLoop, draws: Draws, witness: Witness, *, link: Link | None = None
    ) -> None:
        self.draws = draws
        self.witness = witness
        self.fallback: Callable[[str], Listener | None] | None = None
        self._loop = loop
        self._link = link or Link()
        self._names = Names()
        self._listeners: dict[tuple[str, int | None], Listener] = {}
        self._links: dict[str, Link] = {}
        self._connections = 0
        self._dialled: WeakKeyDictionary[socket.socket, _Dialled] = WeakKeyDictionary()
        # The clients' ends: a dict, because its order is that of connecting.
        self._open: dict[WireTransport, None] = {}
        loop.network = self

    def set_link(self, host: str, link: Link) -> None:
        """Let the way to *host* be *link*, for connections made from now on."""
        self._links[self._names.name(host)] = link

    def listen(self, host: str, port: int | None, factory: ProtocolFactory) -> Listener:
        """
        Let a protocol of *factory* serve each connection to *host*.

        Args:
            host: Its name; it exists from now on.
            port: None: every port that has no listener of its own.
            factory: Makes an asyncio protocol.

        Raises:
            OSError: If somebody listens there.
        """
        name = self._names.name(host)
        if (name, port) in self._listeners:
            raise OSError(98, f"Address already in use: {name}:{port} of the simulated network")
        listener = Listener(host=name, port=port, factory=factory)
        self._listeners[name, port] = listener
        self._names.address(name)
        return listener

    def unlisten(self, listener: Listener) -> None:
        """Refuse connections to *listener* from now on; those that are open stay."""
        self._listeners.pop((listener.host, listener.port), None)

    def close(self) -> None:
        """End the connections that are still open: nobody is there any more to be told."""
        for end in self._open:
            end.forsake()
        self._open.clear()

    # -- What the loop asks

    async def getaddrinfo(
        self, host: str | bytes | None, port: str | int | None, **_hints: object
    ) -> list[tuple[int, int, int, str, Address]]:
        """Return the one address of *host*; resolving a name takes no time."""
        name = self._known(host)
        return [
            (
                socket.AF_INET,
                socket.SOCK_STREAM,
                socket.IPPROTO_TCP,
                "",
                (self._names.address(name), int(port or 0)),
            )
        ]

    async def getnameinfo(self, sockaddr: Address, flags: int = 0) -> tuple[str, str]:
        """Return the name of a host by its address."""
        return self._known(sockaddr[0]), str(sockaddr[1])

    async def create_server(
        self,
        protocol_factory: ProtocolFactory,
        host: Any = None,
        port: int | None = None,
        *,
        start_serving: bool = True,
        **options: Any,
    ) -> WireServer:
        """Return a server as asyncio's, on the network; port 0 is a free one."""
        self._refuse_options("create_server", options)
        if options.get("sock") is not None:
            self._loop.refusals.refuse(f"loop.create_server(sock={options['sock']!r})", _SOCKET)
        if host is None or isinstance(host, str):
            name = host or LOCALHOST
        else:
            [name, *rest] = list(host) or [LOCALHOST]
            if rest:
                raise ConfigError(f"create_server on {host!r}; want one host each")
        server = WireServer(self, self._loop, name, port or self._next_port(), protocol_factory)
        if start_serving:
            await server.start_serving()
        return server

    async def create_connection(
        self,
        protocol_factory: ProtocolFactory,
        host: Any = None,
        port: int | None = None,
        **options: Any,
    ) -> tuple[WireTransport, asyncio.BaseProtocol]:
        """
        Return both ends of what the client gets: its transport and its protocol.

        Raises:
            ConnectionRefusedError: If nobody listens there, one handshake later.
        """
        sock = options.get("sock")
        self._refuse_options("create_connection", options)
        if sock is not None:
            dialled = self._dialled.pop(sock, None)
            if dialled is None:
                self._loop.refusals.refuse(f"loop.create_connection(sock={sock!r})", _SOCKET)
        elif host is None or port is None:
            raise ValueError("host and port was not specified and no sock specified")
        else:
            dialled = await self._dial(host, int(port))
        client, protocol = self._connect(dialled, protocol_factory)
        if sock is not None:
            client.on_lost.append(sock.close)
        return client, protocol

    async def sock_connect(self, sock: socket.socket, address: Address) -> None:
        """Let *sock* stand for a new connection to *address*, until it is given to a transport."""
        self._dialled[sock] = await self._dial(address[0], int(address[1]))

    # -- Connecting

    async def _dial(self, host: str | bytes, port: int) -> _Dialled:
        name = self._known(host)
        link = self._links.get(name, self._link)
        listener = self._listener(name, port)
        point = None if listener is None else listener.faults()
        operation, detail = f"{link.service}.connect", f"{name}:{port}"
        start_ns = self._loop.now_ns
        self.witness.count("tcp_connects", 1, detail)
        self.witness.count(f"{link.service}_connects", 1, detail)
        latency_ns = self.draws.ns(operation)
        try:
            if point is not None:
                await point.admit(operation, detail)
                latency_ns = point.stretch(operation, latency_ns, detail)
            await asyncio.sleep(latency_ns / NS)
        finally:
            self.witness.span(operation, start_ns, self._loop.now_ns, detail)
        # It may have begun, or ceased, to listen meanwhile.
        listener = self._listener(name, port)
        if listener is None:
            raise ConnectionRefusedError(
                111, f"Connect call failed: nobody listens on {detail} in this simulation"
            )
        return _Dialled(listener, name, port, link, point, latency_ns)

    def _connect(
        self, dialled: _Dialled, protocol_factory: ProtocolFactory
    ) -> tuple[WireTransport, asyncio.BaseProtocol]:
        client, server = self._ends(dialled.listener, dialled.port, dialled.link)
        # Until the client has sent something, the handshake tells how far it is.
        client.line.half_ns = server.line.half_ns = dialled.latency_ns // 2
        if dialled.point is not None:
            expose(client, server, dialled.point)
        server_protocol = dialled.listener.factory()
        meter = Meter(
            self._loop,
            self.draws,
            self.witness,
            host=dialled.name,
            service=dialled.link.service,
        )
        # A server may look at its clients' ends, too: Redis measures round trips.
        tapped: Callable[[Tap], Tap] | None = getattr(server_protocol, "tap", None)
        client.tap = meter if tapped is None else tapped(meter)
        server.set_protocol(server_protocol)
        server_protocol.connection_made(server)
        protocol = protocol_factory()
        client.set_protocol(protocol)
        protocol.connection_made(client)
        return client, protocol

    def _ends(
        self, listener: Listener, port: int, link: Link
    ) -> tuple[WireTransport, WireTransport]:
        here = (CLIENT_ADDRESS, self._next_port())
        there = (self._names.address(listener.host), port)

        def end(own: Address, other: Address) -> WireTransport:
            return WireTransport(
                self._loop,
                Line(link),
                own=own,
                other=other,
                segment_bytes=link.segment_bytes,
            )

        client, server = end(here, there), end(there, here)
        client.peer, server.peer = server, client
        listener.open[server] = None
        server.on_lost.append(lambda: listener.forget(server))
        self._open[client] = None
        client.on_lost.append(lambda: self._open.pop(client, None))
        return client, server

    def _next_port(self) -> int:
        self._connections += 1
        return _PORTS[(self._connections - 1) % len(_PORTS)]

    # -- Names

    def _known(self, host: str | bytes | None) -> str:
        name = self._names.name(host)
        if name not in self._names and (self.fallback is None or self.fallback(name) is None):
            self._loop.refusals.refuse(f"a connection to {name!r}", _UNKNOWN)
        return name

    def _listener(self, name: str, port: int) -> Listener | None:
        listeners = self._listeners
        found = listeners.get((name, port)) or listeners.get((name, None))
        if found is None and self.fallback is not None:
            found = self.fallback(name)
        return found

    def _refuse_options(self, call: str, options: dict[str, Any]) -> None:
        if options.get("ssl"):
            self._loop.refusals.refuse(f"loop.{call}(ssl=...)", _TLS)


class _Dialled(NamedTuple):
    """A connection after its handshake, before anybody holds its ends."""

    listener: Listener
    name: str
    port: int
    link: Link
    point: FaultPoint | None
    latency_ns: int
