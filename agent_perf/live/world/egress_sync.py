"""
Synchronous HTTP clients of an application, at tier live: they wait in their thread.
"""

from __future__ import annotations

import asyncio
import functools
from contextlib import ExitStack
from importlib import import_module
from typing import Any

from agent_perf.errors import BrokenError


def catch_sync(stack: ExitStack) -> None:
    """
    Let synchronous transports, which by now lead to the world's hosts, wait as threads do.

    The hosts live on the loop. Whoever blocks the loop's own thread would wait for ever.
    """
    loop = asyncio.get_running_loop()
    for name in ("httpx", "httpx2"):
        library = import_module(name)
        kind = library.HTTPTransport
        original = kind.handle_request
        asynchronous = library.AsyncHTTPTransport
        stack.callback(setattr, kind, "handle_request", original)
        kind.handle_request = _waiting(loop, library, asynchronous, original)


def _waiting(
    loop: asyncio.AbstractEventLoop, library: Any, asynchronous: Any, original: Any
) -> Any:
    @functools.wraps(original)
    def caught(self: Any, request: Any) -> Any:
        if asyncio._get_running_loop() is loop:
            raise BrokenError(
                f"{request.method} {request.url}: a synchronous call on the event loop's own "
                "thread, which at tier 'live' the scenario's hosts live on, too; make the call "
                "asynchronous, or hand it to a thread with asyncio.to_thread"
            )
        request.read()

        async def ask() -> tuple[int, Any, bytes, Any]:
            # By the transport's own pool, which is one of asynchronous connections' twin.
            response = await asynchronous.handle_async_request(self, request)
            try:
                parts = [part async for part in response.stream]
            finally:
                await response.stream.aclose()
            return response.status_code, response.headers.raw, b"".join(parts), response.extensions

        status, headers, content, extensions = asyncio.run_coroutine_threadsafe(
            ask(), loop
        ).result()
        return library.Response(
            status, headers=headers, stream=library.ByteStream(content), extensions=extensions
        )

    return caught
