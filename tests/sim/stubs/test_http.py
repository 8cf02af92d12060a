"""
The stub of httpx sends, gets, counts and takes its time like the real one.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import httpx2
import pytest

from agent_perf.errors import UsageError
from agent_perf.records import Tier
from agent_perf.sim import Reply, SimRequest
from agent_perf.suite import World
from tests.sim.stubs.both import agreed, outcome, told

URL = "http://echo.sim/a%20b?x=1"


def _mount(world: World) -> list[tuple[str, ...]]:
    seen = []

    async def lines() -> AsyncIterator[bytes]:
        for chunk in (b"one\ntw", b"o\r", b"\nthr\xc3", b"\xa4ee\n\nfour"):
            await asyncio.sleep(0.001)
            yield chunk

    async def echo(request: SimRequest) -> Reply:
        headers = {name: request.headers.get(name, "") for name in ("content-type", "X-One")}
        seen.append((request.method, request.path, request.query, *headers.values()))
        await world.sleep("http.request")
        if request.path == "/lines":
            return Reply(content=lines())
        if request.path == "/slow":
            await asyncio.sleep(9)
        if request.path == "/gone":
            raise ConnectionResetError("gone")
        status = int(request.path[1:]) if request.path[1:].isdigit() else 200
        return Reply(status=status, headers={"X-Two": "2"}, content=request.content or b'{"a": 1}')

    world.http.mount("echo.sim", echo)
    return seen


@pytest.mark.parametrize("library", [httpx, httpx2])
def test_requests_agree(library: Any) -> None:
    """
    Hosts see the same requests, and clients the same responses, errors, counts and times.
    """

    async def work(world: World) -> list[Any]:
        seen = _mount(world)
        found: list[Any] = []
        client_options = {"headers": {"x-one": "1"}, "base_url": "http://echo.sim/", "timeout": 1.0}
        async with world.http.client(library, **client_options) as client:
            for method, url, options in (
                ("GET", URL, {}),
                ("GET", "b", {"params": {"q": ["ä", 1], "r": True}}),
                ("POST", "b", {"json": {"t": "ä", "n": [1.5, None]}}),
                ("POST", "b", {"content": b"raw", "headers": {"Content-Type": "x/y"}}),
                ("PUT", "b", {"data": {"f": "1 2"}}),
                ("DELETE", "404", {}),
                ("GET", "503", {}),
                ("GET", "slow", {}),
                ("GET", "gone", {}),
            ):
                response = await outcome(client.request(method, url, **options))
                if not isinstance(response, tuple):
                    found.append((response.status_code, response.content, response.text))
                    found.append((response.headers["x-two"], response.is_error, str(response.url)))
                    try:
                        response.raise_for_status()
                    except library.HTTPStatusError as error:
                        found.append((str(error), error.response.status_code))
                else:
                    found.append(response)
        return [*found, *seen]

    agreed(work)


def test_streams_agree() -> None:
    """
    Lines, text and bytes of a streamed body come in the same pieces at the same instants.
    """

    async def work(world: World) -> list[Any]:
        _mount(world)
        found: list[Any] = []
        async with world.http.client() as client:
            for name in ("aiter_lines", "aiter_text", "aiter_bytes"):
                async with client.stream("GET", "http://echo.sim/lines") as response:
                    pieces = getattr(response, name)()
                    found += [(piece, round(world.now_s() * 1e9)) async for piece in pieces]
            async with client.stream("GET", "http://echo.sim/lines") as response:
                # Left unread: the connection is closed, and the next request opens another.
                found.append(response.status_code)
            found.append((await client.get(URL)).json())
        return found

    assert [piece for piece, _ in agreed(work)[:5]] == ["one", "two", "thräee", "", "four"]


def test_pool_limits_agree() -> None:
    """
    Six on two connections wait in line, and give up when the pool's time-out says so.
    """

    async def work(world: World) -> list[Any]:
        _mount(world)
        limits = httpx.Limits(max_connections=2, max_keepalive_connections=1)
        async with world.http.client(limits=limits, timeout=httpx.Timeout(1, pool=0.05)) as client:
            calls = [outcome(client.get(URL)) for _ in range(6)]
            answers = await asyncio.gather(*calls)
        return [a if isinstance(a, tuple) else a.status_code for a in answers]

    agreed(work)


def test_routes_agree() -> None:
    """
    respx routes answer the stub as they answer httpx.
    """

    async def work(world: World) -> list[Any]:
        world.http.router.post("http://api.sim/x", json={"a": 1}).respond(201, json={"ok": True})
        async with world.http.client() as client:
            response = await client.post("http://api.sim/x", json={"a": 1})
            return [response.status_code, response.json(), len(world.http.router.calls)]

    assert agreed(work) == [201, {"ok": True}, 1]


def test_what_is_not_there_says_so() -> None:
    """
    Authentication, cookies, uploads and what else the stub lacks name the other tier.
    """

    async def work(world: World) -> None:
        _mount(world)
        with pytest.raises(UsageError, match="auth.*tier 'client'"):
            world.http.client(auth=("a", "b"))
        async with world.http.client() as client:
            with pytest.raises(UsageError, match="files"):
                await client.post(URL, files={"f": b"1"})
            with pytest.raises(UsageError, match="cookies"):
                client.cookies  # noqa: B018

    told(work, Tier.STUB)
