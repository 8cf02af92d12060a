"""Answers of others, unpacked with care."""

import asyncio
import gzip

import httpx
import pytest

from agent_perf.errors import BrokenError
from agent_perf.live.canary.prometheus import Prometheus
from agent_perf.live.unpacking import ACCEPTED, unpacked


def test_what_was_asked_for_is_unpacked() -> None:
    """
    gzip is worth its time: exposition of metrics shrinks to a tenth.
    """

    async def read() -> bytes:
        packed = httpx.Response(
            200, headers={"content-encoding": "gzip"}, content=gzip.compress(b"up 1\n")
        )
        return b"".join([piece async for piece in unpacked(packed)])

    assert "gzip, deflate" == ACCEPTED["accept-encoding"]
    assert b"up 1\n" == asyncio.run(read())


def test_a_prometheus_that_sends_a_bomb_is_broken() -> None:
    """
    Whoever answers in its place may not fill the memory.
    """

    def bomb(request: httpx.Request) -> httpx.Response:
        assert "gzip, deflate" == request.headers["accept-encoding"]
        return httpx.Response(200, headers={"content-encoding": "zstd"}, stream=_Never())

    async def ask() -> None:
        async with Prometheus("http://prom:9090", httpx.MockTransport(bomb)) as prometheus:
            await prometheus.samples("up", 0.0, 1.0)

    with pytest.raises(BrokenError, match="packed as 'zstd'; want gzip, deflate or as it is"):
        asyncio.run(ask())


class _Never(httpx.AsyncByteStream):
    """A body that nobody may read."""

    async def __aiter__(self):  # type: ignore[no-untyped-def]
        raise AssertionError
        yield b""
