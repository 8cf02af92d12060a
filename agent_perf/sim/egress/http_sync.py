"""
Synchronous HTTP clients of a program: httpx.Client, openai.OpenAI and the like.
"""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import ExitStack
from typing import Any

from agent_perf.sim.blocking import wait_for

Ask = Callable[[Any, Any], Coroutine[Any, Any, Any]]
"""Given a transport and a request; returns the response of an asynchronous one."""


def catch_sync(stack: ExitStack, library: Any, ask: Ask) -> None:
    """
    Let every synchronous transport of *library* be answered by *ask*, until *stack* is closed.

    On a modelled thread its caller waits, and nobody else; on the loop's own thread all wait.
    """
    kind = library.HTTPTransport
    original = kind.handle_request

    @functools.wraps(original)
    def caught(self: Any, request: Any) -> Any:
        # Whole, it can be sent by either kind of client.
        request.read()
        what = f"{request.method} {request.url}"
        response = wait_for(ask(self, request), what)
        return library.Response(
            response.status_code,
            headers=response.headers.raw,
            stream=_body_class(library)(response, what),
            extensions=response.extensions,
        )

    stack.callback(setattr, kind, "handle_request", original)
    kind.handle_request = caught


@functools.cache
def _body_class(library: Any) -> Any:
    class Body(library.SyncByteStream):  # type: ignore[misc]  # Either library's.
        """The body of an asynchronous response, waited for piece by piece."""

        def __init__(self, response: Any, what: str) -> None:
            self._stream = response.stream
            self._chunks: AsyncIterator[bytes] | None = None
            self._what = what

        def __iter__(self) -> Iterator[bytes]:
            chunks = self._chunks = aiter(self._stream)
            while (chunk := wait_for(_next(chunks), self._what)) is not None:
                yield chunk

        def close(self) -> None:
            """Give the connection back."""
            wait_for(self._stream.aclose(), self._what)

    return Body


async def _next(chunks: AsyncIterator[bytes]) -> bytes | None:
    return await anext(chunks, None)
