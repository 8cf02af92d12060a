"""
The transport under real httpx clients: what mocks skip, enforced in virtual time.

respx and httpx's own MockTransport ignore time-outs and pool limits: a reply after 0.8 s
passed a time-out of 0.3 s. Here the pool, the handshake, the upload, the headers and
every chunk have the limit that the client set, to the nanosecond.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from functools import lru_cache, partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Protocol, cast

from agent_perf.sim.request import Witness
from agent_perf.sim.services.http_exchange import Exchange, exchange_class
from agent_perf.sim.services.http_faults import FallibleExchange
from agent_perf.sim.services.http_library import Dialect
from agent_perf.sim.services.http_loop import sim_loop
from agent_perf.sim.services.http_pool import ConnectionPool, Origin
from agent_perf.sim.services.reply import Reply

if TYPE_CHECKING:
    from agent_perf.sim.faults import FaultPoint, InjectedError

_NO_LIMITS: Final[Mapping[str, float | None]] = MappingProxyType({})


class Network(Protocol):
    """What lies behind a transport: the hosts, and the way to them."""

    @property
    def witness(self) -> Witness:
        """Who is told."""

    @property
    def before(self) -> Callable[[Any], Awaitable[None]] | None:
        """What is awaited with each request before it leaves; None: nothing."""

    def connect_ns(self) -> int:
        """Return how long the next handshake takes."""

    def upload_ns(self, size_bytes: int) -> int:
        """Return how long it takes to send a body of *size_bytes*."""

    def answer(self, request: Any, dialect: Dialect) -> Awaitable[Reply]:
        """Return what the host of *request* says; its body has been read."""

    def fault_point(self, host: str) -> FaultPoint | None:
        """Return what may go wrong at *host*; None: nothing."""

    def refusal(self, host: str, path: str, error: InjectedError) -> Awaitable[Reply]:
        """Return what *host* says at *path* when it is to say *error*."""


class SimTransport:
    """Ours; `transport_class` mixes in the library's base, with which it shares nothing."""

    def __init__(self, network: Network, dialect: Dialect, pool: ConnectionPool) -> None:
        self._network = network
        self._dialect = dialect
        self._exchange: Callable[..., Exchange] = exchange_class(dialect, Exchange)
        self.pool = pool

    async def handle_async_request(self, request: Any) -> Any:
        """Return the library's response to the library's *request*."""
        loop = sim_loop()
        url, network = request.url, self._network
        if network.before is not None:
            await network.before(request)
        limits = request.extensions.get("timeout") or _NO_LIMITS
        host, path = url.host, url.path
        point = network.fault_point(host)
        make = self._exchange if point is None else self._fallible_exchange(point, host, path)
        exchange = make(
            dialect=self._dialect,
            witness=network.witness,
            loop=loop,
            pool=self.pool,
            request=request,
            detail=f"{request.method} {host}{path}",
        )
        try:
            # Steps that seldom wait are asked first whether they must be awaited.
            origin: Origin = (url.scheme, host, url.port)
            if not exchange.take_connection(origin):
                await exchange.wait_for_connection(origin, limits.get("pool"))
            if exchange.must_connect():
                await exchange.connect(network.connect_ns(), limits.get("connect"))
            size_bytes = len(await request.aread())
            exchange.note_sent(size_bytes)
            upload_ns = network.upload_ns(size_bytes)
            if upload_ns:
                await exchange.upload(upload_ns, limits.get("write"))
            reply = await exchange.receive(
                network.answer(request, self._dialect), limits.get("read")
            )
            return exchange.response(reply)
        except asyncio.CancelledError:
            exchange.close(reusable=False)
            raise
        except Exception:
            exchange.fail()
            raise

    def _fallible_exchange(
        self, point: FaultPoint, host: str, path: str
    ) -> Callable[..., Exchange]:
        refuse = partial(self._network.refusal, host, path)
        kind: Callable[..., Exchange] = exchange_class(self._dialect, FallibleExchange)
        return partial(kind, point=point, refuse=refuse)

    async def aclose(self) -> None:
        """Close the idle connections."""
        self.pool.close_idle()


@lru_cache(maxsize=8)
def transport_class(dialect: Dialect) -> type[SimTransport]:
    """Return `SimTransport` as a transport of *dialect*'s library."""
    return cast("type[SimTransport]", type("SimTransport", (SimTransport, dialect.transport), {}))
