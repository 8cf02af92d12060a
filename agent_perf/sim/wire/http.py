"""
HTTP on the network in memory: the clients' own transports, hosts behind uvicorn's protocol.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from types import ModuleType
from typing import TYPE_CHECKING, Any, cast

import httpx

from agent_perf.errors import UsageError
from agent_perf.sim.draws import Draws
from agent_perf.sim.faults import at_place
from agent_perf.sim.request import Witness
from agent_perf.sim.services.http import SimHttp
from agent_perf.sim.services.http_library import HttpLibrary, dialect_of
from agent_perf.sim.services.http_loop import sim_loop
from agent_perf.sim.services.reply import Handler, Refuse, Reply, SimRequest
from agent_perf.sim.wire.app_faults import FaultyApp
from agent_perf.sim.wire.http_faults import answer_with_faults
from agent_perf.sim.wire.http_transport import transport_class
from agent_perf.sim.wire.network import Network
from agent_perf.sim.wire.server import Listener

if TYPE_CHECKING:
    from agent_perf.sim.wire.http_host import Answer

Scope = dict[str, Any]

_HTTP_DIALECT = dialect_of(httpx)


class WireHttp(SimHttp):
    """
    The hosts of a network, and real clients of them.

    Mounted handlers and respx routes mean what they mean with `SimHttp`, and so do counts
    and spans; what is added is the network between: ``http.connect`` for a handshake, and
    ``http.trip`` for the way there and back of each request.

    Args:
        network: Where the hosts are.
        draws: As in SimHttp.
        witness: Likewise.
        calls_kept: Likewise.
    """

    def __init__(
        self, network: Network, draws: Draws, witness: Witness, *, calls_kept: int = 1000
    ) -> None:
        super().__init__(draws, witness, calls_kept=calls_kept)
        self.network = network
        self._routed: dict[str, Listener] = {}
        self._served: dict[str, None] = {}
        network.fallback = self._routed_host

    def mount(self, host: str, handler: Handler, *, refuse: Refuse | None = None) -> None:
        """Let *handler* answer all requests to *host*, on any port: as `SimHttp.mount`."""
        super().mount(host, handler, refuse=refuse)
        name = host.lower()

        async def answer(scope: Scope, content: bytes) -> Reply:
            from agent_perf.sim.wire.http_host import sim_request

            return await self._handle(name, handler, sim_request(name, scope, content))

        self._listen(name, answer)

    async def _handle(self, host: str, handler: Handler, request: SimRequest) -> Reply:
        if self.faults is None or not self.faults.places_matter:
            return await handler(request)
        with at_place(self.faults.host_place(host)):
            return await handler(request)

    def _listen(self, host: str, answer: Answer) -> None:
        listener = self.network.listen(host, None, self._factory(host, answer))
        listener.faults = lambda: self.fault_point(host)

    def _factory(self, host: str, answer: Answer) -> Callable[[], Any]:
        async def answer_or_fail(scope: Scope, content: bytes) -> Reply:
            point = self.fault_point(host)
            if point is None:
                return await answer(scope, content)
            return await answer_with_faults(
                point,
                sim_loop(),
                f"{scope['method']} {host}{scope['path']}",
                lambda: answer(scope, content),
                lambda error: self.refusal(host, scope["path"], error),
            )

        return _factory(answer_or_fail)

    def serve(
        self, app: Any, *, host: str, port: int = 80, **options: Any
    ) -> AbstractAsyncContextManager[None]:
        """
        Serve an ASGI app, as uvicorn would, while the ``async with`` body runs.

        Faults may strike at *host* as at one that is mounted.

        Args:
            app: FastAPI, Starlette, or any ASGI 3 callable.
            host: The name it has on the network.
            port: Where it listens.
            options: Of ``uvicorn.Config``: *lifespan*, *timeout_keep_alive*...
        """
        from agent_perf.sim.wire.http_host import served

        name = host.lower()

        def listen(factory: Callable[[], Any]) -> Callable[[], None]:
            listener = self.network.listen(host, port, factory)
            listener.faults = lambda: self.fault_point(name)
            return lambda: self.network.unlisten(listener)

        self._served[name] = None
        return served(app, listen, options, lambda app, wire: self._guarded(app, wire, name))

    def hosts(self) -> tuple[str, ...]:
        """Return the names of all hosts that are mounted, named by a route, or served."""
        return tuple(dict.fromkeys((*super().hosts(), *self._served)))

    def _guarded(self, app: Any, wire: Any, host: str) -> Any:
        point = self.fault_point(host)
        if point is None or self.faults is None:
            return app
        return FaultyApp(
            app,
            wire,
            point,
            self.faults.host_place(host),
            sim_loop(),
            lambda path, error: self.refusal(host, path, error),
        )

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
        # Certificates would be read from files, for connections that are refused anyway.
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
        return transport

    def _routed_host(self, host: str) -> Listener | None:
        """Return the listener of a host that nobody mounted, if there are respx routes."""
        if not self.router.routes:
            return None
        listener = self._routed.get(host)
        if listener is None:

            async def answer(scope: Scope, content: bytes) -> Reply:
                headers = dict(scope["headers"])
                authority = headers.get(b"host", host.encode()).decode("ascii")
                query = scope["query_string"].decode("ascii")
                request = httpx.Request(
                    scope["method"],
                    f"http://{authority}{scope['raw_path'].decode('ascii')}"
                    + (f"?{query}" if query else ""),
                    headers=scope["headers"],
                    content=content,
                )
                return await self.answer(request, _HTTP_DIALECT)

            listener = Listener(host=host, port=None, factory=self._factory(host, answer))
            listener.faults = lambda: self.fault_point(host)
            self._routed[host] = listener
        return listener


def _factory(answer: Answer) -> Callable[[], Any]:
    try:
        from agent_perf.sim.wire.http_host import host_factory
    except ModuleNotFoundError as error:
        raise UsageError(
            f"HTTP hosts of the tier 'wire' need the package {error.name!r}; "
            "pip install 'agent-perf[wire]', or use the tier 'client'"
        ) from error
    return host_factory(answer)
