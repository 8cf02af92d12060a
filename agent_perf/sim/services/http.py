"""
Simulated HTTP: real httpx and httpx2 clients, hosts in this process, virtual time.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import lru_cache
from types import ModuleType
from typing import Any, NoReturn, TypeVar, cast, overload

import httpx
import respx

from agent_perf.errors import ConfigError
from agent_perf.sim.draws import Draws
from agent_perf.sim.faults import FaultPoint, FaultSchedule, InjectedError, at_place
from agent_perf.sim.request import Witness
from agent_perf.sim.services.http_library import Dialect, HttpLibrary, dialect_of
from agent_perf.sim.services.http_loop import sim_loop
from agent_perf.sim.services.http_pool import ConnectionPool
from agent_perf.sim.services.http_routes import Routes
from agent_perf.sim.services.http_transport import SimTransport, transport_class
from agent_perf.sim.services.reply import (
    Handler,
    Refuse,
    Reply,
    SimRequest,
    json_reply,
    plain_refusal,
)
from agent_perf.units import NS

__all__ = ["Handler", "Reply", "SimHttp", "SimRequest", "SimTransport", "json_reply"]

C = TypeVar("C")


class SimHttp:
    """
    The hosts of one simulation, and the clients that reach them.

    A request goes to the handler mounted for its host, else to the routes of `router`,
    else it raises RealWorldAccess. A mounted handler awaits its own latency; a route's
    answer costs a draw of ``http.request``. A transport's first request on a connection
    pays a draw of ``http.connect``.

    Counts: http_requests, http_errors (statuses from 400, and transport errors),
    http_connects, bytes_sent and bytes_received (bodies). Spans: http.wait (for a free
    connection), http.connect, http.request (until the headers).

    Args:
        draws: Where latencies come from.
        witness: Who is told.
        upload_bytes_per_s: How fast request bodies leave; None: at once.
        calls_kept: How many of its last calls respx remembers, in `router.calls` and on
            each route: at least this many, less than twice as many. respx itself keeps
            all, which a long run does not survive.

    Attributes:
        faults: What may go wrong at the hosts; None: nothing.
        before: Awaited with each request of a client before it leaves; None: nothing is.
    """

    before: Callable[[Any], Awaitable[None]] | None = None

    def __init__(
        self,
        draws: Draws,
        witness: Witness,
        *,
        upload_bytes_per_s: int | None = None,
        calls_kept: int = 1000,
    ) -> None:
        if upload_bytes_per_s is not None and upload_bytes_per_s < 1:
            raise ConfigError(f"upload_bytes_per_s={upload_bytes_per_s}; want None or >= 1")
        if calls_kept < 1:
            raise ConfigError(f"calls_kept={calls_kept}; want >= 1")
        self.witness = witness
        self.router = respx.Router(assert_all_called=False)
        self._draws = draws
        self._upload_bytes_per_s = upload_bytes_per_s
        self.faults: FaultSchedule | None = None
        self._handlers: dict[str, Handler] = {}
        self._refusals: dict[str, Refuse] = {}
        self._routes = Routes(self.router, calls_kept=calls_kept)

    def mount(self, host: str, handler: Handler, *, refuse: Refuse | None = None) -> None:
        """
        Let *handler* answer all requests to *host*, on any port and by either scheme.

        Args:
            host: Its bare name.
            handler: What answers.
            refuse: Gives the reply in which the host says an error that a fault wants; by
                default its status and message.

        Raises:
            ConfigError: If *host* is not a bare host name, or is mounted already.
        """
        name = host.lower()
        if not name or any(sign in name for sign in ":/?# "):
            raise ConfigError(f"host {host!r}; want a bare name such as 'billing.sim'")
        if name in self._handlers:
            raise ConfigError(f"host {host!r} is mounted already")
        self._handlers[name] = handler
        if refuse is not None:
            self._refusals[name] = refuse

    def hosts(self) -> tuple[str, ...]:
        """Return the names of all hosts that are mounted, or named by a route."""
        routed = (
            part.value
            for route in self.router.routes
            for part in route.pattern or ()
            if part.key == "host" and isinstance(part.value, str)
        )
        return tuple(dict.fromkeys((*self._handlers, *routed)))

    def transport(
        self,
        library: HttpLibrary[Any] = httpx,
        *,
        max_connections: int | None = 100,
        max_keepalive_connections: int | None = 20,
        keepalive_expiry_s: float | None = 5.0,
    ) -> Any:
        """
        Return a new transport, with a connection pool of its own, for *library*'s AsyncClient.

        Args:
            library: The module httpx or httpx2.
            max_connections: As in ``Limits``, and the next two; None: without a limit.
            max_keepalive_connections: Idle connections that are kept.
            keepalive_expiry_s: How long they are.
        """
        dialect = self._dialect(cast("ModuleType", library))
        pool = ConnectionPool(
            max_connections=max_connections,
            max_keepalive_connections=max_keepalive_connections,
            keepalive_expiry_s=keepalive_expiry_s,
            busy_count_as_idle=dialect.busy_count_as_idle,
        )
        return transport_class(dialect)(self, dialect, pool)

    @overload
    def client(self, **client_kwargs: Any) -> httpx.AsyncClient: ...

    @overload
    def client(self, library: HttpLibrary[C], **client_kwargs: Any) -> C: ...

    def client(self, library: HttpLibrary[Any] = httpx, **client_kwargs: Any) -> Any:
        """
        Return *library*'s own AsyncClient over a new transport.

        Args:
            library: The module httpx or httpx2.
            client_kwargs: As AsyncClient takes them; *limits* are obeyed.
        """
        limits = client_kwargs.pop("limits", None) or httpx.Limits(
            max_connections=100, max_keepalive_connections=20
        )
        transport = self.transport(
            library,
            max_connections=limits.max_connections,
            max_keepalive_connections=limits.max_keepalive_connections,
            keepalive_expiry_s=limits.keepalive_expiry,
        )
        return library.AsyncClient(transport=transport, **client_kwargs)

    def _dialect(self, library: ModuleType) -> Dialect:
        return dialect_of(library)

    def connect_ns(self) -> int:
        """Return the latency of a handshake: a draw of ``http.connect``."""
        return self._draws.ns("http.connect")

    def upload_ns(self, size_bytes: int) -> int:
        """Return how long a body of *size_bytes* takes to leave."""
        if self._upload_bytes_per_s is None:
            return 0
        return size_bytes * NS // self._upload_bytes_per_s

    async def answer(self, request: Any, dialect: Dialect) -> Reply:
        """Return what the host of *request*, whose body was read, says to it."""
        url = request.url
        host = url.host
        handler = self._handlers.get(host)
        if handler is not None:
            asked = SimRequest(
                method=request.method,
                host=host,
                path=url.path,
                query=url.query.decode("ascii"),
                headers=request.headers,
                content=request.content,
            )
            if self.faults is None or not self.faults.places_matter:
                reply = await handler(asked)
            else:
                with at_place(self.faults.host_place(host)):
                    reply = await handler(asked)
            if not isinstance(reply, Reply):
                raise ConfigError(f"the handler of {host!r} answered {reply!r}; want a Reply")
            return reply
        routed = await self._answer_by_route(request, dialect)
        if routed is None:
            _refuse(request)
        return routed

    def fault_point(self, host: str) -> FaultPoint | None:
        """Return what may go wrong at *host*; None: nothing."""
        return None if self.faults is None else self.faults.host_point(host)

    async def refusal(self, host: str, path: str, error: InjectedError) -> Reply:
        """Return, after a draw of ``http.request``, how *host* says *error* at *path*."""
        await sim_loop().pause(self._draws.ns("http.error", "http.request"))
        return self._refusals.get(host, plain_refusal)(error, path)

    async def _answer_by_route(self, request: Any, dialect: Dialect) -> Reply | None:
        if not self.router.routes:
            return None
        await sim_loop().pause(self._draws.ns("http.request"))
        try:
            return await self._routes.answer(_as_httpx(request))
        except httpx.TransportError as error:
            raise dialect.translated(error) from error


def _refuse(request: Any) -> NoReturn:
    host = request.url.host
    sim_loop().refusals.refuse(
        f"{request.method} {request.url}: a call to {host!r}, which is not simulated,",
        f"mount it with SimHttp.mount({host!r}, handler), or mock the call with "
        f"SimHttp.router.{request.method.lower()}({str(request.url)!r}).respond(...)",
    )


def _as_httpx(request: Any) -> httpx.Request:
    if isinstance(request, httpx.Request):
        return request
    # A stream instead of the content: what the headers say of it has been written already.
    twin = httpx.Request(
        request.method,
        _parsed(str(request.url)),
        headers=request.headers.raw,
        stream=httpx.ByteStream(request.content),
        extensions=request.extensions,
    )
    twin.read()
    return twin


@lru_cache(maxsize=1024)
def _parsed(url: str) -> httpx.URL:
    return httpx.URL(url)
