"""
Which benchmarks a calibration measures, when there is no time for all.
"""

from __future__ import annotations

from collections.abc import Sequence

from agent_perf.records import DuetRun
from agent_perf.suite.schedule import Schedule, Turn


def sampled_rounds(count: int, *, benchmarks_max: int, time_budget_s: float) -> Schedule:
    """
    Return the schedule of a calibration that has no time for all: *count* rounds of some.

    Those are chosen evenly along the list, for neighbours in a file are much alike; after
    the first round, by what it took, as many as the time suffices for.

    Args:
        count: Rounds of each duet, >= 1.
        benchmarks_max: Benchmarks that are measured, >= 1.
        time_budget_s: Seconds after which no round is begun.
    """
    chosen: list[str] = []

    def next_turn(duets: Sequence[DuetRun], spent_s: float) -> Turn | None:
        done = max((len(duet.base) for duet in duets), default=0)
        if done == 0:
            names = list(dict.fromkeys(duet.benchmark for duet in duets))
            chosen[:] = _spread(names, benchmarks_max)
        elif done == 1 and spent_s > 0:
            # Half as many rounds of all would be worth less than all rounds of half.
            affordable = int(len(chosen) * time_budget_s / (spent_s * count))
            chosen[:] = _spread(chosen, max(1, affordable))
        wanted = frozenset(
            index
            for index, duet in enumerate(duets)
            if duet.benchmark in chosen and len(duet.base) < count
        )
        if not wanted or spent_s >= time_budget_s:
            return None
        return Turn(kind="screen", wanted=wanted)

    return next_turn


def _spread(names: Sequence[str], count: int) -> list[str]:
    """Return *count* of *names*, or all if they are fewer, evenly along them."""
    kept = min(count, len(names))
    return [names[index * len(names) // kept] for index in range(kept)]
