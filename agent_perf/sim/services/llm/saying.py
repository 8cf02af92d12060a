"""
What a turn comes to for one conversation: its words, and its times.
"""

from __future__ import annotations

from typing import Final

from agent_perf.sim.draws import Draws
from agent_perf.sim.services.llm.conversation import ChatRequest
from agent_perf.sim.services.llm.course import Course, course_of
from agent_perf.sim.services.llm.script import check_offered, content_of
from agent_perf.sim.services.llm.speech import Spoken, sizes_of
from agent_perf.sim.services.llm.turns import Finish, Text
from agent_perf.units import NS

_TOKENS_DRAWN: Final = (24, 72)


def spoken_of(turn: Text, chat: ChatRequest, draws: Draws, tokens_per_chunk: int) -> Spoken:
    """
    Return what *turn* says to *chat*.

    Raises:
        ConfigError: If it calls a tool that *chat* does not offer.
    """
    if turn.calls:
        check_offered(turn.calls, chat)
    drawn = 0
    if turn.content is None and turn.tokens is None:
        drawn = draws.integer("llm.length", *_TOKENS_DRAWN)
    content, tokens, cut = content_of(turn, drawn, chat)
    return Spoken(
        content=content,
        tokens=tokens,
        calls=turn.calls,
        finish=Finish.LENGTH if cut else turn.finish,
        tokens_per_chunk=tokens_per_chunk,
    )


def course_for(turn: Text, spoken: Spoken, draws: Draws) -> Course:
    """Return when the pieces of *spoken*, what *turn* says, are due."""
    # Drawn even if the turn says: a script's time moves no draw of another call.
    first_ns = draws.ns("llm.first_token")
    if turn.first_token_s is not None:
        first_ns = round(turn.first_token_s * NS)
    sizes = sizes_of(spoken)
    gaps_ns = [0, *draws.ns_of_runs("llm.token", sizes[1:])]
    if turn.token_gap_s is not None:
        gaps_ns = [0, *(round(turn.token_gap_s * NS) * size for size in sizes[1:])]
    return course_of(first_ns, gaps_ns, sizes, turn.broken)
