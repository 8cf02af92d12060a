"""
The event service on a real socket: the checks of the simulated one, behind aiohttp.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Self

from aiohttp import web

from agent_perf.sim.services.pusher_wire import Refusal, authenticate, read_events
from agent_perf.sim.services.reply import SimRequest


@dataclass(frozen=True)
class Trouble:
    """
    What goes wrong with one request.

    Attributes:
        kind: ``cut before`` its events are taken, ``cut after`` half the reply is written,
            ``hang`` for ever after taking them, or ``status``.
        status: Of the reply.
        headers: Of the reply.
    """

    kind: Literal["cut before", "cut after", "hang", "status"]
    status: int = 500
    headers: tuple[tuple[str, str], ...] = ()


class PusherServer:
    """
    Takes events of application 1 signed with ``key`` and ``secret``.

    Attributes:
        url: Where it is.
        delivered: Channel, name and data of each event taken, in order.
        requests: How many there were.
        connections: Client ports seen.
        plan: Number of the request, from 1, to what goes wrong with it.
        clock: The time that it believes it is.
    """

    def __init__(self) -> None:
        self.url = ""
        self.delivered: list[tuple[str, str, str]] = []
        self.requests = 0
        self.connections: set[int] = set()
        self.plan: Callable[[int], Trouble | None] = lambda _: None
        self.delay_s = 0.0
        self.clock = time.time
        self._port = 0
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        app = web.Application()
        app.router.add_post("/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.01)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self._port, reuse_address=True)
        await site.start()
        self._port = self._runner.addresses[0][1]
        self.url = f"http://127.0.0.1:{self._port}"

    async def stop(self) -> None:
        assert self._runner is not None
        await self._runner.cleanup()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self.requests += 1
        trouble = self.plan(self.requests)
        body = await request.read()
        assert request.transport is not None
        self.connections.add(request.transport.get_extra_info("peername")[1])
        if trouble and trouble.kind == "cut before":
            return self._cut(request)
        if trouble and trouble.kind == "status":
            return web.Response(status=trouble.status, headers=trouble.headers, text="trouble")
        wire = SimRequest(
            method=request.method,
            host="host",
            path=request.path,
            query=request.query_string,
            headers=request.headers,
            content=body,
        )
        date = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(self.clock()))
        try:
            authenticate(wire, key="key", secret="secret", now_s=self.clock())
            events = read_events(wire, app_id="1")
        except Refusal as refusal:
            return web.Response(
                status=refusal.status, text=f"{refusal.message}\n", headers={"Date": date}
            )
        for event in events:
            for channel in event.targets:
                self.delivered.append((channel, event.name, event.data))
        if self.delay_s:
            await asyncio.sleep(self.delay_s)
        if trouble and trouble.kind == "cut after":
            request.transport.write(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{")
            return self._cut(request)
        if trouble and trouble.kind == "hang":
            await asyncio.Event().wait()
        return web.json_response({})

    def _cut(self, request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()
