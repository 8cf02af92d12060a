"""
Asks a running service over HTTP, and times the answer and the first event of its stream.
"""

from __future__ import annotations

import asyncio
import os
import time
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self

import httpx

from agent_perf.live.certificates import trusted, with_advice
from agent_perf.live.event_stream import EventStream
from agent_perf.live.request import ReadyRequest
from agent_perf.live.unpacking import ACCEPTED, unpacked
from agent_perf.scrubbing import scrubbed

ANSWER_BYTES_MAX: Final = 16 << 20
"""Of a longer answer no more is read, and it is an error."""
NO_EVENT: Final = "it has no event with data, and stream = true wants a stream of them"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """
    What became of one request.

    Attributes:
        name: Of the request.
        begin_s: When it was sent, on the clock of `time.perf_counter`.
        latency_s: Until the answer's last byte, or until it failed.
        first_s: Until the first byte of its body; for a stream, the first event. None: none came.
        status: Of HTTP; None if there was no answer.
        size_bytes: Of the body.
        error: Category of what went wrong: ``status``, ``timeout``, ``network``, ``content``,
            ``too_long``; empty for a good answer.
        detail: The same for people, without secrets; empty for a good answer.
        content: The body, if it was asked for.
        content_type: As the service calls its body; empty if it does not, or did not answer.
    """

    name: str
    begin_s: float
    latency_s: float
    first_s: float | None
    status: int | None
    size_bytes: int
    error: str
    detail: str
    content: bytes = b""
    content_type: str = ""

    @property
    def is_good(self) -> bool:
        """Whether nothing went wrong."""
        return not self.error


class Asker:
    """
    Sends requests to one service.

    Args:
        base_url: Its address.
        connections_max: Connections at a time, >= 1.
        keep_content: Whether answers hold their bodies.
        transport: Of httpx; None: the network.

    Raises:
        UsageError: If SSL_CERT_FILE names what is no file of certificates.
    """

    def __init__(
        self,
        base_url: str,
        *,
        connections_max: int = 100,
        keep_content: bool = False,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        limits = httpx.Limits(
            max_connections=connections_max, max_keepalive_connections=connections_max
        )
        # Proxies of the environment would be measured instead of the service; and each request
        # has one limit of its own, for the whole answer.
        self._client = httpx.AsyncClient(
            base_url=base_url,
            limits=limits,
            timeout=None,  # noqa: S113
            transport=transport,
            trust_env=False,
            verify=trusted(os.environ),
            headers=ACCEPTED,
        )
        self._keep_content = keep_content

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._client.aclose()

    async def ask(self, request: ReadyRequest) -> Answer:
        """Return what becomes of *request*; what the service does wrong is an answer, too."""
        heard = _Heard()
        begin_s = time.perf_counter()
        try:
            async with asyncio.timeout(request.timeout_s):
                error, detail = await self._exchange(request, heard, begin_s)
        except TimeoutError:
            error, detail = "timeout", f"no whole answer within {request.timeout_s:g} s"
        except httpx.DecodingError as failure:
            error, detail = "content", scrubbed(str(failure), request.secrets)
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as failure:
            told = scrubbed(str(failure), request.secrets)
            error = "network"
            detail = with_advice(f"{type(failure).__name__}: {told}".rstrip(": "))
        return Answer(
            name=request.name,
            begin_s=begin_s,
            latency_s=time.perf_counter() - begin_s,
            first_s=heard.first_s,
            status=heard.status,
            size_bytes=len(heard.content),
            error=error,
            detail=detail,
            content=bytes(heard.content) if self._keep_content else b"",
            content_type=heard.content_type,
        )

    async def _exchange(
        self, request: ReadyRequest, heard: _Heard, begin_s: float
    ) -> tuple[str, str]:
        async with self._client.stream(
            request.method,
            request.path,
            headers=dict(request.headers),
            content=request.content or None,
        ) as response:
            heard.status = response.status_code
            heard.content_type = response.headers.get("content-type", "")
            async for piece in unpacked(response):
                heard.content += piece
                heard.events.feed(piece)
                if heard.first_s is None and (heard.events.count or not request.stream):
                    heard.first_s = time.perf_counter() - begin_s
                if len(heard.content) > ANSWER_BYTES_MAX:
                    return "too_long", f"more than {ANSWER_BYTES_MAX:,} bytes"
        if not request.accepts(response.status_code):
            begin = scrubbed(heard.content[:200].decode("utf-8", "replace"), request.secrets)
            return "status", f"{response.status_code}: {' '.join(begin.split())}".rstrip(": ")
        if request.contains not in heard.content:
            return "content", f"{request.contains.decode()!r} is not in the answer"
        if request.lacks_event(response.status_code, heard.events.count):
            return "content", NO_EVENT
        return "", ""


class _Heard:
    """What has been heard of an answer so far."""

    __slots__ = ("content", "content_type", "events", "first_s", "status")

    def __init__(self) -> None:
        self.content = bytearray()
        self.content_type = ""
        self.events = EventStream()
        self.first_s: float | None = None
        self.status: int | None = None
