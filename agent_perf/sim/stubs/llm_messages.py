"""
What a model answers, as light objects with the attributes of openai's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

_SAID_AS_NULL: Final = frozenset({"content", "refusal", "logprobs"})


class Answer(msgspec.Struct, kw_only=True):
    """Common to all: the ways to turn them into plain data."""

    def model_dump(self, *, exclude_none: bool = False, **options: Any) -> Any:
        """Return plain dicts and lists."""
        return _without_none(self, everywhere=exclude_none)

    to_dict = model_dump

    def model_dump_json(self, *, exclude_none: bool = False, **options: Any) -> str:
        """Return JSON."""
        return msgspec.json.encode(self.model_dump(exclude_none=exclude_none)).decode()


def plain(value: Any) -> Any:
    """Return an argument of a request with answers in it, such as a message, made plain data."""
    if isinstance(value, Answer):
        return _without_none(value, everywhere=False)
    if isinstance(value, (list, tuple)):
        return [plain(one) for one in value]
    if isinstance(value, Mapping):
        return {name: plain(one) for name, one in value.items()}
    return value


def _without_none(value: Any, *, everywhere: bool) -> Any:
    if isinstance(value, Answer):
        # What the endpoint always says stays, as it does with openai's models.
        fields = ((name, getattr(value, name)) for name in value.__struct_fields__)
        return {
            name: _without_none(one, everywhere=everywhere)
            for name, one in fields
            if one is not None or (not everywhere and name in _SAID_AS_NULL)
        }
    if isinstance(value, list):
        return [_without_none(one, everywhere=everywhere) for one in value]
    return value


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


class PromptTokens(Answer, kw_only=True):
    """What the prompt's tokens were."""

    cached_tokens: int | None = None


class Usage(Answer, kw_only=True):
    """Tokens."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    prompt_tokens_details: PromptTokens | None = None


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
