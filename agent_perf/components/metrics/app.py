"""
Metrics over HTTP: an ASGI application of one page.
"""

from __future__ import annotations

import gzip
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any, Protocol, TypeAlias

from agent_perf.components.metrics.exposition import (
    OPENMETRICS_TYPE,
    PROMETHEUS_TYPE,
    openmetrics_text,
    prometheus_text,
)
from agent_perf.components.metrics.families import Family

Message: TypeAlias = MutableMapping[str, Any]
AsgiApp: TypeAlias = Callable[
    [Message, Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]],
    Awaitable[None],
]


class Collects(Protocol):
    """What there is to read: `Metrics`."""

    def collect(self) -> Iterable[Family]:
        """Return all families; does not raise."""


def metrics_app(metrics: Collects) -> AsgiApp:
    """
    Return an ASGI application that answers GET and HEAD with *metrics*, on any path.

    OpenMetrics and gzip for who asks for them, else plain Prometheus text.

    Example::

        app.mount("/metrics", metrics_app(metrics))  # FastAPI, Starlette
    """

    async def app(
        scope: Message,
        receive: Callable[[], Awaitable[Message]],
        send: Callable[[Message], Awaitable[None]],
    ) -> None:
        if scope["type"] == "lifespan":
            await _live(receive, send)
        elif scope["type"] != "http":
            raise ValueError(f"metrics are read by HTTP, not by {scope['type']}")
        elif scope["method"] not in {"GET", "HEAD"}:
            await _answer(send, 405, [(b"allow", b"GET, HEAD")], b"")
        else:
            wishes = _wishes(scope.get("headers", ()))
            headers, body = _page(metrics, wishes)
            await _answer(send, 200, headers, body if scope["method"] == "GET" else b"")

    return app


def _page(metrics: Collects, wishes: dict[str, str]) -> tuple[list[tuple[bytes, bytes]], bytes]:
    if _wants(wishes.get("accept", ""), "application/openmetrics-text"):
        kind, text = OPENMETRICS_TYPE, openmetrics_text(metrics.collect())
    else:
        kind, text = PROMETHEUS_TYPE, prometheus_text(metrics.collect())
    body = text.encode(errors="replace")
    headers = [(b"content-type", kind.encode()), (b"vary", b"accept, accept-encoding")]
    if _wants(wishes.get("accept-encoding", ""), "gzip"):
        # Level 1 halves the time of level 6 and costs a tenth in size.
        body = gzip.compress(body, compresslevel=1, mtime=0)
        headers.append((b"content-encoding", b"gzip"))
    return [*headers, (b"content-length", str(len(body)).encode())], body


def _wishes(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in headers:
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        found[key] = f"{found[key]}, {text}" if key in found else text
    return found


def _wants(header: str, name: str) -> bool:
    """Return whether an Accept header names *name* without ``q=0``."""
    for part in header.lower().split(","):
        value, *options = (piece.strip() for piece in part.split(";"))
        if value == name:
            return not any(
                option.startswith("q=") and option[2:].strip("0.") == "" for option in options
            )
    return False


async def _answer(
    send: Callable[[Message], Awaitable[None]],
    status: int,
    headers: list[tuple[bytes, bytes]],
    body: bytes,
) -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _live(
    receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
