"""
Hosts of a scenario behind a real HTTP server on loopback, and real clients of them.
"""

from __future__ import annotations

import asyncio
import itertools
import socket
import struct
from contextvars import Context
from types import ModuleType
from typing import Any, Final, cast

import httpx

from agent_perf.errors import UsageError
from agent_perf.live.world.http_client import CALL_HEADER, LoopbackBackend, transport_class
from agent_perf.sim import Draws, SimHttp, SimRequest, Witness, resume, running_request
from agent_perf.sim.services.http_library import HttpLibrary, dialect_of
from agent_perf.sim.services.http_loop import sim_loop
from agent_perf.sim.services.reply import Reply

Scope = dict[str, Any]

LOOPBACK: Final = "127.0.0.1"
_HTTP_DIALECT = dialect_of(httpx)
# On, and no time: the kernel sends a reset. Source: socket(7), SO_LINGER.
_NO_LINGER: Final = struct.pack("ii", 1, 0)


class LiveHttp(SimHttp):
    """
    The hosts of a scenario, asked over real sockets.

    Mounted handlers and respx routes mean what they mean with `SimHttp`, and what they draw is
    waited for in real time. They run on the scenario's own loop: they are closures over what it
    holds. A call carries a number by which its handler finds whose request it is part of.

    Args:
        draws: As in SimHttp.
        witness: Likewise.
    """

    def __init__(self, draws: Draws, witness: Witness) -> None:
        super().__init__(draws, witness)
        self._server: asyncio.Server | None = None
        self._starting = asyncio.Lock()
        self._calls: dict[str, Context] = {}
        self._numbers = itertools.count()
        self._open: dict[Any, None] = {}

    def begin_call(self, context: Context) -> str:
        """Return the number of a call that is made in *context*."""
        number = str(next(self._numbers))
        self._calls[number] = context
        return number

    def end_call(self, number: str) -> None:
        """Forget call *number*, whose answer has begun, or never will."""
        self._calls.pop(number, None)

    def require_known(self, request: Any) -> None:
        """
        See that somebody answers *request*.

        Raises:
            RealWorldAccess: If its host is neither mounted nor may be routed.
        """
        host = request.url.host.lower()
        if host in self._handlers or self.router.routes:
            return
        sim_loop().refusals.refuse(
            f"{request.method} {request.url}: a call to {host!r}, which nobody plays,",
            f"mount it with world.http.mount({host!r}, handler), or mock the call with "
            f"world.http.router.{request.method.lower()}({str(request.url)!r}).respond(...)",
        )

    async def address(self) -> tuple[str, int]:
        """Return where the server listens, which it does from now on."""
        async with self._starting:
            if self._server is None:
                loop = asyncio.get_running_loop()
                self._server = await loop.create_server(self._protocols(), LOOPBACK, 0)
        port: int = self._server.sockets[0].getsockname()[1]
        return LOOPBACK, port

    def transport(
        self,
        library: HttpLibrary[Any] = httpx,
        *,
        max_connections: int | None = 100,
        max_keepalive_connections: int | None = 20,
        keepalive_expiry_s: float | None = 5.0,
    ) -> Any:
        """Return a new transport of *library*, its own: arguments as `SimHttp.transport`."""
        module: Any = cast("ModuleType", library)
        dialect = dialect_of(module)
        kind: Any = transport_class(dialect)
        # Certificates would be read from files, for connections that end on this machine.
        transport = kind(
            verify=False,
            trust_env=False,
            limits=module.Limits(
                max_connections=max_connections,
                max_keepalive_connections=max_keepalive_connections,
                keepalive_expiry=keepalive_expiry_s,
            ),
        )
        transport._http, transport._dialect = self, dialect
        pool = transport._pool
        pool._network_backend = LoopbackBackend(pool._network_backend, self)
        return transport

    def close(self) -> None:
        """Listen no more, and close the connections."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for transport in list(self._open):
            transport.abort()

    def _protocols(self) -> Any:
        try:
            from agent_perf.sim.wire.http_host import HostProtocol, host_factory
        except ModuleNotFoundError as error:
            raise UsageError(
                f"HTTP hosts of the tier 'live' need the package {error.name!r}; "
                "pip install 'agent-perf[wire]'"
            ) from error
        opened = self._open

        class LiveProtocol(HostProtocol):
            """One connection to the scenario's hosts."""

            def connection_made(self, transport: Any) -> None:
                super().connection_made(transport)
                opened[transport] = None

            def connection_lost(self, exc: Exception | None) -> None:
                opened.pop(self.transport, None)
                super().connection_lost(exc)

            def hang_up(self, reason: str = "") -> None:
                if self.cycle is not None:
                    self.cycle.disconnected = True
                transport: Any = self.transport
                sock = transport.get_extra_info("socket")
                if reason and sock is not None:
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
                transport.abort()

        return host_factory(self._answer, LiveProtocol)

    async def _answer(self, scope: Scope, content: bytes) -> Reply:
        from agent_perf.sim.wire.http_exchange import outcome_of

        headers = scope["headers"]
        call = dict(headers).get(CALL_HEADER.encode(), b"").decode("latin-1")
        scope["headers"] = [pair for pair in headers if pair[0] != CALL_HEADER.encode()]
        context = self._calls.get(call)
        if context is None:
            # Asked by something else than our clients: nobody's request.
            return await self._said(scope, content)
        # For the rest of this task, the body of the answer included.
        outcome_of.set(context[outcome_of])
        state = context.run(running_request)
        resume(state)
        return await self._said(scope, content)

    async def _said(self, scope: Scope, content: bytes) -> Reply:
        from agent_perf.sim.wire.http_host import sim_request

        headers = dict(scope["headers"])
        authority = headers.get(b"host", b"").decode("latin-1")
        host = authority.rpartition(":")[0] if ":" in authority else authority
        handler = self._handlers.get(host.lower())
        if handler is not None:
            request: SimRequest = sim_request(host.lower(), scope, content)
            return await handler(request)
        query = scope["query_string"].decode("ascii")
        url = f"http://{authority}{scope['raw_path'].decode('ascii')}" + (
            f"?{query}" if query else ""
        )
        routed = httpx.Request(scope["method"], url, headers=scope["headers"], content=content)
        return await self.answer(routed, _HTTP_DIALECT)
