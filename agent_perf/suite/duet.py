"""
Measures micro-benchmarks of base and head in interleaved rounds.

Each round is a fresh process of either side, which take turns in small blocks: what
the machine does to one it does to the other. The round is the unit of the statistics,
for calls within a process are not independent.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from pathlib import Path
from statistics import median
from typing import Final, Literal

import msgspec

from agent_perf.records import DuetRun, Failure
from agent_perf.suite.duet_worker import Answer, Demand
from agent_perf.suite.lines import Lines
from agent_perf.suite.tree import Tree

_BLOCKS: Final = 20
_CALLS_PER_BLOCK: Final = 10

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


@dataclass(slots=True)
class _State:
    numbers: dict[str, int] = field(default_factory=dict)
    runs: dict[str, DuetRun] = field(default_factory=dict)
    failures: dict[tuple[str, str], Failure] = field(default_factory=dict)


class _SideBroken(Exception):
    """A side has no answer for one benchmark."""


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
    todo: list[str] | None = None
    for round_number in range(1, 1000):
        with _side(plan.base) as base, _side(plan.head) as head:
            sides: dict[SideName, _Side] = {"base": base, "head": head}
            names = _shared(plan, sides, state)
            todo = names if todo is None else [name for name in todo if name in names]
            on_round(round_number, todo)
            for name in list(todo):
                if not _round(name, sides, state, plan, dice):
                    todo.remove(name)
        todo = [name for name in todo if needs_more(state.runs[name])]
        if not todo or time.monotonic() > end_s:
            break
    return Duets(runs=tuple(state.runs.values()), failures=tuple(state.failures.values()))


def _shared(plan: DuetPlan, sides: dict[SideName, _Side], state: _State) -> list[str]:
    found = []
    for side_name, side in sides.items():
        tree = side.tree
        try:
            answer = side.ask(
                Demand(kind="find", root=str(tree.root), package=plan.package), plan.time_limit_s
            )
        except _SideBroken as error:
            _fail(state, plan.package, side_name, tree, str(error))
            return []
        found.append(answer.names)
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
    sides: dict[SideName, _Side],
    state: _State,
    plan: DuetPlan,
    dice: random.Random,
) -> bool:
    """Add one round of *name* to *state*; return False if a side failed."""
    call_s: dict[SideName, list[float]] = {"base": [], "head": []}
    order: list[SideName] = ["base", "head"]
    side_name: SideName = "base"
    try:
        for side_name in order:
            ready = Demand(kind="ready", name=name, number=state.numbers.get(name, 0))
            state.numbers[name] = sides[side_name].ask(ready, plan.time_limit_s).number
        block = Demand(kind="block", name=name, calls=_CALLS_PER_BLOCK, number=state.numbers[name])
        for _ in range(_BLOCKS):
            dice.shuffle(order)
            for side_name in order:
                call_s[side_name] += sides[side_name].ask(block, plan.time_limit_s).call_s
        for side_name in order:
            sides[side_name].ask(Demand(kind="done", name=name), plan.time_limit_s)
    except _SideBroken as error:
        _fail(state, name, side_name, sides[side_name].tree, str(error))
        state.runs.pop(name, None)
        return False
    before = state.runs.get(name) or DuetRun(
        benchmark=name,
        metric="cpu.median",
        unit="s",
        base=(),
        head=(),
        calls_per_round=_BLOCKS * _CALLS_PER_BLOCK,
    )
    state.runs[name] = replace(
        before,
        base=(*before.base, median(call_s["base"])),
        head=(*before.head, median(call_s["head"])),
    )
    return True


def _fail(state: _State, name: str, side: SideName, tree: Tree, message: str) -> None:
    state.failures[name, side] = Failure(
        benchmark=name, commit=tree.commit, category="raised", message=message
    )


class _Side:
    """A duet worker, and the tree it runs."""

    def __init__(self, process: subprocess.Popen[bytes], tree: Tree) -> None:
        assert process.stdout is not None
        self.tree = tree
        self._process = process
        self._lines = Lines(process.stdout.fileno())

    def ask(self, demand: Demand, timeout_s: float) -> Answer:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(msgspec.json.encode(demand) + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise _SideBroken("the process crashed") from None
        line = self._lines.next(timeout_s)
        if line is None:
            # It would answer this demand when asked the next: it is of no more use.
            self._process.kill()
            raise _SideBroken(f"no answer within {timeout_s:g} s")
        if not line:
            raise _SideBroken("the process crashed")
        answer = msgspec.json.decode(line, type=Answer)
        if answer.error:
            raise _SideBroken(answer.error)
        return answer


@contextmanager
def _side(tree: Tree) -> Iterator[_Side]:
    harness = str(Path(__file__).parents[2])
    path = [*(str(folder) for folder in tree.path), harness]
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "agent_perf.suite.duet_worker"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=tree.root,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(path)},
        start_new_session=True,
    )
    with process:
        try:
            yield _Side(process, tree)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
