"""A body in one piece, read on the short way, looks as one that the library read."""

import asyncio
from collections.abc import AsyncIterator
from types import ModuleType
from typing import Any

import httpx
import httpx2
import pytest

from agent_perf.sim import Reply, SimHttp, SimLoop, SimRequest, simulate
from tests.sim.services.ledger import Ledger, round_draws

both = pytest.mark.parametrize("library", [httpx, httpx2], ids=["httpx", "httpx2"])
BODY = b"0123456789"


async def chunked() -> AsyncIterator[bytes]:
    yield BODY


async def answer(request: SimRequest) -> Reply:
    await asyncio.sleep(0.25)
    return Reply(content=chunked() if request.path == "/chunked" else BODY)


def look(response: Any) -> tuple[object, ...]:
    """Return all that a response tells of its body."""
    return (
        response.content,
        response.text,
        response.is_closed,
        response.is_stream_consumed,
        response.num_bytes_downloaded,
        response.elapsed,
        repr(response),
    )


async def got(library: Any, client: Any, path: str) -> object:
    response = await client.get(path)
    assert isinstance(response, library.Response)
    return look(response), await response.aread(), [part async for part in response.aiter_bytes(4)]


async def streamed_and_read(library: Any, client: Any, path: str) -> object:
    async with client.stream("GET", path) as response:
        before = (response.is_closed, response.is_stream_consumed)
        await response.aread()
    return before, look(response)


async def streamed_in_parts(library: Any, client: Any, path: str) -> object:
    async with client.stream("GET", path) as response:
        parts = [part async for part in response.aiter_bytes(4)]
        with pytest.raises(library.StreamConsumed):
            await response.aread()
        return parts, response.is_closed, response.num_bytes_downloaded


async def streamed_by_lines(library: Any, client: Any, path: str) -> object:
    async with client.stream("GET", path) as response:
        return [line async for line in response.aiter_lines()]


async def closed_and_read(library: Any, client: Any, path: str) -> object:
    async with client.stream("GET", path) as response:
        pass
    with pytest.raises(library.StreamClosed):
        await response.aread()
    with pytest.raises(library.ResponseNotRead):
        response.content  # noqa: B018 - It raises.
    return response.is_closed, response.is_stream_consumed


@both
@pytest.mark.parametrize(
    "use", [got, streamed_and_read, streamed_in_parts, streamed_by_lines, closed_and_read]
)
def test_agrees_with_the_library(library: ModuleType, use: Any) -> None:
    """However a client reads it, a whole body and one chunk of the same bytes are alike."""

    async def main(loop: SimLoop) -> tuple[object, object, int]:
        http = SimHttp(round_draws(http_connect=0), Ledger())
        http.mount("x.sim", answer)
        async with http.client(library, base_url="http://x.sim") as client:
            whole = await use(library, client, "/whole")
            by_chunk = await use(library, client, "/chunked")
            open_count: int = client._transport.pool.open_count
        return whole, by_chunk, open_count

    whole, by_chunk, open_count = simulate(main)
    assert by_chunk == whole
    assert (0 if use is closed_and_read else 1) == open_count


@both
def test_short_way_is_taken(library: ModuleType) -> None:
    """A whole body does not come through the library's generators; a chunked one does."""

    async def main(loop: SimLoop) -> list[bool]:
        http = SimHttp(round_draws(http_connect=0), Ledger())
        http.mount("x.sim", answer)
        taken = []
        async with http.client(library, base_url="http://x.sim") as client:
            for path in ("/whole", "/chunked"):
                response = await client.get(path)
                taken.append(response.whole is not None)
        return taken

    assert [True, False] == simulate(main)
