"""
What the next round measures: pure decisions, from the rounds so far and the time spent.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from agent_perf.records import DuetRun
from agent_perf.stats import LOOKS, open_confirmations, open_duets

_SCREENING_RATIO: Final = 0.6
"""Share of the time budget after which confirmations go before first rounds."""

_MARGIN: Final = 1.25
"""How much longer than the last round those to come may take, so that what is begun is ended."""

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
    rounds_max: int | None = None,
) -> Schedule:
    """
    Return the schedule of a comparison: rounds go where the answer is open.

    First rounds come first. From three fifths of the time on, what they suspect is confirmed
    before anything else gets first rounds: a suspicion that is not confirmed is no verdict.

    Args:
        limit_of: Gives the largest change for the worse that a duet is allowed.
        time_budget_s: Seconds after which no round is begun.
        rounds_max: First rounds that a duet gets, and again of its confirmation, >= 1; None:
            until the last look.
    """
    most = rounds_max or LOOKS[-1]

    def next_turn(duets: Sequence[DuetRun], spent_s: float) -> Turn | None:
        if spent_s >= time_budget_s:
            return None
        limits = [limit_of(duet) for duet in duets]
        first = open_duets(duets, limits, most)
        if first and spent_s < time_budget_s * _SCREENING_RATIO:
            return Turn(kind="screen", wanted=first)
        again = open_confirmations(duets, limits, most)
        if again:
            return Turn(kind="confirm", wanted=again)
        return Turn(kind="screen", wanted=first) if first else None

    return next_turn


def open_count(schedule: Schedule, duets: Sequence[DuetRun], *, time_budget_s: float) -> int:
    """
    Return how many of *duets* want first rounds, or rounds of a confirmation.

    Args:
        schedule: Whatever it wants early or late in its time counts: it names one kind at once.
        duets: Rounds so far.
        time_budget_s: Seconds that *schedule* was made for.
    """
    asked = (schedule(duets, spent_s) for spent_s in (0.0, math.nextafter(time_budget_s, 0.0)))
    return len(frozenset[int]().union(*(turn.wanted for turn in asked if turn is not None)))


def affordable(
    to_go: Mapping[str, int],
    cost_s: Mapping[str, float],
    *,
    start_s: float,
    time_s: float,
    lane_count: int,
) -> tuple[str, ...]:
    """
    Return the benchmarks whose next verdict the time suffices for, cheapest first.

    Where it does not suffice for all, a round of each would bring none of them to a verdict:
    as many as possible get all their rounds, at least one, and the others none.

    Args:
        to_go: Benchmark to the rounds until it is judged next, >= 1.
        cost_s: Benchmark to the seconds that a round of it takes; absent if not yet known:
            it is affordable, for a first round must tell.
        start_s: Seconds of a round that measure nothing: processes start and import.
        time_s: Seconds that are left.
        lane_count: How many are measured side by side, >= 1.
    """
    chosen: list[str] = []
    spent_s = 0.0
    for name in sorted(to_go, key=lambda one: (cost_s.get(one, 0.0) * to_go[one], one)):
        spent_s += cost_s.get(name, 0.0) * to_go[name] / lane_count
        most = max(to_go[one] for one in (*chosen, name))
        # The cheapest one is tried in any case: the machine may become faster.
        if chosen and name in cost_s and (most * start_s + spent_s) * _MARGIN > time_s:
            break
        chosen.append(name)
    return tuple(chosen)


def rounds_to_go(round_count: int) -> int:
    """Return how many rounds are left until a duet that has *round_count* is judged next."""
    return next((look for look in LOOKS if look > round_count), round_count + 1) - round_count
