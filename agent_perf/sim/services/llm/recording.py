"""
Real calls of real endpoints, recorded for `SimLlm.cassette`, in real time.
"""

from __future__ import annotations

import codecs
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2

from agent_perf.codec import dump_cassette, write_atomic
from agent_perf.errors import UsageError
from agent_perf.records import Cassette, Chunk, Recording
from agent_perf.scrubbing import own_secrets, scrubbed_parts
from agent_perf.sim.services.http_library import Dialect, HttpLibrary, dialect_of
from agent_perf.sim.services.llm.comparable import comparable_body, comparable_path, kept_headers


@asynccontextmanager
async def record(
    path: str | Path,
    library: HttpLibrary[Any] = httpx2,
    *,
    transport: Any = None,
    clock_ns: Callable[[], int] = time.perf_counter_ns,
    **client_kwargs: Any,
) -> AsyncIterator[Any]:
    """
    Give an HTTP client whose calls are recorded into the file *path*.

    Run it outside of simulations, against the real endpoint, or a local server::

        async with llm.record("cassettes/chat.json") as http:
            client = openai.AsyncOpenAI(http_client=http)

    The file is written at the end, also after an error in the body, for what was answered
    until then was paid for. It holds no request headers, and no secrets that can be known.

    Args:
        path: A JSON file; replaced if it is there.
        library: The module httpx or httpx2: whichever the SDK wants.
        transport: What really sends; None: the library's own AsyncHTTPTransport.
        clock_ns: Real time.
        client_kwargs: Of the library's AsyncClient.

    Raises:
        StoreError: If the file cannot be written.
        UsageError: If an answer is compressed although it was asked not to be.
    """
    dialect = dialect_of(library)  # type: ignore[arg-type]  # A module.
    inner = dialect.module.AsyncHTTPTransport() if transport is None else transport
    reel = _Reel(clock_ns=clock_ns, takes=[])
    client_kwargs["transport"] = _transport(dialect, inner, reel)
    try:
        async with library.AsyncClient(**client_kwargs) as client:
            yield client
    finally:
        recordings = tuple(take.recording() for take in reel.takes if take.status)
        write_atomic(Path(path), dump_cassette(Cassette(recordings=recordings)))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reel:
    clock_ns: Callable[[], int]
    takes: list[_Take]


@dataclass(slots=True, kw_only=True)
class _Take:
    """One call while it is recorded."""

    method: str
    path: str
    content: bytes
    secrets: tuple[str, ...]
    at_ns: int
    status: int = 0
    headers: tuple[tuple[str, str], ...] = ()
    headers_after_ns: int = 0
    chunks: list[tuple[int, bytes]]

    def recording(self) -> Recording:
        # A code point that is cut in two belongs to the chunk that completes it.
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        texts = [decoder.decode(content) for _, content in self.chunks]
        texts = scrubbed_parts(texts, self.secrets)
        waits_ns = [after_ns for after_ns, _ in self.chunks]
        return Recording(
            method=self.method,
            path=comparable_path(self.path),
            body=comparable_body(self.content, secrets=self.secrets),
            status=self.status,
            headers=self.headers,
            headers_after_ns=self.headers_after_ns,
            chunks=tuple(
                Chunk(after_ns=after_ns, text=text)
                for after_ns, text in zip(waits_ns, texts, strict=True)
            ),
        )


def _transport(dialect: Dialect, inner: Any, reel: _Reel) -> Any:
    kind = type("RecordingTransport", (_Recording, dialect.transport), {})
    stream = type("RecordedStream", (_RecordedStream, dialect.stream), {})
    return kind(dialect, inner, reel, stream)


class _Recording:
    def __init__(
        self, dialect: Dialect, inner: Any, reel: _Reel, stream: Callable[..., Any]
    ) -> None:
        self._dialect = dialect
        self._inner = inner
        self._reel = reel
        self._stream = stream

    async def handle_async_request(self, request: Any) -> Any:
        request.headers["accept-encoding"] = "identity"
        content = await request.aread()
        clock_ns = self._reel.clock_ns
        headers: Mapping[str, str] = request.headers
        take = _Take(
            method=request.method,
            path=request.url.path,
            content=content,
            secrets=own_secrets(headers),
            at_ns=clock_ns(),
            chunks=[],
        )
        self._reel.takes.append(take)
        response = await self._inner.handle_async_request(request)
        now_ns = clock_ns()
        encoding = response.headers.get("content-encoding", "identity")
        if encoding != "identity":
            raise UsageError(
                f"{request.method} {request.url.path} was answered with content-encoding "
                f"{encoding!r}; a cassette wants text: switch compression off at the endpoint"
            )
        take.headers_after_ns, take.at_ns = now_ns - take.at_ns, now_ns
        take.headers = kept_headers(response.headers.multi_items())
        take.status = response.status_code
        return self._dialect.module.Response(
            response.status_code,
            headers=response.headers,
            stream=self._stream(response.stream, take, clock_ns),
            extensions=response.extensions,
        )

    async def aclose(self) -> None:
        await self._inner.aclose()


class _RecordedStream:
    def __init__(self, stream: Any, take: _Take, clock_ns: Callable[[], int]) -> None:
        self._stream = stream
        self._take = take
        self._clock_ns = clock_ns

    async def __aiter__(self) -> AsyncIterator[bytes]:
        take = self._take
        async for content in self._stream:
            now_ns = self._clock_ns()
            take.chunks.append((now_ns - take.at_ns, bytes(content)))
            take.at_ns = now_ns
            yield content

    async def aclose(self) -> None:
        await self._stream.aclose()
