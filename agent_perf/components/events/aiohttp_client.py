"""
An HTTP client for PusherClient over aiohttp, which takes a third of httpx's CPU time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Self

import aiohttp
from yarl import URL

from agent_perf.errors import ConfigError

# What aiohttp would say of itself by default; each costs time, and none is asked for.
_SKIPPED: Final = ("Accept", "Accept-Encoding", "User-Agent")


@dataclass(frozen=True, slots=True)
class AiohttpResponse:
    """
    What PusherClient reads of a response.

    Attributes:
        status_code: The HTTP status.
        content: The body.
        headers: Names in any case.
    """

    status_code: int
    content: bytes
    headers: Mapping[str, str]

    @property
    def text(self) -> str:
        """The body."""
        return self.content.decode(errors="replace")


class AiohttpClient:
    """
    Posts over keep-alive connections, on one event loop.

    Args:
        connections_max: Connections at most, >= 1; further requests wait for one.
        timeout_s: Longest wait for a whole response, connecting included, > 0.
        connect_timeout_s: Of that, longest wait for a connection, > 0.
        idle_s: How long an unused connection is kept, > 0. Less than the server keeps it:
            a request into a connection that is just being closed may have been delivered.

    Example::

        async with AiohttpClient() as http:
            client = PusherClient(http, app_id="1", key="k", secret="s")
    """

    def __init__(
        self,
        *,
        connections_max: int = 10,
        timeout_s: float = 5.0,
        connect_timeout_s: float = 2.0,
        idle_s: float = 15.0,
    ) -> None:
        if connections_max < 1 or not min(timeout_s, connect_timeout_s, idle_s) > 0:
            raise ConfigError(
                f"connections_max={connections_max}, timeout_s={timeout_s}, "
                f"connect_timeout_s={connect_timeout_s}, idle_s={idle_s}; want >= 1 and > 0"
            )
        self._connections_max = connections_max
        self._timeout = aiohttp.ClientTimeout(total=timeout_s, connect=connect_timeout_s)
        self._idle_s = idle_s
        self._session: aiohttp.ClientSession | None = None
        self._closed = False

    async def post(
        self, url: str, *, content: bytes, headers: Mapping[str, str]
    ) -> AiohttpResponse:
        """
        Send a request, and return the whole response; redirects are not followed.

        Raises:
            aiohttp.ClientError: If there is none.
            TimeoutError: If it takes too long.
        """
        session = self._session or self._open()
        # What is signed must be sent as it is, and is quoted already.
        response = await session.post(
            URL(url, encoded=True), data=content, headers=headers, allow_redirects=False
        )
        return AiohttpResponse(response.status, await response.read(), response.headers)

    async def aclose(self) -> None:
        """Close the connections; posting again is an error."""
        self._closed = True
        if self._session is not None:
            await self._session.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def _open(self) -> aiohttp.ClientSession:
        # Made at the first request, for aiohttp wants a running loop.
        if self._closed:
            raise RuntimeError("post after aclose")
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=self._connections_max, keepalive_timeout=self._idle_s
            ),
            timeout=self._timeout,
            skip_auto_headers=_SKIPPED,
            # The service sets no cookies that we would want to send back.
            cookie_jar=aiohttp.DummyCookieJar(),
        )
        return self._session
