"""
What a stubbed HTTP client sends and gets: httpx's requests and responses, read alike.
"""

from __future__ import annotations

import codecs
import json as json_library
from collections.abc import AsyncIterator, Iterator, Mapping
from functools import lru_cache
from http import HTTPStatus
from types import ModuleType
from typing import Any, Final, NamedTuple, NoReturn
from urllib.parse import unquote, urlsplit

from agent_perf.sim.stubs.refusal import refuse

# Those of str.splitlines, but for "\r".
_LINE_ENDS: Final = "\n\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"
_PORTS: Final = {"http": 80, "https": 443}


class StubUrl(NamedTuple):
    """A URL taken apart, as httpx does."""

    scheme: str
    host: str
    port: int | None
    path: str
    query: bytes
    text: str

    def __str__(self) -> str:
        return self.text


@lru_cache(maxsize=4096)
def parsed_url(text: str) -> StubUrl:
    """Return *text*, an absolute URL, taken apart."""
    parts = urlsplit(text)
    port = None if parts.port == _PORTS.get(parts.scheme) else parts.port
    return StubUrl(
        scheme=parts.scheme,
        host=(parts.hostname or "").lower(),
        port=port,
        path=unquote(parts.path) or "/",
        query=parts.query.encode(),
        text=text,
    )


class StubHeaders(Mapping[str, str]):
    """Headers whose names are in any case."""

    __slots__ = ("_values",)

    def __init__(self, values: dict[str, str]) -> None:
        self._values = values

    @property
    def raw(self) -> list[tuple[bytes, bytes]]:
        """Names and values as bytes."""
        return [(name.encode("ascii"), value.encode()) for name, value in self._values.items()]

    def __getitem__(self, name: str) -> str:
        return self._values[name.lower()]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"Headers({self._values!r})"


class StubRequest:
    """
    What stands for ``httpx.Request``.

    Attributes:
        method: In capitals.
        url: Where it goes.
        headers: Those that were given, and of the body.
        content: The body.
        extensions: The time-outs, as httpx writes them.
    """

    __slots__ = ("content", "extensions", "headers", "method", "url")

    def __init__(
        self,
        method: str,
        url: StubUrl,
        headers: StubHeaders,
        content: bytes,
        extensions: Mapping[str, Any],
    ) -> None:
        self.method = method
        self.url = url
        self.headers = headers
        self.content = content
        self.extensions = extensions

    async def aread(self) -> bytes:
        """Return the body."""
        return self.content


class StubResponse:
    """
    What stands for ``httpx.Response``.

    Attributes:
        status_code: 200 to 599.
        request: What it answers.
        whole: The body, if it is there already; set by whoever made it.
        is_closed: Whether the connection is given back.
    """

    __slots__ = (
        "_content", "_headers", "_stream", "is_closed", "is_stream_consumed", "library",
        "request", "status_code", "whole",
    )  # fmt: skip

    def __init__(self, status_code: int, *, headers: Any, stream: Any) -> None:
        self.status_code = status_code
        self.request: Any = None
        self.library: Any = None
        self.whole: Any = None
        self.is_closed = self.is_stream_consumed = False
        self._headers = headers
        self._stream = stream
        self._content: bytes | None = None

    @property
    def headers(self) -> Any:
        """The library's headers; a copy, because equal responses share them."""
        return self.library.Headers(self._headers)

    @property
    def url(self) -> Any:
        """Where it comes from."""
        return self.library.URL(str(self.request.url))

    @property
    def content(self) -> bytes:
        """The body, once it has been read."""
        if self._content is None:
            error: Exception = self.library.ResponseNotRead()
            raise error
        return self._content

    @property
    def text(self) -> str:
        """The body as text."""
        return self.content.decode("utf-8", "replace")

    @property
    def reason_phrase(self) -> str:
        """The status in words."""
        try:
            return HTTPStatus(self.status_code).phrase
        except ValueError:
            return ""

    @property
    def is_success(self) -> bool:
        """Whether the status is from 200 to 299."""
        return 200 <= self.status_code <= 299

    @property
    def is_error(self) -> bool:
        """Whether the status is from 400 to 599."""
        return 400 <= self.status_code <= 599

    @property
    def is_redirect(self) -> bool:
        """Whether the status is from 300 to 399."""
        return 300 <= self.status_code <= 399

    def json(self, **kwargs: Any) -> Any:
        """Return the body, parsed."""
        return json_library.loads(self.content, **kwargs)

    def raise_for_status(self) -> StubResponse:
        """Return the response; raise the library's HTTPStatusError if it is no success."""
        if self.is_success:
            return self
        kinds = {3: "Redirect response", 4: "Client error", 5: "Server error"}
        kind = kinds.get(self.status_code // 100, "Invalid status code")
        error: Exception = self.library.HTTPStatusError(
            f"{kind} '{self.status_code} {self.reason_phrase}' for url '{self.request.url}'\n"
            "For more information check: "
            f"https://developer.mozilla.org/en-US/docs/Web/HTTP/Status/{self.status_code}",
            request=self.request,
            response=self,
        )
        raise error

    async def aread(self) -> bytes:
        """Return the body when all of it has arrived."""
        if self._content is None:
            if self.whole is not None and not self.is_stream_consumed:
                self._content = self.whole.take_whole()
                self.is_stream_consumed = True
                await self.aclose()
            else:
                self._content = b"".join([chunk async for chunk in self.aiter_raw()])
        return self._content

    def read(self) -> bytes:
        """Return the body, which has been read already."""
        return self.content

    async def aiter_raw(self, chunk_size: int | None = None) -> AsyncIterator[bytes]:
        """Give the body's chunks as they arrive."""
        if chunk_size is not None:
            refuse("response.aiter_raw(chunk_size=...)")
        async for chunk in self._begin_to_read():
            yield chunk
        await self.aclose()

    async def aiter_bytes(self, chunk_size: int | None = None) -> AsyncIterator[bytes]:
        """Give the body's chunks as they arrive, or all of it if it has been read."""
        if chunk_size is not None:
            refuse("response.aiter_bytes(chunk_size=...)")
        if self._content is not None:
            yield self._content
            return
        async for chunk in self._begin_to_read():
            yield chunk
        await self.aclose()

    async def aiter_text(self, chunk_size: int | None = None) -> AsyncIterator[str]:
        """Give the body's text as it arrives."""
        decode = codecs.getincrementaldecoder("utf-8")("replace").decode
        async for chunk in self.aiter_bytes(chunk_size):
            text = decode(chunk)
            if text:
                yield text
        rest = decode(b"", True)
        if rest:
            yield rest

    async def aiter_lines(self) -> AsyncIterator[str]:
        """Give the body's lines as they arrive, without their ends."""
        decode = codecs.getincrementaldecoder("utf-8")("replace").decode
        begun = ""
        # Not by way of the generators above: a model's answer has dozens of chunks, and each
        # generator on their way costs as much as splitting them.
        chunks = self.aiter_bytes() if self._content is not None else self._begin_to_read()
        async for chunk in chunks:
            text = begun + decode(chunk)
            lines = text.splitlines()
            # A line may end in the next chunk, and "\r" with its "\n" there.
            begun = ""
            if text.endswith("\r"):
                begun = lines.pop() + "\r"
            elif text and text[-1] not in _LINE_ENDS:
                begun = lines.pop()
            for line in lines:
                yield line
        for line in (begun + decode(b"", True)).splitlines():
            yield line
        await self.aclose()

    def _begin_to_read(self) -> AsyncIterator[bytes]:
        if self.is_stream_consumed:
            error: Exception = self.library.StreamConsumed()
            raise error
        if "content-encoding" in self._headers:
            refuse("a compressed response")
        self.is_stream_consumed = True
        chunks: AsyncIterator[bytes] = self._stream
        return chunks

    async def aclose(self) -> None:
        """Give the connection back."""
        if not self.is_closed:
            self.is_closed = True
            await self._stream.aclose()

    def iter_bytes(self) -> NoReturn:
        """Refuse: it is a synchronous client's."""
        refuse("response.iter_bytes() of an asynchronous client")


def lowered(headers: Any, library: ModuleType) -> dict[str, str]:
    """Return *headers*, in any form that httpx takes, with their names in lower case."""
    if not headers:
        return {}
    if isinstance(headers, dict):
        return {_text(name).lower(): _text(value) for name, value in headers.items()}
    return dict(library.Headers(headers))


def _text(value: str | bytes) -> str:
    return value if isinstance(value, str) else value.decode("latin-1")
