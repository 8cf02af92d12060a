"""
What a scripted model says, turn by turn.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from agent_perf.errors import ConfigError
from agent_perf.sim.services.llm.chat_request import BYTES_PER_TOKEN


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """
    The model writes.

    Attributes:
        content: What; None for filler of *tokens* tokens.
        tokens: How much that is; None for one token per BYTES_PER_TOKEN bytes of
            *content*, or, without content, for a drawn length.
    """

    content: str | None
    tokens: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    """The model calls the tool *name* with *arguments*, JSON text."""

    name: str
    arguments: str


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


Turn = Text | Failure | tuple[ToolCall, ...]


def text(content: str | None = None, tokens: int | None = None) -> Text:
    """
    Return a turn in which the model writes *content*.

    Args:
        content: Any text; None: filler.
        tokens: How many tokens it is, >= 1; by default as many as its length suggests,
            or, without *content*, a number drawn for each answer.

    Raises:
        ConfigError: If *tokens* is less than 1, or *content* has no UTF-8 form.
    """
    if tokens is not None and tokens < 1:
        raise ConfigError(f"llm.text(tokens={tokens}); want at least 1")
    if content is not None:
        try:
            content.encode()
        except UnicodeEncodeError as error:
            raise ConfigError(f"llm.text({content!r}) cannot be sent: {error}") from error
    return Text(content=content, tokens=tokens)


def call_tool(name: str, /, **arguments: object) -> ToolCall:
    """
    Return a turn in which the model calls one tool; a tuple of them is one turn, too.

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


def rate_limited(retry_after_s: float) -> Failure:
    """
    Return a turn in which the API answers 429 and asks to wait *retry_after_s* >= 0.

    The next attempt of the same request gets the next turn.
    """
    if not 0 <= retry_after_s < float("inf"):
        raise ConfigError(f"llm.rate_limited({retry_after_s}); want seconds >= 0")
    return Failure(status=429, retry_after_s=retry_after_s)


def fail(status: int) -> Failure:
    """Return a turn in which the API answers *status*, 400 to 599; likewise."""
    if not 400 <= status <= 599:
        raise ConfigError(f"llm.fail({status}); want a status from 400 to 599")
    return Failure(status=status)


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """Turns in their order; the last one repeats."""

    turns: tuple[Turn, ...]
    can_fail: bool

    def turn(self, answered_count: int, failed_count: int) -> Turn:
        """Return the turn after so many answers and failures, both >= 0."""
        return self.turns[min(answered_count + failed_count, len(self.turns) - 1)]


def script_of(turns: Sequence[object]) -> Script:
    """
    Return the script of *turns*, at least one.

    Raises:
        ConfigError: If it is empty, holds something else, or would call tools for ever.
    """
    if not turns:
        raise ConfigError("a script without turns; want at least one, such as llm.text('hello')")
    checked = tuple(_checked(turn) for turn in turns)
    if isinstance(checked[-1], tuple):
        raise ConfigError(
            f"the script's last turn calls {checked[-1][0].name!r}, and the last turn repeats: an "
            "agent would call for ever; end it with llm.text(...)"
        )
    return Script(turns=checked, can_fail=any(isinstance(turn, Failure) for turn in checked))


def _checked(turn: object) -> Turn:
    match turn:
        case Text() | Failure():
            return turn
        case ToolCall():
            return (turn,)
        case tuple() if turn and all(isinstance(call, ToolCall) for call in turn):
            return turn
    raise ConfigError(
        f"turn {turn!r}; want llm.text(...), llm.call_tool(...), a tuple of such calls, "
        "llm.rate_limited(...) or llm.fail(...)"
    )


_FILLER: Final = "sim "
assert len(_FILLER) == BYTES_PER_TOKEN


def content_of(turn: Text, drawn_tokens: int, tokens_max: int | None) -> tuple[str, int, bool]:
    """
    Return what *turn* says, its length in tokens, and whether *tokens_max* cut it short.

    Args:
        turn: One in which the model writes.
        drawn_tokens: Length if the turn leaves it open.
        tokens_max: The client's limit, >= 1; None for none.
    """
    content, tokens = turn.content, turn.tokens
    if content is None:
        tokens = tokens or drawn_tokens
        content = _FILLER * tokens
    elif tokens is None:
        tokens = -(-len(content.encode()) // BYTES_PER_TOKEN)
    if tokens_max is None or tokens <= tokens_max:
        return content, tokens, False
    return content[: len(content) * tokens_max // tokens], tokens_max, True
