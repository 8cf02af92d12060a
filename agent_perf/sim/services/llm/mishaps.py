"""
Turns in which the model, or the way to it, misbehaves.
"""

from __future__ import annotations

import math
from dataclasses import replace

import msgspec

from agent_perf.errors import ConfigError
from agent_perf.sim.services.llm.turns import Break, Failure, Said, Text, ToolCall, said_of, text


def rate_limited(retry_after_s: float) -> Failure:
    """
    Return a turn in which the API answers 429 and asks to wait *retry_after_s* >= 0.

    The next attempt of the same request gets the next turn.
    """
    if not 0 <= retry_after_s < math.inf:
        raise ConfigError(f"llm.rate_limited({retry_after_s}); want seconds >= 0")
    return Failure(status=429, retry_after_s=retry_after_s)


def fail(status: int) -> Failure:
    """Return a turn in which the API answers *status*, 400 to 599; likewise."""
    if not 400 <= status <= 599:
        raise ConfigError(f"llm.fail({status}); want a status from 400 to 599")
    return Failure(status=status)


def slow_first_token(seconds: float, turn: Said | None = None) -> Text:
    """
    Return *turn*, by default a text, with *seconds* >= 0 before its first token.

    Raises:
        ConfigError: If *seconds* is negative or infinite, or the model does not speak in it.
    """
    if not 0 <= seconds < math.inf:
        raise ConfigError(f"llm.slow_first_token({seconds}); want seconds >= 0")
    return replace(_spoken("slow_first_token", turn), first_token_s=seconds)


def stall(turn: Said | None = None, *, after_tokens: int, for_s: float | None = None) -> Text:
    """
    Return *turn*, by default a text, with a silence in it.

    A client that gives up gets the script's next turn when it tries again; one that waits
    long enough gets the rest. An answer in one piece is late by as much, or never comes.

    Args:
        turn: One in which the model speaks.
        after_tokens: The silence begins before the chunk that would bring more tokens, >= 0.
        for_s: How long it is, > 0; None: for ever.

    Raises:
        ConfigError: If a number is out of range, or the model does not speak in *turn*.
    """
    if for_s is not None and not 0 < for_s < math.inf:
        raise ConfigError(f"llm.stall(for_s={for_s}); want seconds > 0, or None for ever")
    broken = Break(after_tokens=_checked("stall", after_tokens), resumes_after_s=for_s)
    return replace(_spoken("stall", turn), broken=broken)


def truncated(
    turn: Said | None = None,
    *,
    after_tokens: int,
    mid_event: bool = False,
    cleanly: bool = False,
) -> Text:
    """
    Return *turn*, by default a text, whose connection ends on the way.

    The next attempt of the same request gets the script's next turn.

    Args:
        turn: One in which the model speaks.
        after_tokens: It ends before the chunk that would bring more tokens, >= 0.
        mid_event: Half of that chunk is still sent.
        cleanly: The body ends in good order, as behind a proxy that lost the model; else
            the connection breaks, and an answer in one piece does not come.

    Raises:
        ConfigError: If *after_tokens* is negative, or the model does not speak in *turn*.
    """
    broken = Break(
        after_tokens=_checked("truncated", after_tokens),
        drops=True,
        mid_event=mid_event,
        cleanly=cleanly,
    )
    return replace(_spoken("truncated", turn), broken=broken)


def malformed_tool(name: str, json_text: str) -> ToolCall:
    """
    Return a turn in which the model calls a tool with arguments that are no JSON object.

    Anthropic's API sends them as they are in a stream, and as ``{"INVALID_JSON": ...}`` in
    an answer in one piece, which has no place for text there.

    Raises:
        ConfigError: If *name* is empty, or *json_text* is a sound object.
    """
    if not name:
        raise ConfigError("llm.malformed_tool(''); want the name of a tool")
    try:
        msgspec.json.decode(json_text.encode(), type=dict[str, object])
    except (msgspec.DecodeError, UnicodeError):
        return ToolCall(name=name, arguments=json_text)
    raise ConfigError(
        f"llm.malformed_tool({name!r}, {json_text!r}) is a JSON object; "
        f"want broken text, or llm.call_tool({name!r}, ...)"
    )


def _spoken(function: str, turn: Said | None) -> Text:
    spoken = said_of(text() if turn is None else turn)
    if spoken is None:
        raise ConfigError(
            f"llm.{function}({turn!r}); want llm.text(...), llm.call_tool(...) or a tuple of them"
        )
    return spoken


def _checked(function: str, after_tokens: int) -> int:
    if after_tokens < 0:
        raise ConfigError(f"llm.{function}(after_tokens={after_tokens}); want at least 0")
    return after_tokens
