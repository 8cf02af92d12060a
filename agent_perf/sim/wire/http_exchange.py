"""
One request as its client sees it: what the real transport does, counted and timed.

Also what a failing handler and its client share: the network carries bytes only, but a
mistake in a simulated host is the scenario's, and must reach whoever asked as it is.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextvars import ContextVar
from functools import lru_cache
from typing import Any, Protocol, cast

from agent_perf.sim.loop import SimLoop
from agent_perf.sim.request import Witness
from agent_perf.sim.services.http_library import Dialect

Trace = Callable[[str, dict[str, Any]], Awaitable[None]]


class Outcome:
    """
    What came of a request besides its response.

    Attributes:
        error: What the simulated host raised; None: it did not.
    """

    __slots__ = ("error",)

    def __init__(self) -> None:
        self.error: Exception | None = None


outcome_of: ContextVar[Outcome | None] = ContextVar("agent_perf_http_outcome", default=None)
"""The outcome of the request that is under way: it travels with the request's bytes."""


class Stream(Protocol):
    """A body of one of the libraries."""

    def __aiter__(self) -> AsyncIterator[bytes]:
        """Return the iterator over its chunks."""

    async def aclose(self) -> None:
        """Close it."""


class Exchange:
    """
    Watches one request through the transport's own trace of what it does.

    Args:
        witness: Told of waits, requests, errors and bytes.
        loop: Whose time it is.
        detail: What the request is called.
        trace: The user's own, told as well.
    """

    def __init__(self, witness: Witness, loop: SimLoop, detail: str, trace: Trace | None) -> None:
        self.witness = witness
        self.detail = detail
        self._loop = loop
        self._trace = trace
        self._start_ns = loop.now_ns
        self._waited = False
        self._request_ns: int | None = None

    async def trace(self, event: str, info: dict[str, Any]) -> None:
        """Take note of *event*, as httpcore calls it."""
        if not self._waited and event.endswith(".started"):
            self._waited = True
            now_ns = self._loop.now_ns
            if now_ns > self._start_ns:
                self.witness.span("http.wait", self._start_ns, now_ns, self.detail)
        if event.endswith("send_request_headers.started"):
            if self._request_ns is None:
                self.witness.count("http_requests", 1, self.detail)
            self._request_ns = self._loop.now_ns
        if self._trace is not None:
            await self._trace(event, info)

    def answered(self, status: int) -> None:
        """Take note that the headers of the response are there."""
        self._end_span()
        if status >= 400:
            self.witness.count("http_errors", 1, self.detail)

    def failed(self) -> None:
        """Take note that there will be no response, or not all of it."""
        self._end_span()
        self.witness.count("http_errors", 1, self.detail)

    def abandoned(self) -> None:
        """Take note that the client has stopped waiting."""
        self._end_span()

    def _end_span(self) -> None:
        start_ns, self._request_ns = self._request_ns, None
        if start_ns is not None:
            self.witness.span("http.request", start_ns, self._loop.now_ns, self.detail)


class CountedBody:
    """Ours; `body_class` mixes in the library's stream. Counts what passes."""

    def __init__(self, body: Stream, exchange: Exchange, outcome: Outcome, name: str) -> None:
        self._body = body
        self._exchange = exchange
        self._outcome = outcome
        self._name = name
        self._chunks: AsyncIterator[bytes] | None = None
        self._size_bytes = 0

    def __aiter__(self) -> AsyncIterator[bytes]:
        """Return the iterator over the body's chunks."""
        return self

    async def __anext__(self) -> bytes:
        """Return the next chunk when it is there."""
        chunks = self._chunks
        if chunks is None:
            chunks = self._chunks = aiter(self._body)
        try:
            chunk = await anext(chunks)
        except StopAsyncIteration:
            if self._name == "bytes_sent":
                self._count()
            raise
        except Exception as error:
            self._exchange.witness.count("http_errors", 1, self._exchange.detail)
            if self._outcome.error is not None:
                raise self._outcome.error from error
            raise
        self._size_bytes += len(chunk)
        return chunk

    async def aclose(self) -> None:
        """Close the body."""
        self._count()
        await self._body.aclose()

    def _count(self) -> None:
        size_bytes, self._size_bytes = self._size_bytes, 0
        if size_bytes:
            self._exchange.witness.count(self._name, size_bytes, self._exchange.detail)


@lru_cache(maxsize=8)
def body_class(dialect: Dialect) -> type[CountedBody]:
    """Return `CountedBody` as a body of *dialect*'s library."""
    return cast("type[CountedBody]", type("WireBody", (CountedBody, dialect.stream), {}))
