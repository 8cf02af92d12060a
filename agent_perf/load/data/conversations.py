"""
Conversations that grow: with each turn the whole history goes to the model again.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from agent_perf.errors import ConfigError
from agent_perf.load.data.texts import number, prose

# English has four characters to a token, near enough (OpenAI, "What are tokens").
_BYTES_PER_TOKEN = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """
    Something said.

    Attributes:
        role: Who said it.
        text: What; four characters for each token.
        tokens: Its size, >= 1.
        history_tokens: Size of all that was said before: what is sent along with it.
    """

    role: Literal["user", "assistant"]
    text: str
    tokens: int
    history_tokens: int


def conversation(
    turns: int,
    *,
    seed: int = 1,
    user_tokens: tuple[int, int] = (5, 60),
    answer_tokens: tuple[int, int] = (20, 400),
) -> Iterator[Turn]:
    """
    Yield *turns* turns, user and assistant by turns, each of a drawn size.

    Args:
        turns: >= 0.
        seed: Equal seeds give equal conversations, and a longer one begins as the shorter.
        user_tokens: Smallest and largest size of what a user says, >= 1.
        answer_tokens: Likewise of answers.

    Raises:
        ConfigError: If a number is out of range.
    """
    if turns < 0:
        raise ConfigError(f"turns={turns}; want >= 0")
    for name, (low, high) in (("user_tokens", user_tokens), ("answer_tokens", answer_tokens)):
        if not 1 <= low <= high:
            raise ConfigError(f"{name}=({low}, {high}); want 1 <= smallest <= largest")
    history_tokens = 0
    for index in range(turns):
        role: Literal["user", "assistant"] = "assistant" if index % 2 else "user"
        low, high = answer_tokens if index % 2 else user_tokens
        tokens = low + number(seed, "tokens", index, high - low + 1)
        text = prose(tokens * _BYTES_PER_TOKEN, seed=number(seed, "text", index, 1 << 32))
        yield Turn(role=role, text=text, tokens=tokens, history_tokens=history_tokens)
        history_tokens += tokens
