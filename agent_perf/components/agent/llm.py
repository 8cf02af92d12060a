"""
What an agent and a language model say to each other, whoever runs the model.

A model is a plain async callable: it gets messages and tools, and gives a text, a Reply,
or an async iterator of pieces.
"""

from __future__ import annotations

import asyncio
import inspect
import math
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, Protocol, TypeAlias

from agent_perf.components.errors import ModelReplyError, ModelTimeoutError
from agent_perf.errors import ConfigError


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """
    Tokens of one or more model calls, as the provider counted them.

    Attributes:
        tokens_in: Read.
        tokens_out: Written, those of its thoughts included.
        tokens_cached: Of those read: from the provider's cache.
        tokens_stored: Of those read: put into that cache.
    """

    tokens_in: int = 0
    tokens_out: int = 0
    tokens_cached: int = 0
    tokens_stored: int = 0

    def __add__(self, other: Usage) -> Usage:
        # Many calls tell no tokens, and most sums begin with none.
        if other is NO_USAGE:
            return self
        if self is NO_USAGE:
            return other
        return Usage(
            tokens_in=self.tokens_in + other.tokens_in,
            tokens_out=self.tokens_out + other.tokens_out,
            tokens_cached=self.tokens_cached + other.tokens_cached,
            tokens_stored=self.tokens_stored + other.tokens_stored,
        )

    @property
    def is_a_bill(self) -> bool:
        """Whether a call may have taken it: something, and nothing below 0."""
        cached, stored = self.tokens_cached, self.tokens_stored
        return (
            self.tokens_in + self.tokens_out > 0
            and cached >= 0 <= stored
            and self.tokens_in >= cached + stored
            and self.tokens_out >= 0
        )


NO_USAGE: Final = Usage()
"""No tokens; where none are told, it is this very object."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """
    What a model's tokens cost.

    Attributes:
        usd_per_token_in: Dollars for a token read, >= 0; likewise below.
        usd_per_token_out: For a token written.
        usd_per_token_cached: For one read from the provider's cache; None: as any other.
        usd_per_token_stored: For one read that is put into that cache; None: as any other.
        batch_ratio: What a batch's tokens cost of all that, 0 to 1.
    """

    usd_per_token_in: float = 0.0
    usd_per_token_out: float = 0.0
    usd_per_token_cached: float | None = None
    usd_per_token_stored: float | None = None
    batch_ratio: float = 1.0

    def __post_init__(self) -> None:
        dollars = (
            self.usd_per_token_in,
            self.usd_per_token_out,
            self.usd_per_token_cached or 0.0,
            self.usd_per_token_stored or 0.0,
        )
        if not all(0 <= usd < math.inf for usd in dollars) or not 0 <= self.batch_ratio <= 1:
            raise ConfigError(f"{self}; want finite dollars >= 0 and batch_ratio 0 to 1")

    @property
    def usd_per_token_in_max(self) -> float:
        """Dollars that a token read costs at most."""
        return max(
            self.usd_per_token_in,
            self.usd_per_token_cached or 0.0,
            self.usd_per_token_stored or 0.0,
        )

    def cost_usd(self, usage: Usage, *, batch: bool = False) -> float:
        """Return what *usage* costs in dollars, in a *batch* or at once."""
        full = self.usd_per_token_in
        plain = usage.tokens_in - usage.tokens_cached - usage.tokens_stored
        usd = plain * full + usage.tokens_out * self.usd_per_token_out
        if usage.tokens_cached:
            cached = self.usd_per_token_cached
            usd += usage.tokens_cached * (full if cached is None else cached)
        if usage.tokens_stored:
            stored = self.usd_per_token_stored
            usd += usage.tokens_stored * (full if stored is None else stored)
        return usd * self.batch_ratio if batch else usd


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
        serial: Whether it changes something. Such calls run one by one, in the model's order:
            what was asked for before them is done, what comes after has not begun.
    """

    name: str
    description: str
    parameters: Mapping[str, object]
    call: Callable[..., Awaitable[object]]
    serial: bool = False


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
    usage: Usage = NO_USAGE


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


Hear: TypeAlias = Callable[[str], object]
"""Gets a piece of text; if it gives an awaitable, the next piece waits for it."""


async def listen(
    speaking: Awaitable[Spoken] | AsyncIterator[Chunk],
    on_text: Hear,
    *,
    silence_s_max: float | None = None,
) -> Reply:
    """
    Return the whole reply of a model, handing its text to *on_text* as it comes.

    Args:
        speaking: What the model gave.
        on_text: Gets its text.
        silence_s_max: Longest wait for the first piece, and for each further one, > 0; the
            time that *on_text* takes does not count.

    Raises:
        ModelReplyError: If a piece is nothing that a model may say.
        ModelTimeoutError: If the model is silent for too long.
    """
    if silence_s_max is None:
        return await _hear_out(speaking, on_text)
    try:
        async with asyncio.timeout(silence_s_max) as silence:
            return await _hear_out(speaking, on_text, silence, silence_s_max)
    except TimeoutError as error:
        # The model's own time-outs pass as they are.
        if not silence.expired():
            raise
        raise ModelTimeoutError(f"nothing from the model for {silence_s_max} s") from error


async def _hear_out(
    speaking: Awaitable[Spoken] | AsyncIterator[Chunk],
    on_text: Hear,
    silence: asyncio.Timeout | None = None,
    silence_s_max: float = 0.0,
) -> Reply:
    spoken = await speaking if inspect.isawaitable(speaking) else speaking
    if not isinstance(spoken, Reply | str):
        return await _gather(spoken, on_text, silence, silence_s_max)
    if silence:
        silence.reschedule(None)
    reply = Reply(text=spoken) if isinstance(spoken, str) else spoken
    if reply.text:
        await _settled(on_text(reply.text))
    return reply


async def _gather(
    chunks: AsyncIterator[Chunk],
    on_text: Hear,
    silence: asyncio.Timeout | None,
    silence_s_max: float,
) -> Reply:
    text: list[str] = []
    calls: list[ToolCall] = []
    usage = NO_USAGE
    try:
        async for chunk in chunks:
            if isinstance(chunk, str):
                text.append(chunk)
                if (waiting := on_text(chunk)) is not None:
                    if silence:
                        silence.reschedule(None)
                    await _settled(waiting)
            elif isinstance(chunk, ToolCall):
                calls.append(chunk)
            elif isinstance(chunk, Usage):
                usage += chunk
            else:
                raise ModelReplyError(f"the model gave a {type(chunk).__qualname__}: {chunk!r}")
            if silence:
                silence.reschedule(asyncio.get_running_loop().time() + silence_s_max)
    finally:
        # A stream left half read keeps its connection until it is collected.
        close = getattr(chunks, "aclose", None)
        if close is not None:
            await close()
    return Reply(text="".join(text), tool_calls=tuple(calls), usage=usage)


async def _settled(heard: object) -> None:
    if inspect.isawaitable(heard):
        await heard
