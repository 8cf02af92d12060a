"""
Simulated HTTP for hours of load: the hosts of tier CLIENT, a client without httpx's layers.
"""

from __future__ import annotations

import json as json_library
from collections.abc import AsyncIterable, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import lru_cache
from types import ModuleType
from typing import Any, Final, NoReturn, Self, cast
from urllib.parse import urlencode

import httpx

from agent_perf.sim.services.http import SimHttp
from agent_perf.sim.services.http_library import Dialect, HttpLibrary, dialect_of
from agent_perf.sim.services.http_pool import ConnectionPool
from agent_perf.sim.services.http_transport import transport_class
from agent_perf.sim.stubs.http_message import (
    StubHeaders,
    StubRequest,
    StubResponse,
    StubUrl,
    lowered,
    parsed_url,
)
from agent_perf.sim.stubs.refusal import refuse

_DEFAULT: Final = object()
# What httpx writes, spaces left out.
_to_json: Final = json_library.JSONEncoder(
    ensure_ascii=False, separators=(",", ":"), allow_nan=False
).encode
# Settings of the machine, which a simulation has none of.
_IDLE_SETTINGS: Final = frozenset({"http1", "http2", "trust_env", "verify", "follow_redirects"})


class StubHttp(SimHttp):
    """
    SimHttp, its hosts, routes, pools and time-outs included, behind stubbed clients.

    Draws, counts and spans are those of SimHttp, and for the same calls as many.
    """

    def client(self, library: HttpLibrary[Any] = httpx, **client_kwargs: Any) -> Any:
        """
        Return a stubbed client that raises *library*'s errors.

        Args:
            library: The module httpx or httpx2.
            client_kwargs: *base_url*, *headers*, *params*, *timeout* and *limits*.

        Raises:
            UsageError: For other arguments.
        """
        limits = client_kwargs.pop("limits", None) or httpx.Limits(
            max_connections=100, max_keepalive_connections=20
        )
        transport = self.transport(
            library,
            max_connections=limits.max_connections,
            max_keepalive_connections=limits.max_keepalive_connections,
            keepalive_expiry_s=limits.keepalive_expiry,
        )
        return StubClient(self, transport, cast("ModuleType", library), **client_kwargs)

    def own_client(
        self, library: HttpLibrary[Any], pool: ConnectionPool | None = None, **client_kwargs: Any
    ) -> Any:
        """
        Return *library*'s own AsyncClient, as tier CLIENT has it, for what no stub knows.

        Args:
            library: The module httpx or httpx2.
            pool: Whose connections it uses; one of its own, with the usual limits, if None.
            client_kwargs: As AsyncClient takes them; no *limits*.
        """
        dialect = dialect_of(cast("ModuleType", library))
        shared = self.transport(library).pool if pool is None else pool
        # One with our dialect may stand in front of the same pool.
        transport = transport_class(dialect)(self, dialect, shared)
        return library.AsyncClient(transport=transport, **client_kwargs)

    def _dialect(self, library: ModuleType) -> Dialect:
        return stub_dialect(library)


@lru_cache(maxsize=8)
def stub_dialect(library: ModuleType) -> Dialect:
    """Return *library*'s dialect with our response in place of its own."""
    return replace(dialect_of(library), transport=object, stream=object, response=StubResponse)


class StubClient:
    """What stands for ``AsyncClient``; the arguments are those of StubHttp.client."""

    def __init__(
        self,
        http: StubHttp,
        transport: Any,
        library: ModuleType,
        *,
        base_url: Any = "",
        headers: Any = None,
        params: Any = None,
        timeout: Any = _DEFAULT,
        **kwargs: Any,
    ) -> None:
        for name, value in kwargs.items():
            if value and name not in _IDLE_SETTINGS:
                refuse(f"http.client({name}=...)")
        self._http = http
        self._transport = transport
        self._library = library
        self._base_url = str(base_url).rstrip("/")
        self._headers = lowered(headers, library)
        self._params = params
        self._follows = bool(kwargs.get("follow_redirects"))
        self._extensions = self._timeouts(5.0 if timeout is _DEFAULT else timeout)
        self.is_closed = False

    async def request(self, method: str, url: Any, **kwargs: Any) -> StubResponse:
        """Return the response to one request, its body read."""
        # httpx's arguments, of which a few are the client's and not the request's.
        return await self.send(self.build_request(method, url, **kwargs))

    async def get(self, url: Any, **kwargs: Any) -> StubResponse:
        """Send GET."""
        return await self.send(self.build_request("GET", url, **kwargs))

    async def post(self, url: Any, **kwargs: Any) -> StubResponse:
        """Send POST."""
        return await self.send(self.build_request("POST", url, **kwargs))

    async def put(self, url: Any, **kwargs: Any) -> StubResponse:
        """Send PUT."""
        return await self.send(self.build_request("PUT", url, **kwargs))

    async def patch(self, url: Any, **kwargs: Any) -> StubResponse:
        """Send PATCH."""
        return await self.send(self.build_request("PATCH", url, **kwargs))

    async def delete(self, url: Any, **kwargs: Any) -> StubResponse:
        """Send DELETE."""
        return await self.send(self.build_request("DELETE", url, **kwargs))

    async def head(self, url: Any, **kwargs: Any) -> StubResponse:
        """Send HEAD."""
        return await self.send(self.build_request("HEAD", url, **kwargs))

    async def options(self, url: Any, **kwargs: Any) -> StubResponse:
        """Send OPTIONS."""
        return await self.send(self.build_request("OPTIONS", url, **kwargs))

    @asynccontextmanager
    async def stream(self, method: str, url: Any, **kwargs: Any) -> AsyncIterator[StubResponse]:
        """Give the response as soon as its headers are there."""
        response = await self.send(self.build_request(method, url, **kwargs), stream=True)
        try:
            yield response
        finally:
            await response.aclose()

    async def send(
        self, request: StubRequest, *, stream: bool = False, **kwargs: Any
    ) -> StubResponse:
        """Return the response to *request*; with *stream* its body is still to come."""
        for name, value in kwargs.items():
            if value and name != "follow_redirects":
                refuse(f"client.send({name}=...)")
        if self.is_closed:
            raise RuntimeError("Cannot send a request, as the client has been closed.")
        response: StubResponse = await self._transport.handle_async_request(request)
        response.request, response.library = request, self._library
        if response.is_redirect and (self._follows or kwargs.get("follow_redirects")):
            refuse("a redirect that is followed")
        if not stream:
            try:
                await response.aread()
            except BaseException:
                await response.aclose()
                raise
        return response

    def build_request(
        self,
        method: str,
        url: Any,
        *,
        content: Any = None,
        data: Any = None,
        json: Any = None,
        params: Any = None,
        headers: Any = None,
        timeout: Any = _DEFAULT,
        **kwargs: Any,
    ) -> StubRequest:
        """Return a request with the client's settings and these."""
        for name, value in kwargs.items():
            if value and name not in {"follow_redirects", "extensions"}:
                refuse(f"a request with {name}=...")
        body, kind = _body(content, data, json)
        merged = self._headers | lowered(headers, self._library)
        if kind and "content-type" not in merged:
            merged["content-type"] = kind
        if body or method in {"POST", "PUT", "PATCH"}:
            merged["content-length"] = str(len(body))
        extensions = self._extensions if timeout is _DEFAULT else self._timeouts(timeout)
        return StubRequest(
            method.upper(), self._url(url, params), StubHeaders(merged), body, extensions
        )

    def own(self) -> Any:
        """
        Return the library's own client, on the same connections and with the same settings.

        It is another object: closing one leaves the other open.
        """
        client = self._http.own_client(
            cast("HttpLibrary[Any]", self._library),
            self._transport.pool,
            base_url=self._base_url,
            headers=self._headers,
            params=self._params,
            follow_redirects=self._follows,
        )
        client.timeout = self._library.Timeout(**self._extensions["timeout"])
        return client

    async def aclose(self) -> None:
        """Close the idle connections."""
        self.is_closed = True
        await self._transport.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("__"):
            raise AttributeError(name)
        refuse(f"http.client().{name}")

    def _url(self, url: Any, params: Any) -> StubUrl:
        text = str(url)
        if "://" not in text:
            text = f"{self._base_url}/{text.lstrip('/')}" if text else self._base_url
        if params is None and self._params is None:
            return parsed_url(text)
        pairs = {**dict(self._params or {}), **dict(params or {})}
        query = urlencode([(name, one) for name, value in pairs.items() for one in _many(value)])
        joint = "&" if "?" in text else "?"
        return parsed_url(f"{text}{joint}{query}" if query else text)

    def _timeouts(self, timeout: Any) -> Mapping[str, Any]:
        if timeout is None or isinstance(timeout, (int, float)):
            limits = dict.fromkeys(("connect", "read", "write", "pool"), timeout)
        elif hasattr(timeout, "as_dict"):
            limits = timeout.as_dict()
        else:
            limits = self._library.Timeout(timeout).as_dict()
        return {"timeout": limits}


def _body(content: Any, data: Any, json: Any) -> tuple[bytes, str]:
    if json is not None:
        return _to_json(json).encode(), "application/json"
    if isinstance(data, Mapping):
        pairs = [(name, one) for name, value in data.items() for one in _many(value)]
        return urlencode(pairs).encode(), "application/x-www-form-urlencoded"
    content = data if content is None else content
    if content is None:
        return b"", ""
    if isinstance(content, str):
        return content.encode(), "text/plain; charset=utf-8"
    if isinstance(content, (bytes, bytearray)):
        return bytes(content), ""
    if isinstance(content, AsyncIterable):
        refuse("a request whose body is streamed")
    return b"".join(content), ""


def _many(value: Any) -> list[str]:
    if isinstance(value, (list, tuple)):
        return [text for one in value for text in _many(one)]
    if value is None or isinstance(value, bool):
        return [{None: "", True: "true", False: "false"}[value]]
    return [str(value)]
