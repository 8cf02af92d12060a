"""
What goes wrong at an app that is served on the wire: as at a simulated host, said in ASGI.
"""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from agent_perf.sim.faults import FaultPoint, InjectedError, PeerClosed, Place, at_place
from agent_perf.sim.loop import SimLoop
from agent_perf.sim.services.reply import Reply

Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]


class Wire(Protocol):
    """One connection to the app."""

    def hang_up(self, reason: str = "") -> None:
        """Close it, with a reset if there is a *reason*."""


class FaultyApp:
    """
    An ASGI app behind which faults strike: on one connection.

    Args:
        app: The app.
        wire: The connection.
        point: Of its host.
        place: Where it runs.
        loop: The running loop.
        refuse: Gives the reply in which the host says an error at a path.
    """

    def __init__(
        self,
        app: App,
        wire: Wire,
        point: FaultPoint,
        place: Place,
        loop: SimLoop,
        refuse: Callable[[str, InjectedError], Awaitable[Reply]],
    ) -> None:
        self._app = app
        self._wire = wire
        self._point = point
        self._place = place
        self._loop = loop
        self._refuse = refuse

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one request, if and when the faults let it."""
        point, path = self._point, scope["path"]
        detail = f"{scope['method']} {point.name}{path}"
        try:
            await point.admit("http.request", detail)
        except InjectedError as error:
            await _say(await self._refuse(path, error), send)
            return
        except ConnectionError as error:
            self._break(error)
            return
        answer = _Answer(self, send, detail)
        with at_place(self._place):
            await self._app(scope, receive, answer.send)

    def _break(self, error: ConnectionError) -> None:
        # A process that is gone closes in good order: its kernel does.
        self._wire.hang_up("" if isinstance(error, PeerClosed) else str(error))

    async def pass_on(self, operation: str, detail: str) -> bool:
        """Return whether a chunk can leave, once nothing holds it any more."""
        try:
            await self._point.admit(operation, detail)
        except ConnectionError as error:
            self._break(error)
            return False
        return True

    def slowdowns(self, operation: str, detail: str) -> Any:
        """Return what slows down an operation that begins now, and its begin."""
        return self._point.slowdowns(operation, detail), self._loop.now_ns

    async def slow_down(self, slowed: Any) -> None:
        """Wait for what *slowed* adds to the time since its begin."""
        faults, start_ns = slowed
        if faults:
            latency_ns = self._loop.now_ns - start_ns
            more_ns = self._point.stretched(latency_ns, faults) - latency_ns
            if more_ns > 0:
                await self._loop.pause(more_ns)


class _Answer:
    """What the app says to one request, on its way to the wire."""

    def __init__(self, app: FaultyApp, send: Send, detail: str) -> None:
        self._app = app
        self._send = send
        self._detail = detail
        self._slowed = app.slowdowns("http.request", detail)
        self._is_streamed = False

    async def send(self, message: Message) -> None:
        """Say *message*, when the faults let it leave."""
        app = self._app
        if message["type"] == "http.response.start":
            await app.slow_down(self._slowed)
        elif message.get("body") and (self._is_streamed or message.get("more_body")):
            # The first chunk began with the request; each other with the one before.
            if self._is_streamed:
                await app.slow_down(self._slowed)
            self._is_streamed = True
            if not await app.pass_on("http.chunk", self._detail):
                return
            self._slowed = app.slowdowns("http.chunk", self._detail)
        # Of a connection that is gone, uvicorn takes what is said and forgets it.
        with contextlib.suppress(ConnectionError):
            await self._send(message)


async def _say(reply: Reply, send: Send) -> None:
    content = reply.content
    assert isinstance(content, bytes)
    pairs = dict(reply.headers).items()
    headers = [(name.lower().encode("ascii"), value.encode()) for name, value in pairs]
    headers.append((b"content-length", str(len(content)).encode()))
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": content})
