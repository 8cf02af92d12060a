"""
What goes wrong at a simulated HTTP host, on the host's side of the wire.

Refused and broken connections are the network's: see `exposure`. Here are answers that
do not come, come late, or are errors.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable
from dataclasses import replace
from typing import Final, TypeVar

from agent_perf.sim.faults import FaultPoint, InjectedError
from agent_perf.sim.loop import SimLoop
from agent_perf.sim.services.reply import Reply
from agent_perf.units import NS

T = TypeVar("T")

# What a request, and a chunk of its answer, are called where they are not just HTTP.
_REQUESTS: Final = {"llm": "llm.first_token", "pusher": "pusher.request"}
_CHUNKS: Final = {"llm": "llm.token"}


async def answer_with_faults(
    point: FaultPoint,
    loop: SimLoop,
    detail: str,
    answer: Callable[[], Awaitable[Reply]],
    refuse: Callable[[InjectedError], Awaitable[Reply]],
) -> Reply:
    """
    Return what *answer* returns, if and when the faults of *point* let it.

    Args:
        point: Of the host.
        loop: The running loop.
        detail: What the request is called.
        answer: Gives the host's own reply.
        refuse: Gives the reply in which the host says an error.

    Raises:
        ConnectionError: If the connection breaks.
    """
    operation = _REQUESTS.get(point.name, "http.request")
    try:
        await point.admit(operation, detail)
    except InjectedError as error:
        return await refuse(error)
    reply = await _slowed(point, loop, operation, detail, answer())
    content = reply.content
    if isinstance(content, bytes):
        return reply
    return replace(reply, content=_FaultyBody(point, loop, detail, content))


class _FaultyBody:
    """A body whose chunks may come late, or never."""

    def __init__(
        self, point: FaultPoint, loop: SimLoop, detail: str, content: AsyncIterable[bytes]
    ) -> None:
        self._point = point
        self._loop = loop
        self._detail = detail
        self._content = content
        self._chunks = aiter(content)
        self._operation = _CHUNKS.get(point.name, "http.chunk")

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        await self._point.admit(self._operation, self._detail)
        return await _slowed(
            self._point, self._loop, self._operation, self._detail, anext(self._chunks)
        )

    async def aclose(self) -> None:
        for source in dict.fromkeys((self._chunks, self._content)):
            close = getattr(source, "aclose", None)
            if close is not None:
                await close()


async def _slowed(
    point: FaultPoint, loop: SimLoop, operation: str, detail: str, work: Awaitable[T]
) -> T:
    """Return what *work* returns, later if the host is slow as it begins."""
    slow = point.slowdowns(operation, detail)
    start_ns = loop.now_ns
    result = await work
    if slow:
        latency_ns = loop.now_ns - start_ns
        more_ns = point.stretched(latency_ns, slow) - latency_ns
        if more_ns > 0:
            await asyncio.sleep(more_ns / NS)
    return result
