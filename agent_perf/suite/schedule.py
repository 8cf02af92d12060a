"""
What the next round measures: pure decisions, from the rounds so far and the time spent.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from agent_perf.records import DuetRun
from agent_perf.stats import LOOKS, open_confirmations, open_duets

_SCREENING_RATIO: Final = 0.6
"""Share of the time budget after which confirmations go before first rounds."""

Schedule = Callable[[Sequence[DuetRun], float], "Turn | None"]
"""Says from the rounds so far and the seconds spent what to measure next; None: nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """
    One round.

    Attributes:
        kind: ``screen`` for first rounds, ``confirm`` for those of a confirmation.
        wanted: Indices of the duets that get another round; not empty.
    """

    kind: Literal["screen", "confirm"]
    wanted: frozenset[int]


def sequential(
    limit_of: Callable[[DuetRun], float | None],
    *,
    time_budget_s: float,
    rounds_max: int = LOOKS[-1],
) -> Schedule:
    """
    Return the schedule of a comparison: rounds go where the answer is open.

    First rounds come first. From three fifths of the time on, what they suspect is confirmed
    before anything else gets first rounds: a suspicion that is not confirmed is no verdict.

    Args:
        limit_of: Gives the largest change for the worse that a duet is allowed.
        time_budget_s: Seconds after which no round is begun.
        rounds_max: First rounds that a duet gets, and again of its confirmation; >= 1.
    """

    def next_turn(duets: Sequence[DuetRun], spent_s: float) -> Turn | None:
        if spent_s >= time_budget_s:
            return None
        limits = [limit_of(duet) for duet in duets]
        first = open_duets(duets, limits, rounds_max)
        if first and spent_s < time_budget_s * _SCREENING_RATIO:
            return Turn(kind="screen", wanted=first)
        again = open_confirmations(duets, limits, rounds_max)
        if again:
            return Turn(kind="confirm", wanted=again)
        return Turn(kind="screen", wanted=first) if first else None

    return next_turn


def fixed_rounds(count: int, *, time_budget_s: float) -> Schedule:
    """
    Return the schedule of a calibration: *count* rounds of everything, whatever they show.

    Args:
        count: Rounds of each duet, >= 1.
        time_budget_s: Seconds after which no round is begun.
    """

    def next_turn(duets: Sequence[DuetRun], spent_s: float) -> Turn | None:
        wanted = frozenset(index for index, duet in enumerate(duets) if len(duet.base) < count)
        if not wanted or spent_s >= time_budget_s:
            return None
        return Turn(kind="screen", wanted=wanted)

    return next_turn
