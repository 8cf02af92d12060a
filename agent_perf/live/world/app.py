"""
An application behind uvicorn's own protocol on loopback, and the transports of its users.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from contextvars import Context, copy_context
from typing import Any, Final

import httpx

from agent_perf.errors import UsageError
from agent_perf.live.world.calls import CALL_HEADER, Calls
from agent_perf.sim import resume, running_request

LOOPBACK: Final = "127.0.0.1"
# Longer than clients keep idle connections: they, and not the server, close them.
_KEEP_ALIVE_S: Final = 75
# On, and no time: the kernel sends a reset. Source: socket(7), SO_LINGER.
_NO_LINGER: Final = struct.pack("ii", 1, 0)


class LiveApp:
    """
    One application, served while a world lasts; its start-up and shutdown are its caller's.

    Args:
        app: Any ASGI 3 callable.
    """

    def __init__(self, app: Any) -> None:
        self._app = app
        self._calls = Calls()
        self._server: asyncio.Server | None = None
        self._starting = asyncio.Lock()
        self._state: Any = None

    async def address(self) -> tuple[str, int]:
        """Return where it listens, which it does from now on."""
        async with self._starting:
            if self._server is None:
                loop = asyncio.get_running_loop()
                self._server = await loop.create_server(self._protocols(), LOOPBACK, 0)
        port: int = self._server.sockets[0].getsockname()[1]
        return LOOPBACK, port

    def transport(self) -> httpx.AsyncBaseTransport:
        """Return the transport of one user, with connections of its own."""
        return UserTransport(self)

    def begin_call(self, context: Context) -> str:
        """Return the number of a call that is made in *context*."""
        return self._calls.begin(context)

    def end_call(self, number: str) -> None:
        """Forget call *number*."""
        self._calls.end(number)

    def close(self) -> None:
        """Listen no more, and close the connections."""
        if self._server is not None:
            self._server.close()
            for connection in list(self._state.connections):
                reset(connection.transport)
            self._server = None

    def _protocols(self) -> Any:
        try:
            import uvicorn
            from uvicorn.server import ServerState
        except ModuleNotFoundError as error:
            raise UsageError(
                f"an application at tier 'live' needs the package {error.name!r}; "
                "pip install 'agent-perf[wire]'"
            ) from error
        config = uvicorn.Config(
            self._serve,
            lifespan="off",
            interface="asgi3",
            ws="none",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            timeout_keep_alive=_KEEP_ALIVE_S,
        )
        config.load()
        self._state = ServerState()
        kind: Any = config.http_protocol_class
        return lambda: kind(config=config, server_state=self._state, app_state={})

    async def _serve(self, scope: Any, receive: Any, send: Any) -> None:
        context = self._calls.take(scope)
        if context is not None:
            # For the rest of this task, and what it starts.
            resume(context.run(running_request))
        await self._app(scope, receive, send)


def reset(transport: Any) -> None:
    """Break the connection of *transport*, so that the other side notices at once."""
    sock = transport.get_extra_info("socket")
    if sock is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
    transport.abort()


class UserTransport(httpx.AsyncHTTPTransport):
    """httpx's own transport, to one application, whatever its address."""

    def __init__(self, app: LiveApp) -> None:
        from agent_perf.live.world.http_client import LoopbackBackend

        super().__init__(verify=False, trust_env=False)
        # By this the clients that a world catches are told from its own.
        self._http = app
        pool: Any = self._pool
        pool._network_backend = LoopbackBackend(pool._network_backend, app.address)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Return the application's response to *request*."""
        call = self._http.begin_call(copy_context())
        request.headers[CALL_HEADER] = call
        try:
            return await super().handle_async_request(request)
        finally:
            self._http.end_call(call)
            del request.headers[CALL_HEADER]
