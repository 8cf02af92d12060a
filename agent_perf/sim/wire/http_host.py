"""
Simulated HTTP hosts behind uvicorn's own HTTP/1.1 protocol, and apps as uvicorn serves them.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from functools import lru_cache
from typing import Any, Final

import httpx
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from agent_perf.errors import BrokenError, ConfigError
from agent_perf.sim.faults import PeerClosed
from agent_perf.sim.ordered import OrderedSet
from agent_perf.sim.services.reply import BrokenOff, Reply, SimRequest
from agent_perf.sim.wire.http_exchange import outcome_of

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Answer = Callable[[Scope, bytes], Awaitable[Reply]]

# Longer than clients keep idle connections: they, and not the host, close them. It is
# nginx's default, keepalive_timeout.
_KEEP_ALIVE_S: Final = 75
_READ_AT_MOST: Final = 8
"""So many times what a body may have is read of it before the host hangs up."""


class _Gone(Exception):
    """The client has hung up."""


class HostProtocol(H11Protocol):
    """One connection to a simulated host; a handler is cancelled when its client hangs up."""

    task: asyncio.Task[Any] | None = None

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the client."""
        super().connection_lost(exc)
        if self.task is not None:
            self.task.cancel()

    def hang_up(self, reason: str = "") -> None:
        """Close without another word, with a reset if there is a *reason*."""
        if self.cycle is not None:
            self.cycle.disconnected = True
        transport: Any = self.transport
        if reason:
            transport.reset(reason)
        else:
            transport.abort()


def host_factory(
    answer: Answer,
    kind: type[HostProtocol] = HostProtocol,
    *,
    body_bytes_max: int | None = None,
) -> Callable[[], HostProtocol]:
    """
    Return what makes the protocols, of *kind*, of a host whose requests *answer* answers.

    Of a body of more than *body_bytes_max* bytes *answer* gets one byte more than that; the rest
    is read and forgotten, so that its sender hears the answer.
    """
    config = uvicorn.Config(
        _nothing,
        lifespan="off",
        interface="asgi3",
        ws="none",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        timeout_keep_alive=_KEEP_ALIVE_S,
    )
    config.load()
    state = _state()

    def make() -> HostProtocol:
        protocol = kind(config=config, server_state=state, app_state={})

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            protocol.task = asyncio.current_task()
            try:
                await _converse(answer, scope, await _body(receive, body_bytes_max), send)
            except (_Gone, asyncio.CancelledError):
                # Of the client, or of the simulation: either way nobody waits any more.
                protocol.hang_up()
            except (PeerClosed, BrokenOff):
                # The process is gone; its kernel closes in good order.
                protocol.hang_up()
            except Exception as error:  # noqa: BLE001  # Told to the client, as it is.
                _tell(error)
                protocol.hang_up(str(error) or type(error).__name__)
            finally:
                protocol.task = None

        protocol.app = app
        return protocol

    return make


@asynccontextmanager
async def served(
    app: Any,
    listen: Callable[[Callable[[], asyncio.BaseProtocol]], Any],
    options: dict[str, Any],
    guard: Callable[[Any, HostProtocol], Any],
) -> AsyncIterator[None]:
    """
    Serve an ASGI app as uvicorn does, its lifespan included, while the body runs.

    Args:
        app: The app.
        listen: Called with the protocol factory; returns what ends the listening.
        options: Of ``uvicorn.Config``.
        guard: Returns what answers on a connection instead of the app: itself, or faults.

    Raises:
        BrokenError: If the app's start-up failed.
    """
    config = uvicorn.Config(app, **{"ws": "none", "log_config": None, **options, "http": "h11"})
    config.load()
    lifespan = config.lifespan_class(config)
    await lifespan.startup()
    if lifespan.should_exit:
        raise BrokenError(f"the start-up of {app!r} failed; see the log of uvicorn.error")
    state = _state()

    def make() -> HostProtocol:
        protocol = HostProtocol(config=config, server_state=state, app_state=lifespan.state)
        protocol.app = guard(protocol.app, protocol)
        return protocol

    try:
        end = listen(make)
        try:
            yield
        finally:
            end()
            for connection in list(state.connections):
                connection.shutdown()
            if state.tasks:
                await asyncio.wait(state.tasks, timeout=config.timeout_graceful_shutdown)
    finally:
        await lifespan.shutdown()


def _state() -> ServerState:
    state = ServerState()
    # By address, the order in which a shutdown closes them would differ from run to run.
    state.connections = OrderedSet()
    state.tasks = OrderedSet()
    return state


async def _nothing(scope: Scope, receive: Receive, send: Send) -> None:
    """Stand for an app until a connection has its own."""


async def _converse(answer: Answer, scope: Scope, body: bytes, send: Send) -> None:
    reply = await answer(scope, body)
    if not isinstance(reply, Reply):
        raise ConfigError(f"the handler answered {reply!r}; want a Reply")
    content, headers = reply.content, reply.headers
    pairs = tuple(headers.items() if isinstance(headers, Mapping) else headers)
    size = len(content) if isinstance(content, bytes) else None
    await send(
        {"type": "http.response.start", "status": reply.status, "headers": _encoded(pairs, size)}
    )
    if isinstance(content, bytes):
        await send({"type": "http.response.body", "body": content})
    else:
        await _stream(content, send)


async def _body(receive: Receive, bytes_max: int | None) -> bytes:
    parts: list[bytes] = []
    kept = read = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _Gone
        part = message["body"]
        if bytes_max is not None:
            read += len(part)
            if read > bytes_max * _READ_AT_MOST:
                raise _Gone
            part = part[: bytes_max + 1 - kept]
            kept += len(part)
        parts.append(part)
        if not message["more_body"]:
            return parts[0] if len(parts) == 1 else b"".join(parts)


async def _stream(content: AsyncIterable[bytes], send: Send) -> None:
    chunks = aiter(content)
    try:
        async for chunk in chunks:
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b""})
    finally:
        for source in dict.fromkeys((chunks, content)):
            close = getattr(source, "aclose", None)
            if close is not None:
                await close()


def _tell(error: Exception) -> None:
    outcome = outcome_of.get()
    # What the wire can say, it says: a reset.
    if outcome is not None and not isinstance(error, ConnectionError):
        outcome.error = error


def sim_request(host: str, scope: Scope, content: bytes) -> SimRequest:
    """Return the request of an ASGI *scope*, to *host*."""
    return SimRequest(
        method=scope["method"],
        host=host,
        path=scope["path"],
        query=scope["query_string"].decode("ascii"),
        headers=httpx.Headers(scope["headers"]),
        content=content,
    )


@lru_cache(maxsize=1024)
def _encoded(pairs: tuple[tuple[str, str], ...], size: int | None) -> list[tuple[bytes, bytes]]:
    names = {name.lower() for name, _ in pairs}
    own = [] if size is None or "content-length" in names else [("content-length", str(size))]
    return [
        (name.lower().encode("ascii"), value.encode("utf-8", "surrogateescape"))
        for name, value in (*pairs, *own)
    ]
