"""
One request and its response: the steps on the wire, and the limit on each.
"""

from __future__ import annotations

import asyncio
from collections.abc import (
    AsyncIterable,
    AsyncIterator,
    Awaitable,
    Mapping,
)
from functools import lru_cache
from typing import Any, ClassVar, TypeVar, cast

from agent_perf.sim.loop import SimLoop
from agent_perf.sim.request import Witness
from agent_perf.sim.services.http_deadline import Deadline, limit_ns_of
from agent_perf.sim.services.http_library import Dialect
from agent_perf.sim.services.http_pool import Connection, ConnectionPool, Origin
from agent_perf.sim.services.reply import BrokenOff, HeaderPairs, Paced, Reply
from agent_perf.units import NS

T = TypeVar("T")


class Exchange:
    """
    Also the body of its response: `exchange_class` mixes in the library's stream class.

    The connection is given back when the body is closed, to be used again if the body was
    read to its end; a request that fails or is cancelled closes it.

    Attributes:
        is_fallible: Whether chunks may come late, or never.
    """

    is_fallible: ClassVar[bool] = False

    def __init__(
        self,
        *,
        dialect: Dialect,
        witness: Witness,
        loop: SimLoop,
        pool: ConnectionPool,
        request: Any,
        detail: str,
    ) -> None:
        self._dialect = dialect
        self._witness = witness
        self._loop = loop
        self._pool = pool
        self._request = request
        self._detail = detail
        self._connection: Connection | None = None
        self._content: bytes | AsyncIterable[bytes] = b""
        self._chunks: AsyncIterator[bytes] | None = None
        self._paced: Paced | None = None
        self._read_limit_ns: int | None = None
        self._received_bytes = 0
        self._finished = False

    def take_connection(self, origin: Origin) -> bool:
        """Take a connection from the pool; False if there is none to be had now."""
        self._connection = self._pool.take(origin, self._loop)
        return self._connection is not None

    async def wait_for_connection(self, origin: Origin, limit_s: float | None) -> None:
        """Wait in the pool's line for *limit_s* seconds at most."""
        loop = self._loop
        start_ns, deadline, limit_ns = loop.now_ns, Deadline(loop), limit_ns_of(limit_s)
        deadline.begin(limit_ns)
        try:
            self._connection = await self._pool.wait(origin, loop)
        except asyncio.CancelledError:
            if deadline.end():
                raise self._timeout("PoolTimeout", "for a free connection", limit_ns) from None
            raise
        finally:
            deadline.close()
            self._witness.span("http.wait", start_ns, loop.now_ns, self._detail)
        deadline.end()

    def must_connect(self) -> bool:
        """Return whether the connection is new."""
        assert self._connection is not None
        return not self._connection.opened

    async def connect(self, latency_ns: int, limit_s: float | None) -> None:
        """Shake hands."""
        assert self._connection is not None
        start_ns = self._loop.now_ns
        self._witness.count("http_connects", 1, self._detail)
        try:
            await self._pass("ConnectTimeout", "to connect", latency_ns, limit_s)
        finally:
            self._witness.span("http.connect", start_ns, self._loop.now_ns, self._detail)
        self._connection.opened = True

    async def upload(self, latency_ns: int, limit_s: float | None) -> None:
        """Send the request's body, in one write."""
        await self._pass("WriteTimeout", "to send the body", latency_ns, limit_s)

    def note_sent(self, size_bytes: int) -> None:
        """Take note of a request whose body has *size_bytes*."""
        self._witness.count("http_requests", 1, self._detail)
        if size_bytes:
            self._witness.count("bytes_sent", size_bytes, self._detail)

    async def receive(self, answer: Awaitable[Reply], limit_s: float | None) -> Reply:
        """Return the answer: status and headers have arrived, the body may not have."""
        self._read_limit_ns = limit_ns_of(limit_s)
        start_ns = self._loop.now_ns
        try:
            return await self._in_time(answer, "for the headers")
        finally:
            self._witness.span("http.request", start_ns, self._loop.now_ns, self._detail)

    def response(self, reply: Reply) -> Any:
        """Return the library's response, of which this is the body."""
        if reply.status >= 400:
            self._witness.count("http_errors", 1, self._detail)
        self._content = content = reply.content
        # By name: before Python 3.12 isinstance with a Protocol takes 20 us.
        if not self.is_fallible and hasattr(content, "wait_ns"):
            self._paced = cast("Paced", content)
        headers = reply.headers
        pairs = headers if type(headers) is tuple else _pairs(headers)
        whole = isinstance(content, bytes)
        framing = str(len(content)) if isinstance(content, bytes) else "chunked"
        headers, encoded = _headers(self._dialect, pairs, framing)
        response = self._dialect.response(reply.status, headers=headers, stream=self)
        if whole and not encoded:
            response.whole = self
        return response

    def fail(self) -> None:
        """Take note that there is no response, and close the connection."""
        self._witness.count("http_errors", 1, self._detail)
        self.close(reusable=False)

    def close(self, *, reusable: bool) -> None:
        """Give the connection back, once."""
        connection, self._connection = self._connection, None
        if connection is not None:
            self._pool.give_back(connection, self._loop, reusable=reusable)

    # An iterator, not an async generator: asyncio keeps those in a weak set, which costs
    # more than the rest of this method.
    def __aiter__(self) -> AsyncIterator[bytes]:
        """Return the iterator over the body's chunks."""
        return self

    async def __anext__(self) -> bytes:
        """Return the next chunk when it has arrived."""
        paced = self._paced
        if paced is None:
            return await self._next_chunk()
        delay_ns, limit_ns = paced.wait_ns(), self._read_limit_ns
        if delay_ns is None:
            self._finished = True
            raise StopAsyncIteration
        if limit_ns is not None and delay_ns >= limit_ns:
            await self._loop.pause(limit_ns)
            self._witness.count("http_errors", 1, self._detail)
            raise self._timeout("ReadTimeout", "for the next chunk", limit_ns)
        if delay_ns:
            await self._loop.pause(delay_ns)
        chunk = paced.take()
        self._received_bytes += len(chunk)
        return chunk

    async def _next_chunk(self) -> bytes:
        chunks = self._chunks
        if chunks is None:
            content = self._content
            if isinstance(content, bytes):
                return self.take_whole()
            chunks = self._chunks = aiter(content)
        try:
            chunk = await self._in_time(self._pull(chunks), "for the next chunk")
        except StopAsyncIteration:
            self._finished = True
            raise
        except Exception:
            self._witness.count("http_errors", 1, self._detail)
            raise
        self._received_bytes += len(chunk)
        return chunk

    def _pull(self, chunks: AsyncIterator[bytes]) -> Awaitable[bytes]:
        return anext(chunks)

    def take_whole(self) -> bytes:
        """Return the body, which has arrived with the headers."""
        content = self._content
        assert isinstance(content, bytes)
        if self._finished:
            raise StopAsyncIteration
        self._finished = True
        self._received_bytes = len(content)
        return content

    async def aclose(self) -> None:
        """Close the body: httpx calls it at the body's end, too."""
        if self._connection is None:
            return
        self.close(reusable=self._finished)
        if self._received_bytes:
            self._witness.count("bytes_received", self._received_bytes, self._detail)
        if not isinstance(self._content, bytes):
            await _close(self._chunks)
            if self._content is not self._chunks:
                await _close(self._content)

    async def _in_time(self, awaitable: Awaitable[T], what: str) -> T:
        assert self._connection is not None
        deadline = self._connection.deadline
        deadline.begin(self._read_limit_ns)
        try:
            return await awaitable
        except asyncio.CancelledError:
            if deadline.end():
                raise self._timeout("ReadTimeout", what, self._read_limit_ns) from None
            raise
        except ConnectionError as error:
            raise self._broken(error) from error
        finally:
            deadline.end()

    async def _pass(self, name: str, what: str, latency_ns: int, limit_s: float | None) -> None:
        limit_ns = limit_ns_of(limit_s)
        if limit_ns is not None and latency_ns >= limit_ns:
            await self._loop.pause(limit_ns)
            raise self._timeout(name, what, limit_ns)
        if latency_ns:
            await self._loop.pause(latency_ns)

    def _timeout(self, name: str, what: str, limit_ns: int | None) -> Exception:
        limit_s = (limit_ns or 0) / NS
        return self._dialect.error(
            name,
            f"simulated: {self._detail} waited {what}; the limit is {limit_s} s",
            self._request,
        )

    def _broken(self, error: ConnectionError) -> Exception:
        if isinstance(error, BrokenOff):
            name = "RemoteProtocolError"
        else:
            name = "ConnectError" if isinstance(error, ConnectionRefusedError) else "ReadError"
        return self._dialect.error(name, str(error) or type(error).__name__, self._request)


E = TypeVar("E", bound=Exchange)


@lru_cache(maxsize=16)
def exchange_class(dialect: Dialect, kind: type[E]) -> type[E]:
    """Return *kind* as a body of *dialect*'s library."""
    return cast("type[E]", type("SimExchange", (kind, dialect.stream), {}))


async def _close(source: object) -> None:
    close = getattr(source, "aclose", None)
    if close is not None:
        await close()


def _pairs(headers: HeaderPairs) -> tuple[tuple[str, str], ...]:
    return tuple(headers.items() if isinstance(headers, Mapping) else headers)


@lru_cache(maxsize=1024)
def _headers(
    dialect: Dialect, pairs: tuple[tuple[str, str], ...], framing: str
) -> tuple[Any, bool]:
    # Parsing two headers costs more than all else here; the response copies what it is given.
    names = {name.lower() for name, _ in pairs}
    if framing == "chunked":
        own = () if "transfer-encoding" in names else (("transfer-encoding", framing),)
    else:
        own = () if "content-length" in names else (("content-length", framing),)
    encoded = [
        (name.encode("ascii"), value.encode("utf-8", "surrogateescape"))
        for name, value in (*pairs, *own)
    ]
    return dialect.headers(encoded), "content-encoding" in names
