"""
A script of turns, and how far each conversation has come in it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from agent_perf.errors import ConfigError
from agent_perf.sim.request import running_request
from agent_perf.sim.services.llm.conversation import BYTES_PER_TOKEN, ChatRequest, Message
from agent_perf.sim.services.llm.turns import Failure, Text, ToolCall, Turn, said_of

_CONVERSATIONS_KEPT: Final = 10_000
_FILLER: Final = "sim "
assert len(_FILLER) == BYTES_PER_TOKEN


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """Turns in their order; the last one repeats."""

    turns: tuple[Turn, ...]
    can_fail: bool

    def turn(self, answered_count: int, failed_count: int) -> Turn:
        """Return the turn after so many answers and failures, both >= 0."""
        return self.turns[min(answered_count + failed_count, len(self.turns) - 1)]

    def words_after(self, turn: Turn) -> Turn:
        """Return the first turn from *turn* on in which no tool is called; *turn* if all call."""
        later = self.turns[self.turns.index(turn) :]
        return next((one for one in later if isinstance(one, Text) and not one.calls), turn)


def script_of(turns: Sequence[object]) -> Script:
    """
    Return the script of *turns*, at least one.

    Raises:
        ConfigError: If it is empty, holds something else, or would call tools for ever.
    """
    if not turns:
        raise ConfigError("a script without turns; want at least one, such as llm.text('hello')")
    checked = tuple(_checked(turn) for turn in turns)
    last = checked[-1]
    if isinstance(last, Text) and last.calls:
        raise ConfigError(
            f"the script's last turn calls {last.calls[0].name!r}, and the last turn repeats: an "
            "agent would call for ever; end it with llm.text(...)"
        )
    can_fail = any(isinstance(turn, Failure) or turn.broken is not None for turn in checked)
    return Script(turns=checked, can_fail=can_fail)


def _checked(turn: object) -> Turn:
    spoken = turn if isinstance(turn, Failure) else said_of(turn)
    if spoken is None:
        raise ConfigError(
            f"turn {turn!r}; want llm.text(...), llm.call_tool(...), a tuple of such calls, "
            "llm.rate_limited(...), llm.fail(...) or another of the llm module's turns"
        )
    return spoken


class Progress:
    """
    How often each conversation of each request was failed, and so which turn is due.

    Which one is follows from the conversation: as many as assistant messages stand after
    the user's last message. A turn that failed counts too, once for each request of the
    simulation and each conversation in it: a retry gets the next.
    """

    def __init__(self) -> None:
        # Request and conversation to the failures served, and whether the last turn was one.
        self._failed: dict[_Key, tuple[int, bool]] = {}

    def turn(self, script: Script, chat: ChatRequest) -> Turn:
        """Return the turn of *script* that is due, and count it if it is an error."""
        answered = chat.answered_count()
        if not script.can_fail:
            return script.turn(answered, 0)
        key = _key(chat)
        failed, last_failed = self._failed.pop(key, (0, False))
        if answered == 0 and not last_failed:
            # The same question once more, not a retry: from the script's beginning.
            failed = 0
        turn = script.turn(answered, failed)
        last_failed = isinstance(turn, Failure)
        self._failed[key] = (failed + last_failed, last_failed)
        if len(self._failed) > _CONVERSATIONS_KEPT:
            # The one that was silent longest; by then it has long ended.
            del self._failed[next(iter(self._failed))]
        return turn

    def failure_of(self, turn: Text, chat: ChatRequest) -> Callable[[], None]:
        """Return what to call, once or more, if *chat* does not get the whole *turn*."""
        if turn.broken is None:
            # Whoever leaves a sound answer early gets the same one again.
            return _nothing
        return partial(self._note_failure, _key(chat))

    def _note_failure(self, key: _Key) -> None:
        failed, last_failed = self._failed.pop(key, (0, False))
        self._failed[key] = (failed + (not last_failed), True)


def _nothing() -> None:
    pass


_Key = tuple[int, tuple[Message, ...]]


def _key(chat: ChatRequest) -> _Key:
    return running_request().request_id, chat.messages[: chat.user_message_index() + 1]


def content_of(turn: Text, drawn_tokens: int, chat: ChatRequest) -> tuple[str, int, bool]:
    """
    Return what *turn* says, its length in tokens, and whether *chat*'s limit cut it short.

    Args:
        turn: One in which the model writes.
        drawn_tokens: Length if the turn leaves it open.
        chat: What it answers.

    Raises:
        ConfigError: If a template did not give text.
    """
    content, tokens = turn.content, turn.tokens
    if callable(content):
        content = content(chat)
        if not isinstance(content, str):
            raise ConfigError(f"llm.templated: the function returned {content!r}; want a str")
    if content is None:
        tokens = tokens or drawn_tokens
        content = _FILLER * tokens
    elif tokens is None:
        tokens = -(-len(content.encode()) // BYTES_PER_TOKEN)
    tokens_max = chat.tokens_max
    if tokens_max is None or tokens <= tokens_max:
        return content, tokens, False
    return content[: len(content) * tokens_max // tokens], tokens_max, True


def check_offered(calls: tuple[ToolCall, ...], chat: ChatRequest) -> None:
    """
    Check that *chat* offers the tools that are called.

    Raises:
        ConfigError: If it does not: the script is at fault.
    """
    offered = chat.tool_names()
    for call in calls:
        if call.name not in offered:
            raise ConfigError(
                f"the script calls the tool {call.name!r}, but the request offers "
                f"{list(offered)}; script another tool, or send it with the request"
            )
