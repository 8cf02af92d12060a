"""
Who measures what in a round: lanes, of a core each, and groups that share two processes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final, Literal

LANES_MAX: Final = 2
"""More at a time were not measured: they share caches, memory and the power of the chip."""

Kind = Literal["cpu", "wall", "memory"]
"""What a benchmark is measured in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """
    A micro-benchmark that both sides have.

    Attributes:
        name: As asv names it.
        kind: What it is measured in.
        module: File that holds it, as a module's name.
    """

    name: str
    kind: Kind
    module: str


Group = tuple[Item, ...]
"""Benchmarks that share a fresh process of base and one of head; at least one."""


def share_out(
    items: Sequence[Item],
    cost_s: Mapping[str, float],
    *,
    start_s: float,
    lane_count: int,
) -> tuple[tuple[Group, ...], ...]:
    """
    Return the groups of each lane; their union is *items*, and no lane is empty.

    Timings of one lane are one group, cheapest first: should the time end within the
    round, most of them have had it. What is timed side by side is cut where the names of
    benchmarks are apart, so that a file is imported once. What is measured in memory gets
    processes with its own file alone, for their size includes what they import.

    Args:
        items: What the round measures, in any order.
        cost_s: Benchmark to the seconds that its last round took, absent before the first;
            of what is measured in memory with the import.
        start_s: Seconds until two processes have imported everything.
        lane_count: Lanes there may be, >= 1.
    """
    timed = sorted((item for item in items if item.kind != "memory"), key=lambda one: one.name)
    sized = sorted((item for item in items if item.kind == "memory"), key=lambda one: one.module)
    groups = _cut(timed, cost_s, start_s=start_s, parts=lane_count)
    lanes: list[list[Group]] = [[group] for group in groups]
    loads = [_cost(group, cost_s) for group in groups]
    for _, same in groupby(sized, key=lambda one: one.module):
        group = tuple(same)
        if len(lanes) < lane_count:
            lanes.append([])
            loads.append(0.0)
        least = loads.index(min(loads))
        lanes[least].append(group)
        loads[least] += _cost(group, cost_s)
    return tuple(map(tuple, lanes))


def _cut(
    timed: Sequence[Item], cost_s: Mapping[str, float], *, start_s: float, parts: int
) -> list[Group]:
    """Return *timed* in at most *parts* groups of about equal cost."""
    whole_s = _cost(timed, cost_s)
    known = any(item.name in cost_s for item in timed)
    if known and whole_s * (1 - 1 / parts) <= start_s:
        # Another pair of processes would import longer than it spares.
        parts = 1
    groups: list[list[Item]] = [[] for _ in range(parts)]
    spent_s = 0.0
    for index, item in enumerate(timed):
        share = (spent_s / whole_s) if whole_s else index / len(timed)
        groups[min(parts - 1, int(share * parts))].append(item)
        spent_s += cost_s.get(item.name, 0.0)
    return [
        tuple(sorted(group, key=lambda one: cost_s.get(one.name, 0.0))) for group in groups if group
    ]


def _cost(items: Sequence[Item], cost_s: Mapping[str, float]) -> float:
    return sum(cost_s.get(item.name, 0.0) for item in items)
