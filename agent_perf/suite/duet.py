"""
Measures micro-benchmarks of base and head in interleaved rounds.

Each round is a fresh process of either side, which take turns in small blocks: what
the machine does to one it does to the other. The round is the unit of the statistics,
for calls within a process are not independent.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import Final, Literal

from agent_perf.records import DuetRun, Failure
from agent_perf.suite.blocks import Block, round_medians
from agent_perf.suite.duet_worker import Demand
from agent_perf.suite.side import Side, SideBroken
from agent_perf.suite.tree import Tree

_BLOCK_S: Final = 0.004
"""CPU time of a block: short, for what the machine does in it must hit both sides alike."""

_ROUND_S: Final = 0.08
"""CPU time of a benchmark's blocks in a round, of either side."""

_CALLS_MAX: Final = 10
_BLOCKS_MIN: Final = 5
_BLOCKS_MAX: Final = 20

SideName = Literal["base", "head"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DuetPlan:
    """
    What is compared, and for how long.

    Attributes:
        base: Tree of the base.
        head: Tree of the head.
        package: The benchmark package.
        only: Patterns of benchmark names; empty: all.
        time_budget_s: Real seconds after which no round is begun.
        time_limit_s: Real seconds for one answer of a side.
        seed: Of the order of turns.
    """

    base: Tree
    head: Tree
    package: str
    only: tuple[str, ...] = ()
    time_budget_s: float
    time_limit_s: float
    seed: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Duets:
    """What came of it: rounds by benchmark, and what gave no value."""

    runs: tuple[DuetRun, ...]
    failures: tuple[Failure, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Size:
    """How a benchmark is measured in every round: repetitions, calls and blocks."""

    number: int
    calls: int
    blocks: int


@dataclass(slots=True)
class _State:
    sizes: dict[str, _Size] = field(default_factory=dict)
    runs: dict[str, DuetRun] = field(default_factory=dict)
    failures: dict[tuple[str, str], Failure] = field(default_factory=dict)


def run_duets(
    plan: DuetPlan,
    *,
    needs_more: Callable[[DuetRun], bool],
    on_round: Callable[[int, Sequence[str]], None],
) -> Duets:
    """
    Return the interleaved rounds of all micro-benchmarks that base and head share.

    Args:
        plan: What is compared.
        needs_more: Tells from the rounds so far whether a benchmark is still open.
        on_round: Told the number of each round, from 1, and its benchmarks.
    """
    state = _State()
    dice = random.Random(plan.seed)
    end_s = time.monotonic() + plan.time_budget_s
    todo: list[str] = []
    for round_number in range(1, 1000):
        with _sides(plan) as sides:
            todo = _shared(plan, sides, state, todo)
            core = dice.choice(_cores())
            for side in sides.values():
                side.pin(core)
            on_round(round_number, todo)
            for name in list(todo):
                if not _round(name, sides, state, plan, dice):
                    todo.remove(name)
        todo = [name for name in todo if needs_more(state.runs[name])]
        if not todo or time.monotonic() > end_s:
            break
    return Duets(runs=tuple(state.runs.values()), failures=tuple(state.failures.values()))


def _shared(
    plan: DuetPlan, sides: dict[SideName, Side], state: _State, wanted: Sequence[str]
) -> list[str]:
    found = []
    for side in sides.values():
        # Both import at the same time, which takes longer than all that follows.
        side.start(wanted)
    for side_name, side in sides.items():
        try:
            found.append(side.found())
        except SideBroken as error:
            _fail(state, plan.package, side_name, side.tree, str(error))
            return []
    base, head = found
    return [
        name
        for name in base
        if name in head
        and (not plan.only or any(fnmatchcase(name, pattern) for pattern in plan.only))
        and not any(failed == name for failed, _ in state.failures)
    ]


def _round(
    name: str,
    sides: dict[SideName, Side],
    state: _State,
    plan: DuetPlan,
    dice: random.Random,
) -> bool:
    """Add one round of *name* to *state*; return False if a side failed."""
    blocks: dict[SideName, list[Block]] = {"base": [], "head": []}
    order: list[SideName] = ["base", "head"]
    side_name: SideName = "base"
    try:
        for side_name in order:
            known = state.sizes.get(name)
            ready = Demand(kind="ready", name=name, number=known.number if known else 0)
            answer = sides[side_name].ask(ready)
            state.sizes.setdefault(name, _size(answer.number, answer.call_s[0]))
        size = state.sizes[name]
        block = Demand(kind="block", name=name, calls=size.calls, number=size.number)
        for _ in range(size.blocks):
            dice.shuffle(order)
            for side_name in order:
                blocks[side_name].append(sides[side_name].ask(block).call_s)
        for side_name in order:
            sides[side_name].ask(Demand(kind="done", name=name))
    except SideBroken as error:
        _fail(state, name, side_name, sides[side_name].tree, str(error))
        state.runs.pop(name, None)
        return False
    before = state.runs.get(name) or DuetRun(
        benchmark=name,
        metric="cpu.median",
        unit="s",
        base=(),
        head=(),
        calls_per_round=size.blocks * size.calls,
    )
    base_s, head_s = round_medians(blocks["base"], blocks["head"])
    state.runs[name] = replace(before, base=(*before.base, base_s), head=(*before.head, head_s))
    return True


def _size(number: int, call_s: float) -> _Size:
    """Return how to measure what takes *call_s* in *number* repetitions."""
    calls = max(1, min(_CALLS_MAX, int(_BLOCK_S / call_s)))
    blocks = max(_BLOCKS_MIN, min(_BLOCKS_MAX, int(_ROUND_S / (calls * call_s))))
    return _Size(number=number, calls=calls, blocks=blocks)


def _fail(state: _State, name: str, side: SideName, tree: Tree, message: str) -> None:
    state.failures[name, side] = Failure(
        benchmark=name, commit=tree.commit, category="raised", message=message
    )


@contextmanager
def _sides(plan: DuetPlan) -> Iterator[dict[SideName, Side]]:
    sides: dict[SideName, Side] = {
        "base": Side(plan.base, plan.package, plan.time_limit_s),
        "head": Side(plan.head, plan.package, plan.time_limit_s),
    }
    try:
        yield sides
    finally:
        for side in sides.values():
            side.stop()


def _cores() -> list[int]:
    """Return the cores that this process may use; [0] where the system does not tell."""
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else [0]
