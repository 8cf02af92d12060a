"""
The real transport of httpx or httpx2, over the network in memory, with a witness.
"""

from __future__ import annotations

import asyncio
from functools import lru_cache
from typing import TYPE_CHECKING, Any, cast

from agent_perf.sim.services.http_library import Dialect
from agent_perf.sim.services.http_loop import sim_loop
from agent_perf.sim.wire.http_exchange import Exchange, Outcome, body_class, outcome_of

if TYPE_CHECKING:
    from agent_perf.sim.wire.http import WireHttp


class WireHttpTransport:
    """
    Ours; `transport_class` mixes in the library's AsyncHTTPTransport.

    Pool, time-outs, connections, h11 and bodies are the library's; this takes note.
    """

    _http: WireHttp
    _dialect: Dialect

    async def handle_async_request(self, request: Any) -> Any:
        """Return the library's response to the library's *request*."""
        loop, http, url = sim_loop(), self._http, request.url
        if url.scheme != "http":
            loop.refusals.refuse(
                f"{request.method} {url}: {url.scheme} on the simulated network",
                "its keys would be random: use http://, or the tier of real clients",
            )
        if http.before is not None:
            await http.before(request)
        extensions = request.extensions
        detail = f"{request.method} {url.host}{url.path}"
        exchange = Exchange(http.witness, loop, detail, extensions.get("trace"))
        request.extensions = {**extensions, "trace": exchange.trace}
        outcome = Outcome()
        token = outcome_of.set(outcome)
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
            outcome_of.reset(token)
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
def transport_class(dialect: Dialect) -> type[WireHttpTransport]:
    """Return `WireHttpTransport` as a transport of *dialect*'s library."""
    library: Any = dialect.module
    bases = (WireHttpTransport, library.AsyncHTTPTransport)
    return cast("type[WireHttpTransport]", type("WireHttpTransport", bases, {}))
