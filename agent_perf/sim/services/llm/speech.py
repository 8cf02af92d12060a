"""
What the model says in one answer, cut as a stream sends it, in no API's form yet.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from agent_perf.sim.services.llm.conversation import BYTES_PER_TOKEN
from agent_perf.sim.services.llm.turns import Finish, ToolCall


@dataclass(frozen=True, slots=True, kw_only=True)
class Spoken:
    """
    One answer.

    Attributes:
        content: Its text; empty if it only calls.
        tokens: Length of the text in tokens, >= 0.
        calls: What it calls after the text.
        finish: Why it ends, if it calls nothing.
        tokens_per_chunk: Size of a stream's chunks after the first, >= 1.
    """

    content: str
    tokens: int
    calls: tuple[ToolCall, ...]
    finish: Finish
    tokens_per_chunk: int


@dataclass(frozen=True, slots=True)
class Piece:
    """
    A chunk's share of an answer.

    Attributes:
        text: Of the content, or of a call's arguments.
        tokens: How many.
        call_index: Which call; None: the content.
        opens: It opens the call: *text* is empty, and *tokens* are its name's.
    """

    text: str
    tokens: int
    call_index: int | None = None
    opens: bool = False


@lru_cache(maxsize=256)
def pieces_of(spoken: Spoken) -> tuple[Piece, ...]:
    """
    Return the pieces that a stream sends of *spoken*, at least one.

    The first chunk has one token, the others *tokens_per_chunk*, the last what is left.
    Cuts lie between code points, so that no chunk has half a character.
    """
    size = spoken.tokens_per_chunk
    pieces = [Piece(part, count) for part, count in _cut(spoken.content, spoken.tokens, 1, size)]
    for index, call in enumerate(spoken.calls):
        pieces.append(Piece("", token_count(call.name), index, opens=True))
        length = token_count(call.arguments)
        cuts = _cut(call.arguments, length, size, size)
        pieces += [Piece(part, count, index) for part, count in cuts]
    return tuple(pieces) or (Piece("", 0),)


@lru_cache(maxsize=256)
def sizes_of(spoken: Spoken) -> tuple[int, ...]:
    """Return how many tokens each of its pieces has."""
    return tuple(piece.tokens for piece in pieces_of(spoken))


def token_count(content: str) -> int:
    """Return how many tokens *content* counts as: its UTF-8 bytes / BYTES_PER_TOKEN, rounded up."""
    return -(-len(content.encode()) // BYTES_PER_TOKEN)


def _cut(content: str, tokens: int, first: int, others: int) -> list[tuple[str, int]]:
    """Return *content* in parts of *first* and then *others* tokens, with their sizes."""
    ends = [*range(first, tokens, others), tokens] if tokens else []
    parts, low, begin = [], 0, 0
    for end in ends:
        high = len(content) * end // tokens
        parts.append((content[low:high], end - begin))
        low, begin = high, end
    return parts
