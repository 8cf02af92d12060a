"""Models and events for an agent under test."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

from agent_perf.components import (
    Chunk,
    Message,
    Question,
    Tool,
    Usage,
)

USAGE = Usage(tokens_in=1000, tokens_out=100)

HELLO = Question(text="hello", user_id="17", channel="chat-17")


class Model:
    """Thinks for a second, and says what it was asked in two pieces."""

    def __init__(self) -> None:
        self.asked = 0

    async def __call__(
        self, messages: Sequence[Message], _: Sequence[Tool]
    ) -> AsyncIterator[Chunk]:
        self.asked += 1
        await asyncio.sleep(1)
        yield "You said "
        yield messages[-1].content
        yield USAGE


class Events:
    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.published: list[tuple[str, str, object]] = []

    def __call__(self, channel: str, name: str, data: object) -> None:
        if self.error:
            raise self.error
        self.published.append((channel, name, data))
