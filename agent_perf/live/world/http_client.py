"""
The real transports of httpx and httpx2, over real sockets, to hosts of the scenario on loopback.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextvars import copy_context
from functools import lru_cache
from typing import TYPE_CHECKING, Any, cast

from agent_perf.live.world.calls import CALL_HEADER
from agent_perf.sim.services.http_library import Dialect
from agent_perf.sim.services.http_loop import sim_loop
from agent_perf.sim.wire.http_exchange import Exchange, Outcome, body_class, outcome_of

if TYPE_CHECKING:
    from agent_perf.live.world.http import LiveHttp


class LiveExchange(Exchange):
    """Takes note of connections, too: here they are real."""

    _connect_ns = 0

    async def trace(self, event: str, info: dict[str, Any]) -> None:
        """Take note of *event*, as httpcore calls it."""
        if event == "connection.connect_tcp.started":
            self._connect_ns = self._loop.now_ns
            self.witness.count("http_connects", 1, self.detail)
        elif event in {"connection.connect_tcp.complete", "connection.connect_tcp.failed"}:
            self.witness.span("http.connect", self._connect_ns, self._loop.now_ns, self.detail)
        await super().trace(event, info)


class LiveTransport:
    """
    Ours; `transport_class` mixes in the library's AsyncHTTPTransport.

    Pool, time-outs, connections, h11 and bodies are the library's; this takes note.
    """

    _http: LiveHttp
    _dialect: Dialect

    async def handle_async_request(self, request: Any) -> Any:
        """Return the library's response to the library's *request*."""
        loop, http, url = sim_loop(), self._http, request.url
        http.require_known(request)
        if http.before is not None:
            await http.before(request)
        extensions = request.extensions
        detail = f"{request.method} {url.host}{url.path}"
        exchange = LiveExchange(http.witness, loop, detail, extensions.get("trace"))
        outcome = Outcome()
        token = outcome_of.set(outcome)
        call = http.begin_call(copy_context())
        outcome_of.reset(token)
        request.extensions = {**extensions, "trace": exchange.trace}
        request.headers[CALL_HEADER] = call
        try:
            self._count_body(request, exchange, outcome)
            library: Any = super()
            response = await library.handle_async_request(request)
        except asyncio.CancelledError:
            exchange.abandoned()
            raise
        except Exception as error:
            exchange.failed()
            if outcome.error is not None:
                raise self._dialect.translated(outcome.error) from error
            raise
        finally:
            http.end_call(call)
            del request.headers[CALL_HEADER]
            request.extensions = extensions
        exchange.answered(response.status_code)
        response.stream = body_class(self._dialect)(
            response.stream, exchange, outcome, "bytes_received"
        )
        return response

    def _count_body(self, request: Any, exchange: Exchange, outcome: Outcome) -> None:
        size = request.headers.get("content-length")
        if size is None and "transfer-encoding" in request.headers:
            request.stream = body_class(self._dialect)(
                request.stream, exchange, outcome, "bytes_sent"
            )
        elif size not in (None, "0"):
            exchange.witness.count("bytes_sent", int(size), exchange.detail)


@lru_cache(maxsize=8)
def transport_class(dialect: Dialect) -> type[LiveTransport]:
    """Return `LiveTransport` as a transport of *dialect*'s library."""
    library: Any = dialect.module
    bases = (LiveTransport, library.AsyncHTTPTransport)
    return cast("type[LiveTransport]", type("LiveTransport", bases, {}))


class LoopbackBackend:
    """
    httpcore's way to the network, with one end: a server of ours, whatever the host's name.

    Args:
        inner: The library's own.
        address: Gives the server's host and port, and starts it if need be.
    """

    def __init__(self, inner: Any, address: Callable[[], Awaitable[tuple[str, int]]]) -> None:
        self._inner = inner
        self._address = address

    async def connect_tcp(self, host: str, port: int, **options: Any) -> Any:
        """Return a connection to the server, in place of *host* and *port*."""
        own_host, own_port = await self._address()
        return _Stream(await self._inner.connect_tcp(own_host, own_port, **options))

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await self._inner.sleep(seconds)


class _Stream:
    """A connection without TLS: as behind a proxy that ends it."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    async def start_tls(self, *_args: Any, **_options: Any) -> Any:
        return self
