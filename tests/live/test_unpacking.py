"""Answers of others, unpacked with care."""

import asyncio
import gzip
import tracemalloc
import zlib
from collections.abc import AsyncIterator, Callable

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
        return b"".join(await read_of(gzip.compress(b"up 1\n"), "gzip"))

    assert "gzip, deflate" == ACCEPTED["accept-encoding"]
    assert b"up 1\n" == asyncio.run(read())


async def read_of(packed: bytes, how: str, piece_bytes: int = 100) -> list[bytes]:
    """Return the pieces of a body that comes in pieces."""
    pieces = [packed[at : at + piece_bytes] for at in range(0, len(packed), piece_bytes)]

    class Body(httpx.AsyncByteStream):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            for piece in pieces:
                yield piece

    response = httpx.Response(
        200,
        headers={"content-encoding": how},
        stream=Body(),
        request=httpx.Request("GET", "http://app"),
    )
    return [piece async for piece in unpacked(response)]


def bare_deflate(data: bytes) -> bytes:
    """Return *data* as servers send it that take deflate by its word."""
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


_PACKERS: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "gzip": ("gzip", gzip.compress),
    "x-gzip": ("x-gzip", gzip.compress),
    "deflate": ("deflate", zlib.compress),
    "bare deflate": ("deflate", bare_deflate),
}


@pytest.mark.parametrize("name", _PACKERS)
@pytest.mark.parametrize("piece_bytes", [1, 7, 1 << 20])
def test_all_that_was_asked_for_can_be_read(name: str, piece_bytes: int) -> None:
    """
    Whatever frame it has, and wherever it is cut into pieces; cut off, it is no answer.
    """
    how, pack = _PACKERS[name]
    content = b"".join(b"line %d\n" % number for number in range(500))
    packed = pack(content)

    assert content == b"".join(asyncio.run(read_of(packed, how, piece_bytes)))
    assert [] == asyncio.run(read_of(b"", how, piece_bytes))
    for end in (1, len(packed) // 2, len(packed) - 1):
        with pytest.raises(httpx.ReadError, match="ends before its end"):
            asyncio.run(read_of(packed[:end], how, piece_bytes))


def test_what_is_no_gzip_is_told() -> None:
    """
    A server that says so and does not pack, or whose bytes were changed on the way.
    """
    changed = bytearray(gzip.compress(b"up 1\n" * 100))
    changed[-6] ^= 1
    for content in (b"<html>not packed at all</html>", bytes(changed)):
        with pytest.raises(httpx.DecodingError, match="sent as gzip, and is none"):
            asyncio.run(read_of(content, "gzip", 10))


def test_a_bomb_comes_in_small_pieces() -> None:
    """
    Who reads can stop: of 64 MiB in 64 KiB no more than one piece is in memory.
    """
    bomb = gzip.compress(bytes(64 << 20))

    async def largest() -> int:
        found = 0
        async for piece in unpacked(_whole(bomb)):
            found = max(found, len(piece))
        return found

    tracemalloc.start()
    try:
        assert 1 << 16 == asyncio.run(largest())
        assert tracemalloc.get_traced_memory()[1] < 2 << 20
    finally:
        tracemalloc.stop()


def _whole(packed: bytes) -> httpx.Response:
    return httpx.Response(
        200,
        headers={"content-encoding": "gzip"},
        stream=httpx.ByteStream(packed),
        request=httpx.Request("GET", "http://app"),
    )


def test_a_prometheus_that_sends_a_bomb_is_broken() -> None:
    """
    Whoever answers in its place may not fill the memory.
    """

    def bomb(request: httpx.Request) -> httpx.Response:
        assert "gzip, deflate" == request.headers["accept-encoding"]
        return httpx.Response(200, headers={"content-encoding": "zstd"}, stream=_Never())

    async def ask() -> None:
        async with Prometheus(
            "http://prom:9090", transport=httpx.MockTransport(bomb)
        ) as prometheus:
            await prometheus.samples("up", 0.0, 1.0)

    with pytest.raises(BrokenError, match="packed as 'zstd'; want gzip, deflate or as it is"):
        asyncio.run(ask())


class _Never(httpx.AsyncByteStream):
    """A body that nobody may read."""

    async def __aiter__(self):  # type: ignore[no-untyped-def]
        raise AssertionError
        yield b""
