"""Asking a service, and what of its answers is taken down."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import httpx
import pytest

from agent_perf.config import NamedRequest
from agent_perf.live import Answer, Asker, asking, ready

Handler = Callable[[httpx.Request], Awaitable[httpx.Response]]


def asked(named: NamedRequest, handler: Handler, environ: dict[str, str] | None = None) -> Answer:
    """Return what becomes of the request that *named* says."""

    async def ask() -> Answer:
        transport = httpx.MockTransport(handler)
        async with Asker("http://app", transport=transport, keep_content=True) as asker:
            return await asker.ask(ready("chat", named, environ or {}))

    return asyncio.run(ask())


def answering(status: int, content: bytes = b"") -> Handler:
    """Return a service that always says the same."""

    async def handler(_request: httpx.Request) -> httpx.Response:
        return httpx.Response(status, content=content)

    return handler


def test_a_good_answer() -> None:
    """
    It has a status, a size, times in order, and no error.
    """
    answer = asked(NamedRequest(contains="week"), answering(200, b"in a week"))

    assert answer.is_good
    assert ("chat", 200, 9, b"in a week") == (
        answer.name,
        answer.status,
        answer.size_bytes,
        answer.content,
    )
    assert answer.first_s is not None
    assert 0 < answer.first_s <= answer.latency_s


@pytest.mark.parametrize(
    ("named", "handler", "error", "detail"),
    [
        (NamedRequest(), answering(503, b"down\nfor now"), "status", "503: down for now"),
        (NamedRequest(status=(404,)), answering(200), "status", "200"),
        (NamedRequest(contains="ok"), answering(200, b"no"), "content", "'ok' is not in the"),
    ],
)
def test_a_bad_answer(named: NamedRequest, handler: Handler, error: str, detail: str) -> None:
    """
    Each way in which an answer is bad has its category, and a line for people.
    """
    answer = asked(named, handler)

    assert error == answer.error
    assert detail in answer.detail


def test_silence_is_a_timeout() -> None:
    """
    The limit is of the whole answer.
    """

    async def silent(_request: httpx.Request) -> httpx.Response:
        await asyncio.Event().wait()
        raise AssertionError

    answer = asked(NamedRequest(timeout_s=0.01), silent)

    assert ("timeout", None) == (answer.error, answer.status)


def test_a_lost_connection_is_the_networks_and_tells_no_secret() -> None:
    """
    A client's message may quote what was sent.
    """

    async def lost(request: httpx.Request) -> httpx.Response:
        raise httpx.ReadError(f"lost, after {request.headers['x-key']}")

    answer = asked(NamedRequest(headers={"x-key": "${K}"}), lost, {"K": "hunter2hunter2"})

    assert "network" == answer.error
    assert "ReadError: lost, after [redacted]" == answer.detail


def test_the_first_event_of_a_stream_is_timed() -> None:
    """
    A comment is none, nor is an event that is not whole yet.
    """
    pieces = [b": ping\n\n", b"data: he", b"llo\n\n", b"data: [DONE]\n\n"]
    waits_s = [0.0, 0.0, 0.03, 0.03]

    async def spoken() -> AsyncIterator[bytes]:
        for piece, wait_s in zip(pieces, waits_s, strict=True):
            await asyncio.sleep(wait_s)
            yield piece

    async def streaming(_request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, content=spoken())

    answer = asked(NamedRequest(stream=True), streaming)

    assert answer.first_s is not None
    assert 0.03 <= answer.first_s <= answer.latency_s - 0.03


@pytest.mark.parametrize("content", [b"", b": data: x\n\n", b"data: cut\n", b'{"a": 1}'])
def test_a_stream_without_an_event_is_not_good(content: bytes) -> None:
    """
    A comment that speaks of data is none, nor is what its empty line never ended.
    """
    answer = asked(NamedRequest(stream=True), answering(200, content))

    assert ("content", None) == (answer.error, answer.first_s)
    assert "it has no event with data" in answer.detail
    assert asked(NamedRequest(stream=True, status=(503,)), answering(503, content)).is_good


def test_an_endless_answer_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    No answer fills the memory.
    """
    monkeypatch.setattr(asking, "ANSWER_BYTES_MAX", 10)

    assert "too_long" == asked(NamedRequest(), answering(200, b"x" * 11)).error


@pytest.mark.parametrize("packed", ["zstd", "br", "gzip, gzip", "\x01"])
def test_what_may_be_a_bomb_is_not_unpacked(packed: str) -> None:
    """
    32 KiB of zstd may be 2 GiB of zeros, and so may a gzip in a gzip: nobody asked for them.
    """

    async def bomb(request: httpx.Request) -> httpx.Response:
        assert "gzip, deflate" == request.headers["accept-encoding"]

        async def never() -> AsyncIterator[bytes]:
            raise AssertionError("it was read")
            yield b""

        return httpx.Response(200, headers={"content-encoding": packed}, content=never())

    answer = asked(NamedRequest(), bomb)

    assert ("content", 0) == (answer.error, answer.size_bytes)
    assert "want gzip, deflate or as it is" in answer.detail
