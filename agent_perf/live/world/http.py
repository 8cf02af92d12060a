"""
Hosts of a scenario behind a real HTTP server on loopback, and real clients of them.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextvars import Context
from dataclasses import replace
from types import ModuleType
from typing import Any, cast

import httpx

from agent_perf.errors import UsageError
from agent_perf.live.world.app import LOOPBACK, reset
from agent_perf.live.world.calls import Calls
from agent_perf.live.world.http_client import LoopbackBackend, transport_class
from agent_perf.sim import Draws, SimHttp, SimRequest, Witness, resume, running_request
from agent_perf.sim.services.http_library import HttpLibrary, dialect_of
from agent_perf.sim.services.http_loop import sim_loop
from agent_perf.sim.services.reply import Paced, Reply

Scope = dict[str, Any]

_HTTP_DIALECT = dialect_of(httpx)


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
        self._calls = Calls()
        self._open: dict[Any, None] = {}

    def begin_call(self, context: Context) -> str:
        """Return the number of a call that is made in *context*."""
        return self._calls.begin(context)

    def end_call(self, number: str) -> None:
        """Forget call *number*, whose answer has begun, or never will."""
        self._calls.end(number)

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
        pool._network_backend = LoopbackBackend(pool._network_backend, self.address)
        return transport

    def close(self) -> None:
        """Listen no more, and close the connections."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for transport in list(self._open):
            reset(transport)

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
                if reason:
                    reset(transport)
                else:
                    transport.abort()

        return host_factory(self._answer, LiveProtocol)

    async def _answer(self, scope: Scope, content: bytes) -> Reply:
        from agent_perf.sim.wire.http_exchange import outcome_of

        context = self._calls.take(scope)
        if context is not None:
            # For the rest of this task, the body of the answer included.
            outcome_of.set(context[outcome_of])
            resume(context.run(running_request))
        reply = await self._said(scope, content)
        if hasattr(reply.content, "wait_ns"):
            return replace(reply, content=Punctual(cast("Paced", reply.content)))
        return reply

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


class Punctual:
    """
    A body each of whose chunks is due so long after the one before was due, not sent.

    What a model says next does not wait for whoever listens. If each gap began when a chunk had
    been sent, all lateness of the loop would add up: on a busy one by half of the answer.
    """

    def __init__(self, body: Paced) -> None:
        self._body: Any = body
        self._due_ns: int | None = None

    def __aiter__(self) -> AsyncIterator[bytes]:
        """Return the iterator over the chunks."""
        return self

    async def __anext__(self) -> bytes:
        """Return the next chunk when it is due."""
        wait_ns = self._body.wait_ns()
        if wait_ns is None:
            raise StopAsyncIteration
        loop = sim_loop()
        self._due_ns = (loop.now_ns if self._due_ns is None else self._due_ns) + wait_ns
        if self._due_ns > loop.now_ns:
            await loop.pause(self._due_ns - loop.now_ns)
        chunk: bytes = self._body.take()
        return chunk

    async def aclose(self) -> None:
        """Close the body."""
        await self._body.aclose()
