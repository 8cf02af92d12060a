"""
Events beside the public client of the protocol, and the batcher beside async-batcher.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from importlib.metadata import version
from typing import Any

import aiohttp
import httpx
import pusher
from async_batcher.batcher import AsyncBatcher
from pusher.aiohttp import AsyncIOBackend
from pusher.http import process_response

from agent_perf.components import (
    ChannelAuth,
    Event,
    EventBatcher,
    FlushPolicy,
    PusherClient,
    PusherPool,
    Signer,
    make_event,
)
from tools.peers.contest import OURS, Contest, Contestant

TITLE = "Events"
INTRO = f"""
pusher {version("pusher")} with its default backend (requests) and its asyncio backend, as its
documentation has them; aiohttp {version("aiohttp")}, httpx {version("httpx")}, async-batcher
{version("async-batcher")}. An event has about 350 bytes of data and one channel, and goes to a
server in another process that checks signature, MD5 and limits; only the client's time is told,
per event. pusher's asyncio backend opens a session and a connection for each request; beside it
stands the same client with a session that is kept, which its documentation does not have.
`agent-perf` is a pool of five clients over aiohttp. Batcher: 500 events of 20 channels to a
function that does nothing.
"""

_DATA = {
    "agent": "a-1",
    "status": "token",
    "delta": "lorem ipsum dolor " * 15,
    "seq": 12,
    "usage": {"in": 10, "out": 4},
}
_NAME = "answer.delta"
_TASKS = 20
_BATCH = 10
_ITEMS = 500

Send = Callable[[str], Awaitable[object]]


class _KeptSession:
    """A backend for pusher with one session for all requests."""

    def __init__(self, client: Any) -> None:
        self._timeout = aiohttp.ClientTimeout(total=client.timeout)
        self._session: aiohttp.ClientSession | None = None

    async def send_request(self, request: Any) -> object:
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=self._timeout)
        async with self._session.request(
            request.method, request.url, data=request.body, headers=request.headers
        ) as response:
            return process_response(response.status, await response.text())

    async def aclose(self) -> None:
        if self._session is not None:
            await self._session.close()


async def contests() -> AsyncIterator[Contest]:
    """Yield them one by one; the server runs meanwhile."""
    with _server() as port:
        base_url = f"http://127.0.0.1:{port}"
        async with (
            PusherPool.over_aiohttp(
                app_id="1", key="key", secret="secret", base_url=base_url
            ) as pool,
            httpx.AsyncClient() as http,
        ):
            over_httpx = PusherClient(
                http, app_id="1", key="key", secret="secret", base_url=base_url
            )
            public: dict[str, Any] = {
                "pusher": _public(port),
                "pusher, asyncio backend": _public(port, AsyncIOBackend),
                "pusher, session kept": _public(port, _KeptSession),
            }
            await _wait_for(base_url)
            async for contest in _sending(base_url, pool, over_httpx, public):
                yield contest
            await public["pusher, session kept"]._pusher_client.http.aclose()
    yield _signing()
    yield _remembering()
    yield _batching()


async def _sending(
    base_url: str, pool: PusherPool, over_httpx: PusherClient, public: dict[str, Any]
) -> AsyncIterator[Contest]:
    singles: dict[str, Send] = {
        OURS: lambda channel: pool.send(make_event(channel, _NAME, _DATA)),
        "agent-perf over httpx": lambda channel: over_httpx.send(make_event(channel, _NAME, _DATA)),
    }
    batches: dict[str, Send] = {
        OURS: lambda channel: pool.send_batch(_ours(channel)),
        "agent-perf over httpx": lambda channel: over_httpx.send_batch(_ours(channel)),
    }
    for name, client in public.items():
        singles[name] = lambda channel, client=client: _answer(  # type: ignore[misc]
            client.trigger(channel, _NAME, _DATA)
        )
        batches[name] = lambda channel, client=client: _answer(  # type: ignore[misc]
            client.trigger_batch(
                [{"channel": channel, "name": _NAME, "data": _DATA} for _ in range(_BATCH)]
            )
        )
    await _check_equal(base_url, singles, 1)
    await _check_equal(base_url, batches, _BATCH)
    httpx_note = {"agent-perf over httpx": "ours, with the HTTP library that you may have"}
    kept_note = {"pusher, session kept": "its builder, our kind of connection"}
    yield Contest(
        title="one event, one task",
        contestants={name: _one_by_one(send) for name, send in singles.items()},
        calls=30,
        unequal=httpx_note,
    )
    yield Contest(
        title="one event, 20 tasks",
        # The default backend would block the loop, one request after another.
        contestants={name: _by_tasks(send) for name, send in singles.items() if name != "pusher"},
        calls=10 * _TASKS,
        unequal=httpx_note,
    )
    yield Contest(
        title="batch of 10, per event",
        contestants={name: _in_batches(send) for name, send in batches.items()},
        calls=20 * _BATCH,
        want={"pusher, asyncio backend": 2.0},
        unequal=httpx_note | kept_note,
    )


def _signing() -> Contest:
    client, signer = _public(80), Signer("key", "secret")
    numbers = iter(range(10**9))

    def ours(count: int) -> None:
        for _ in range(count):
            signer.channel_token(f"1234.{next(numbers)}", "private-user-17")

    def theirs(count: int) -> None:
        for _ in range(count):
            client.authenticate("private-user-17", f"1234.{next(numbers)}")

    expected = client.authenticate("private-user-17", "1234.5678")["auth"]
    assert expected == signer.channel_token("1234.5678", "private-user-17")
    return Contest(
        title="token for a private channel, signed",
        contestants={OURS: ours, "pusher": theirs},
        calls=1000,
    )


def _remembering() -> Contest:
    client = _public(80)
    auth = ChannelAuth(Signer("key", "secret"), lambda *_: True)

    async def ours(count: int) -> None:
        for _ in range(count):
            await auth.authorize("17", "1234.5678", "private-user-17")

    def theirs(count: int) -> None:
        for _ in range(count):
            client.authenticate("private-user-17", "1234.5678")

    return Contest(
        title="token for a private channel, asked for again",
        contestants={OURS: ours, "pusher": theirs},
        calls=5000,
        unequal={"pusher": "signs each time, and asks nobody whether the user may"},
    )


class _Discard(AsyncBatcher[Event, None]):
    async def process_batch(self, batch: list[Event]) -> None:
        """Take it."""


def _batching() -> Contest:
    text = "x" * 256

    async def discard(events: Sequence[Event]) -> None:
        """Take it."""

    async def ours(count: int) -> None:
        for _ in range(count // _ITEMS):
            batcher = EventBatcher(discard, policy=FlushPolicy(delay_s_max=0.01))
            for number in range(_ITEMS):
                batcher.publish(f"chat-{number % 20}", _NAME, text)
            await batcher.flush()
            assert batcher.stats().delivered == _ITEMS

    async def theirs(count: int) -> None:
        for _ in range(count // _ITEMS):
            batcher = _Discard(max_batch_size=10, max_queue_time=0.01, concurrency=5)
            await asyncio.gather(
                *(
                    batcher.process(make_event(f"chat-{number % 20}", _NAME, text))
                    for number in range(_ITEMS)
                )
            )
            await batcher.stop(force=True)

    return Contest(
        title="batcher, per event",
        contestants={OURS: ours, "async-batcher": theirs},
        calls=2 * _ITEMS,
        want={"async-batcher": 1.0},
    )


def _one_by_one(send: Send) -> Contestant:
    async def run(count: int) -> None:
        for number in range(count):
            await send(f"chat-{number % _TASKS}")

    return run


def _by_tasks(send: Send) -> Contestant:
    async def work(channel: str, count: int) -> None:
        for _ in range(count):
            await send(channel)

    async def run(count: int) -> None:
        await asyncio.gather(*(work(f"chat-{n}", count // _TASKS) for n in range(_TASKS)))

    return run


def _in_batches(send: Send) -> Contestant:
    async def run(count: int) -> None:
        for _ in range(count // _BATCH):
            await send("chat-17")

    return run


def _ours(channel: str) -> list[Event]:
    return [make_event(channel, _NAME, _DATA) for _ in range(_BATCH)]


async def _answer(result: object) -> object:
    return await result if isinstance(result, Awaitable) else result


def _public(port: int, backend: type | None = None) -> Any:
    return pusher.Pusher(
        app_id="1",
        key="key",
        secret="secret",
        ssl=False,
        host="127.0.0.1",
        port=port,
        backend=backend,
    )


async def _check_equal(base_url: str, sends: dict[str, Send], count: int) -> None:
    """Assert that the server gets the same of all, apart from the spaces in JSON."""
    async with httpx.AsyncClient() as http:
        await http.get(f"{base_url}/taken")
        for name, send in sends.items():
            await send("chat-17")
            taken = (await http.get(f"{base_url}/taken")).json()
            seen = [(channel, event, json.loads(data)) for channel, event, data in taken]
            assert seen == [("chat-17", _NAME, _DATA)] * count, name


@contextlib.contextmanager
def _server() -> Any:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen([sys.executable, "-m", "tools.peers._pusher_server", str(port)])
    try:
        yield port
    finally:
        process.terminate()
        process.wait()


async def _wait_for(base_url: str) -> None:
    async with httpx.AsyncClient() as http:
        for _ in range(100):
            with contextlib.suppress(httpx.ConnectError):
                await http.get(f"{base_url}/taken")
                return
            await asyncio.sleep(0.1)
    raise TimeoutError(f"no server at {base_url}")
