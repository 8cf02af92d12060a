"""A schedule for tests: as many rounds of everything as asked for."""

from collections.abc import Sequence

from agent_perf.records import DuetRun
from agent_perf.suite import Schedule, Turn


def fixed_rounds(count: int, *, time_budget_s: float) -> Schedule:
    """Return the schedule of *count* rounds of each duet, whatever they show."""

    def next_turn(duets: Sequence[DuetRun], spent_s: float) -> Turn | None:
        wanted = frozenset(index for index, duet in enumerate(duets) if len(duet.base) < count)
        if not wanted or spent_s >= time_budget_s:
            return None
        return Turn(kind="screen", wanted=wanted)

    return next_turn
