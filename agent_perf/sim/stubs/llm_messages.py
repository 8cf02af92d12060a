"""
What a model answers, as light objects with the attributes of openai's.
"""

from __future__ import annotations

from typing import Any

import msgspec


class Answer(msgspec.Struct, kw_only=True):
    """Common to all: the ways to turn them into plain data."""

    def model_dump(self, **options: Any) -> Any:
        """Return plain dicts and lists."""
        return msgspec.to_builtins(self)

    to_dict = model_dump

    def model_dump_json(self, **options: Any) -> str:
        """Return JSON."""
        return msgspec.json.encode(self).decode()


class Function(Answer, kw_only=True):
    """What is called, or a fragment of it."""

    name: str | None = None
    arguments: str | None = None


class ToolCall(Answer, kw_only=True):
    """A tool call, or a fragment of one: *index* says of which."""

    index: int | None = None
    id: str | None = None
    type: str | None = None
    function: Function | None = None


class Spoken(Answer, kw_only=True):
    """A message, or a piece of one."""

    role: str | None = None
    content: str | None = None
    refusal: str | None = None
    tool_calls: list[ToolCall] | None = None


class Choice(Answer, kw_only=True):
    """One of the choices of a completion."""

    index: int = 0
    message: Spoken
    finish_reason: str | None = None
    logprobs: Any = None


class ChunkChoice(Answer, kw_only=True):
    """One of the choices of a chunk."""

    index: int = 0
    delta: Spoken
    finish_reason: str | None = None
    logprobs: Any = None


class Usage(Answer, kw_only=True):
    """Tokens."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class Completion(Answer, kw_only=True):
    """A whole answer."""

    id: str
    created: int
    model: str
    choices: list[Choice]
    object: str = "chat.completion"
    usage: Usage | None = None


class Chunk(Answer, kw_only=True):
    """A piece of a streamed answer."""

    id: str
    created: int
    model: str
    choices: list[ChunkChoice]
    object: str = "chat.completion.chunk"
    usage: Usage | None = None
