"""
What a scripted model says, turn by turn.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum
from typing import Final

import msgspec

from agent_perf.amounts import seconds_of
from agent_perf.errors import ConfigError
from agent_perf.sim.services.llm.conversation import ChatRequest


class Finish(Enum):
    """Why an answer ended; each API has its own word for it."""

    STOP = "stop"
    LENGTH = "length"
    CONTENT_FILTER = "content_filter"
    REFUSAL = "refusal"


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    """The model calls the tool *name* with *arguments*, JSON text."""

    name: str
    arguments: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Break:
    """
    An answer stops on its way.

    Attributes:
        after_tokens: Chunks that would bring more than that are not sent, >= 0.
        resumes_after_s: Silence until it goes on; None: it never does.
        drops: The connection ends there instead.
        mid_event: And with half of the next chunk sent before.
        cleanly: And in good order, as if the answer had ended.
    """

    after_tokens: int
    resumes_after_s: float | None = None
    drops: bool = False
    mid_event: bool = False
    cleanly: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """
    The model writes, or calls tools, or both.

    Attributes:
        content: What it writes; None for filler of *tokens* tokens; or how to write it.
        tokens: How much that is; None for one token per BYTES_PER_TOKEN bytes of
            *content*, or, without content, for a drawn length.
        calls: The tools that it calls after that.
        finish: Why it ends there, without calls.
        first_token_s: When it begins; None: drawn.
        token_gap_s: How long each token takes after the first; None: drawn.
        broken: Where it breaks off; None: it does not.
    """

    content: str | Callable[[ChatRequest], str] | None
    tokens: int | None
    calls: tuple[ToolCall, ...] = ()
    finish: Finish = Finish.STOP
    first_token_s: float | None = None
    token_gap_s: float | None = None
    broken: Break | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """
    The API answers with an error.

    Attributes:
        status: 400 to 599.
        retry_after_s: What it asks the client to wait; None: it does not say.
    """

    status: int
    retry_after_s: float | None = None


Turn = Text | Failure
Said = Text | ToolCall | tuple[Text | ToolCall, ...]
"""A turn in which the model speaks, as a script may hold it."""


def text(
    content: str | None = None,
    tokens: int | None = None,
    finish: str = "stop",
    *,
    ttft: str | float | None = None,
    itl: str | float | None = None,
) -> Text:
    """
    Return a turn in which the model writes *content*.

    Args:
        content: Any text; None: filler.
        tokens: How many tokens it is, >= 1; by default as many as its length suggests,
            or, without *content*, a number drawn for each answer.
        finish: Why it ends: ``stop``, ``length``, ``content_filter`` or ``refusal``.
        ttft: Time to the first token, as ``"21ms"`` or in seconds; drawn if None.
        itl: Time from token to token after it (inter-token latency), likewise.

    Raises:
        ConfigError: If *tokens* is less than 1, *content* has no UTF-8 form, a time is none,
            or *finish* is something else.
    """
    if tokens is not None and tokens < 1:
        raise ConfigError(f"llm.text(tokens={tokens}); want at least 1")
    if finish not in _FINISHES:
        raise ConfigError(f"llm.text(finish={finish!r}); want one of {', '.join(_FINISHES)}")
    if content is not None:
        try:
            content.encode()
        except UnicodeEncodeError as error:
            raise ConfigError(f"llm.text({content!r}) cannot be sent: {error}") from error
    return Text(
        content=content,
        tokens=tokens,
        finish=Finish(finish),
        first_token_s=None if ttft is None else seconds_of(ttft, "llm.text: ttft"),
        token_gap_s=None if itl is None else seconds_of(itl, "llm.text: itl"),
    )


_FINISHES: Final = tuple(finish.value for finish in Finish)


def call_tool(name: str, /, **arguments: object) -> ToolCall:
    """
    Return a turn in which the model calls one tool; a tuple of them is one turn, too.

    A tuple may begin with `text`, which the model writes before it calls.

    Args:
        name: One of the tools that the client will offer.
        arguments: Anything that JSON can carry.

    Raises:
        ConfigError: If *name* is empty, or JSON cannot carry an argument.
    """
    if not name:
        raise ConfigError("llm.call_tool(''); want the name of a tool")
    try:
        return ToolCall(name=name, arguments=msgspec.json.encode(arguments).decode())
    except (TypeError, ValueError) as error:
        raise ConfigError(f"llm.call_tool({name!r}): {error}") from error


def said_of(turn: object) -> Text | None:
    """Return *turn* as one in which the model speaks; None if it is none."""
    match turn:
        case Text():
            return turn
        case ToolCall():
            return replace(_CALLING, calls=(turn,))
        case tuple() if turn and all(isinstance(call, ToolCall) for call in turn):
            return replace(_CALLING, calls=turn)
        case (Text(calls=()) as said, *rest):
            calls = tuple(call for call in rest if isinstance(call, ToolCall))
            if calls and len(calls) == len(rest):
                return replace(said, calls=calls)
    return None


_CALLING: Final = Text(content="", tokens=0)


def templated(template: str | Callable[[ChatRequest], str], tokens: int | None = None) -> Text:
    """
    Return a turn in which the model writes what *template* makes of the conversation.

    Args:
        template: A function of the conversation; or a format string, which may name
            ``{user}``, the user's last message, ``{tool}``, what the last tool said,
            ``{model}``, and ``{turn}``, how often the model has spoken since the question.
        tokens: As of `text`.

    Raises:
        ConfigError: If a format string names something else.
    """
    if not isinstance(template, str):
        return replace(text(None, tokens), content=template)
    fields = ChatRequest(model="")
    try:
        _filled(template, fields)
    except (KeyError, IndexError, ValueError, AttributeError) as error:
        raise ConfigError(
            f"llm.templated({template!r}): {error!r}; want only {{user}}, {{tool}}, {{model}} "
            "and {turn} in braces, and other braces doubled"
        ) from error
    return replace(text(None, tokens), content=lambda chat: _filled(template, chat))


def _filled(template: str, chat: ChatRequest) -> str:
    told = (one.text for one in reversed(chat.messages) if one.role == "tool")
    return template.format(
        user=chat.last_user_text,
        tool=next(told, ""),
        model=chat.model,
        turn=chat.answered_count(),
    )
