"""
Duets as they grow, round by round.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from agent_perf.records import DuetRun, RoundConditions
from agent_perf.suite.blocks import Pair
from agent_perf.suite.lanes import Item
from agent_perf.suite.schedule import Turn

_UNITS: Final = {"cpu": "s", "wall": "s", "memory": "bytes"}


def first_metric(item: Item) -> str:
    """Return the metric that *item* surely has; how many calls fit a round decides on others."""
    return "memory.peak" if item.kind == "memory" else f"{item.kind}.median"


def without_rounds(item: Item, metric: str) -> DuetRun:
    """Return the duet of *metric* before its first round."""
    return DuetRun(
        benchmark=item.name,
        metric=metric,
        unit=_UNITS[item.kind],
        base=(),
        head=(),
        calls_per_round=0,
    )


def with_round(
    duet: DuetRun, turn: Turn, pair: Pair, conditions: RoundConditions, calls: int
) -> DuetRun:
    """
    Return *duet* with one more round, of its own or of its confirmation.

    Args:
        duet: The rounds so far.
        turn: What the round was for.
        pair: The statistic of base and head.
        conditions: Of the round.
        calls: Calls behind the statistic.
    """
    if turn.kind == "confirm":
        fresh = duet.confirmation or replace(duet, base=(), head=(), conditions=())
        screen = replace(turn, kind="screen")
        return replace(duet, confirmation=with_round(fresh, screen, pair, conditions, calls))
    base, head = pair
    return replace(
        duet,
        base=(*duet.base, base),
        head=(*duet.head, head),
        conditions=(*duet.conditions, conditions),
        calls_per_round=calls,
    )
