"""
What an agent and a language model say to each other, whoever runs the model.

A model is a plain async callable: it gets messages and tools, and gives a text, a Reply,
or an async iterator of pieces.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol, TypeAlias

from agent_perf.components.errors import ModelReplyError
from agent_perf.errors import ConfigError


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Tokens of one or more model calls, as the provider counted them."""

    tokens_in: int = 0
    tokens_out: int = 0

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            tokens_in=self.tokens_in + other.tokens_in,
            tokens_out=self.tokens_out + other.tokens_out,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """
    What a model's tokens cost.

    Attributes:
        usd_per_token_in: Dollars for a token read, >= 0.
        usd_per_token_out: Dollars for a token written, >= 0.
    """

    usd_per_token_in: float = 0.0
    usd_per_token_out: float = 0.0

    def __post_init__(self) -> None:
        if not (self.usd_per_token_in >= 0 and self.usd_per_token_out >= 0):
            raise ConfigError(f"{self}; want dollars >= 0")

    def cost_usd(self, usage: Usage) -> float:
        """Return what *usage* costs in dollars."""
        return usage.tokens_in * self.usd_per_token_in + usage.tokens_out * self.usd_per_token_out


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    """
    The model wants a tool to be run.

    Attributes:
        id: Ties the result to the call.
        name: Of the tool.
        arguments: A JSON object, as the model wrote it: not checked.
    """

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """
    Something the model may ask to be run.

    Attributes:
        name: As the model calls it.
        description: For the model.
        parameters: JSON schema of the arguments, an object.
        call: Async function of these arguments, by keyword; returns text or what JSON has.
    """

    name: str
    description: str
    parameters: Mapping[str, object]
    call: Callable[..., Awaitable[object]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """
    One message of a conversation.

    Attributes:
        role: Whose it is.
        content: Its text.
        tool_calls: Of an assistant that wants tools run.
        tool_call_id: Of a tool's result: the call it belongs to.
    """

    role: Literal["system", "user", "assistant", "tool"]
    content: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What one model call came to."""

    text: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    usage: Usage = field(default_factory=Usage)


Chunk: TypeAlias = str | ToolCall | Usage
"""A piece of a streamed reply: some text, a complete tool call, or the tokens at its end."""

Spoken: TypeAlias = Reply | str | AsyncIterator[Chunk]
"""What a model may answer with."""


class Llm(Protocol):
    """
    A model, as a plain async function or an async generator.

    Example::

        async def parrot(messages, tools):
            return messages[-1].content
    """

    def __call__(
        self, messages: Sequence[Message], tools: Sequence[Tool], /
    ) -> Awaitable[Spoken] | AsyncIterator[Chunk]:
        """Answer *messages*, with *tools* at hand."""


async def listen(
    speaking: Awaitable[Spoken] | AsyncIterator[Chunk], on_text: Callable[[str], None]
) -> Reply:
    """
    Return the whole reply of a model, handing its text to *on_text* as it comes.

    Raises:
        ModelReplyError: If a piece is nothing that a model may say.
    """
    spoken = await speaking if inspect.isawaitable(speaking) else speaking
    if isinstance(spoken, Reply):
        if spoken.text:
            on_text(spoken.text)
        return spoken
    if isinstance(spoken, str):
        on_text(spoken)
        return Reply(text=spoken)
    return await _gather(spoken, on_text)


async def _gather(chunks: AsyncIterator[Chunk], on_text: Callable[[str], None]) -> Reply:
    text: list[str] = []
    calls: list[ToolCall] = []
    usage = Usage()
    try:
        async for chunk in chunks:
            if isinstance(chunk, str):
                text.append(chunk)
                on_text(chunk)
            elif isinstance(chunk, ToolCall):
                calls.append(chunk)
            elif isinstance(chunk, Usage):
                usage += chunk
            else:
                raise ModelReplyError(f"the model gave a {type(chunk).__qualname__}: {chunk!r}")
    finally:
        # A stream left half read keeps its connection until it is collected.
        close = getattr(chunks, "aclose", None)
        if close is not None:
            await close()
    return Reply(text="".join(text), tool_calls=tuple(calls), usage=usage)
