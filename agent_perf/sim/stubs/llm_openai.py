"""
What stands for openai's client: chat completions, whole or streamed, over a stubbed HTTP.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import suppress
from typing import Any, Final, Self

import msgspec
import openai

from agent_perf.sim.stubs.http import StubClient
from agent_perf.sim.stubs.llm_errors import (
    connection_error,
    event_error,
    is_of_transport,
    status_error,
)
from agent_perf.sim.stubs.llm_messages import Chunk, Completion, plain

# Those of openai's client: "Retries", in its README; _constants.py and _base_client.py.
_RETRIES_MAX: Final = 2
_RETRIED: Final = frozenset({408, 409, 429})
_DELAY_S: Final = (0.5, 8.0)
_ASKED_DELAY_S_MAX: Final = 60.0
_TIMEOUT: Final = (5.0, 600.0, 600.0, 600.0)

_OPTIONS: Final = frozenset(
    {"api_key", "base_url", "http_client", "max_retries", "timeout", "default_headers"}
)

_chunk_decoder: Final = msgspec.json.Decoder(Chunk)
_completion_decoder: Final = msgspec.json.Decoder(Completion)


class StubOpenAi:
    """
    Knows ``chat.completions.create``; for all else it makes openai's own client, once.

    Args:
        api_key: Sent as the bearer.
        base_url: Where it calls.
        http_client: A stubbed one, or a real one.
        max_retries: Of a request that failed for a reason that may pass, >= 0.
        timeout: As httpx takes it; None: 600 s, and 5 s to connect.
        default_headers: Of all requests.

    Attributes:
        chat: The resource, whose ``completions`` are stubbed.
    """

    def __init__(
        self,
        *,
        api_key: str,
        base_url: Any,
        http_client: Any,
        max_retries: int = _RETRIES_MAX,
        timeout: Any = None,
        default_headers: Mapping[str, str] | None = None,
    ) -> None:
        self.api_key = api_key
        self.base_url = str(base_url).rstrip("/")
        self.max_retries = max_retries
        self.timeout = timeout
        self.chat = _Chat(self)
        self._http = http_client
        self._headers = dict(default_headers or {})
        self._sent_headers = {
            "authorization": f"Bearer {api_key}",
            "content-type": "application/json",
            **self._headers,
        }
        self._own: Any = None

    def with_options(self, **options: Any) -> Any:
        """Return a client with these arguments in place of its own."""
        if not options.keys() <= _OPTIONS:
            return self.own().with_options(**options)
        own = self._arguments() | {"http_client": self._http}
        return StubOpenAi(**own | options)

    copy = with_options

    def own(self) -> openai.AsyncOpenAI:
        """Return openai's own client, over the same connections."""
        if self._own is None:
            http = self._http.own() if isinstance(self._http, StubClient) else self._http
            self._own = openai.AsyncOpenAI(**self._arguments(), http_client=http)
        client: openai.AsyncOpenAI = self._own
        return client

    def _arguments(self) -> dict[str, Any]:
        return {
            "api_key": self.api_key,
            "base_url": self.base_url,
            "max_retries": self.max_retries,
            "timeout": openai.NOT_GIVEN if self.timeout is None else self.timeout,
            "default_headers": self._headers,
        }

    async def complete(
        self,
        *,
        stream: bool | None = None,
        timeout: Any = None,
        extra_headers: Mapping[str, str] | None = None,
        extra_body: Mapping[str, Any] | None = None,
        **body: Any,
    ) -> Any:
        """
        Return a completion, or with *stream* its chunks; what ``chat.completions.create`` is.

        Raises:
            openai.OpenAIError: As the real client.
        """
        if "extra_query" in body:
            options = {"stream": stream, "timeout": timeout}
            given = {name: value for name, value in options.items() if value is not None}
            return await self.own().chat.completions.create(
                extra_headers=extra_headers, extra_body=extra_body, **given, **body
            )
        body = {name: plain(value) for name, value in body.items() if not _is_left_out(value)}
        if isinstance(stream, bool):
            body["stream"] = stream
        body |= extra_body or {}
        headers = self._sent_headers | dict(extra_headers or {})
        limits = self.timeout if timeout is None or _is_left_out(timeout) else timeout
        request = self._http.build_request(
            "POST",
            f"{self.base_url}/chat/completions",
            json=body,
            headers=headers,
            timeout=_TIMEOUT if limits is None or _is_left_out(limits) else limits,
        )
        response = await self._send(request, stream=body.get("stream") is True)
        if body.get("stream") is True:
            return StubStream(response)
        return _completion_decoder.decode(await response.aread())

    async def close(self) -> None:
        """Close the HTTP client."""
        await self._http.aclose()
        if self._own is not None:
            await self._own.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self.own(), name)

    async def _send(self, request: Any, *, stream: bool) -> Any:
        for retry in range(self.max_retries + 1):
            left = self.max_retries - retry
            asked = ""
            try:
                response = await self._http.send(request, stream=stream)
            except Exception as error:
                if not left or not is_of_transport(error):
                    raise connection_error(error, request) from error
            else:
                if response.status_code < 400:
                    return response
                if not left or not _may_pass(response.status_code):
                    await response.aread()
                    raise status_error(response)
                asked = response.headers.get("retry-after", "")
                # Unread, like openai's: of a stream it costs the connection.
                await response.aclose()
            await asyncio.sleep(_delay_s(retry, asked))
        raise AssertionError("the last attempt returns or raises")


class _Chat:
    """
    The resource ``chat``.

    Attributes:
        completions: The resource.
    """

    def __init__(self, client: StubOpenAi) -> None:
        self.completions = _Completions(client)
        self._client = client

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self._client.own().chat, name)


class _Completions:
    """
    The resource ``chat.completions``.

    Attributes:
        create: As openai's.
    """

    def __init__(self, client: StubOpenAi) -> None:
        self.create = client.complete
        self._client = client

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self._client.own().chat.completions, name)


class StubStream:
    """
    What stands for ``AsyncStream``.

    Attributes:
        response: Whose body it is.
    """

    def __init__(self, response: Any) -> None:
        self.response = response
        self._chunks = self._read()

    def __aiter__(self) -> AsyncIterator[Chunk]:
        """Return the iterator over the chunks."""
        return self._chunks

    async def __anext__(self) -> Chunk:
        """Return the next chunk when it has arrived."""
        return await anext(self._chunks)

    async def close(self) -> None:
        """Stop reading."""
        await self._chunks.aclose()
        await self.response.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _read(self) -> AsyncGenerator[Chunk, None]:
        decode, rest = _chunk_decoder.decode, b""
        try:
            async for data in self.response.aiter_bytes():
                *events, rest = (rest + data).split(b"\n\n")
                for event in events:
                    payload = event.removeprefix(b"data: ")
                    if payload == b"[DONE]":
                        # What is left is read all the same, to use the connection again.
                        continue
                    if payload.startswith(b'{"error"'):
                        raise event_error(payload, self.response)
                    yield decode(payload)
        finally:
            await self.response.aclose()


def _is_left_out(value: object) -> bool:
    return isinstance(value, (openai.NotGiven, openai.Omit))


def _may_pass(status: int) -> bool:
    return status in _RETRIED or status >= 500


def _delay_s(retry: int, asked: str) -> float:
    with suppress(ValueError):
        if 0 < float(asked) <= _ASKED_DELAY_S_MAX:
            return float(asked)
    first_s, most_s = _DELAY_S
    delay_s: float = min(first_s * 2**retry, most_s) * (1 - 0.25 * random.random())
    return delay_s
