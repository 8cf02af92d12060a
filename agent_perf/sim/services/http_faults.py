"""
An exchange in which something may go wrong: the connection, the answer, or its speed.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from typing import Any, Final, TypeVar

from agent_perf.sim.faults import Fault, FaultPoint, InjectedError, Lifeline, PeerClosed
from agent_perf.sim.services.http_deadline import limit_ns_of
from agent_perf.sim.services.http_exchange import Exchange
from agent_perf.sim.services.reply import Reply
from agent_perf.units import NS

T = TypeVar("T")

# What a request, and a chunk of its answer, are called where they are not just HTTP.
_REQUESTS: Final = {"llm": "llm.first_token", "pusher": "pusher.request"}
_CHUNKS: Final = {"llm": "llm.token"}


class FallibleExchange(Exchange):
    """
    Args:
        point: Of the host.
        refuse: Gives the reply in which the host says an error.
        exchange_kwargs: As for Exchange.
    """

    is_fallible = True

    def __init__(
        self,
        *,
        point: FaultPoint,
        refuse: Callable[[InjectedError], Awaitable[Reply]],
        **exchange_kwargs: Any,
    ) -> None:
        super().__init__(**exchange_kwargs)
        self._point = point
        self._refuse = refuse
        self._request_operation = _REQUESTS.get(point.name, "http.request")
        self._chunk_operation = _CHUNKS.get(point.name, "http.chunk")
        self._has_headers = False

    async def connect(self, latency_ns: int, limit_s: float | None) -> None:
        """Shake hands."""
        connection, start_ns = self._connection, self._loop.now_ns
        assert connection is not None
        connection.lifeline = lifeline = Lifeline(self._point)
        lifeline.broken = partial(self._pool.drop, connection)
        self._witness.count("http_connects", 1, self._detail)
        deadline, limit_ns = connection.deadline, limit_ns_of(limit_s)
        deadline.begin(limit_ns)
        try:
            await lifeline.open("http.connect", latency_ns, self._detail)
        except asyncio.CancelledError:
            if deadline.end():
                raise self._timeout("ConnectTimeout", "to connect", limit_ns) from None
            raise
        except (ConnectionError, InjectedError) as error:
            raise self._dialect.error("ConnectError", str(error), self._request) from error
        finally:
            deadline.end()
            self._witness.span("http.connect", start_ns, self._loop.now_ns, self._detail)
        connection.opened = True

    async def receive(self, answer: Awaitable[Reply], limit_s: float | None) -> Reply:
        """Return the answer: status and headers have arrived, the body may not have."""
        reply = await super().receive(self._answered(answer), limit_s)
        self._has_headers = True
        return reply

    async def _answered(self, answer: Awaitable[Reply]) -> Reply:
        lifeline, operation = self._lifeline(), self._request_operation
        try:
            await lifeline.admit(operation, self._detail)
        except InjectedError as error:
            _discard(answer)
            reply = await self._refuse(error)
        except BaseException:
            _discard(answer)
            raise
        else:
            reply = await self._slowed(answer, operation)
        await lifeline.arrive()
        return reply

    def _pull(self, chunks: AsyncIterator[bytes]) -> Awaitable[bytes]:
        return self._pulled(chunks)

    async def _pulled(self, chunks: AsyncIterator[bytes]) -> bytes:
        lifeline = self._lifeline()
        await lifeline.admit(self._chunk_operation, self._detail)
        chunk = await self._slowed(anext(chunks), self._chunk_operation)
        await lifeline.arrive()
        return chunk

    async def _slowed(self, work: Awaitable[T], operation: str) -> T:
        """Return what *work* returns, later if the host is slow as it begins."""
        slow: tuple[Fault, ...] = self._point.slowdowns(operation, self._detail)
        if not slow:
            return await work
        start_ns = self._loop.now_ns
        result = await work
        latency_ns = self._loop.now_ns - start_ns
        more_ns = self._point.stretched(latency_ns, slow) - latency_ns
        if more_ns > 0:
            await asyncio.sleep(more_ns / NS)
        return result

    async def _in_time(self, awaitable: Awaitable[T], what: str) -> T:
        return await super()._in_time(self._lifeline().run(awaitable), what)

    def _lifeline(self) -> Lifeline:
        connection = self._connection
        assert connection is not None
        assert connection.lifeline is not None
        return connection.lifeline

    def _broken(self, error: ConnectionError) -> Exception:
        if not isinstance(error, PeerClosed):
            return super()._broken(error)
        # In the words of httpcore and h11.
        words = (
            "peer closed connection without sending complete message body (incomplete chunked read)"
            if self._has_headers
            else "Server disconnected without sending a response."
        )
        return self._dialect.error("RemoteProtocolError", words, self._request)


def _discard(answer: Awaitable[Reply]) -> None:
    close = getattr(answer, "close", None)
    if close is not None:
        close()
