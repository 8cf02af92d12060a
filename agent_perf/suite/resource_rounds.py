"""
Measures what scenarios of base and head take from the machine, in interleaved rounds.

A round is a fresh process of either side. They take turns benchmark by benchmark, each in
a fork of its own, on one core: what the machine does to one it does to the other. A process
takes longer to start than a scenario to run, so that each round runs it three times, and the
middle one counts.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field, replace
from typing import Final

from agent_perf.records import DuetRun, Failure, ResourceRun
from agent_perf.stats import LOOKS, resource_duets
from agent_perf.suite.cores import usable_cores
from agent_perf.suite.crew import measure_tree
from agent_perf.suite.tree import Tree
from agent_perf.suite.worker import Event

JUDGED: Final = ("resources.cpu", "memory.peak")
"""What a simulation takes by itself: its disks, networks and connections are simulated."""

_TIMES: Final = 3
_FIRST_RATIO: Final = 0.6
"""Share of the time budget after which no first round is begun: the rest is a confirmation's."""

_SIDES: Final = ("base", "head")


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourcePlan:
    """
    What is compared, and for how long.

    Attributes:
        base: Tree of the base.
        head: Tree of the head.
        package: The benchmark package.
        only: Patterns of benchmark names; empty: all.
        interval_s: Between two ticks of the sampler.
        time_budget_s: Real seconds after which no round is begun.
        time_limit_s: Real seconds for one benchmark.
        seed: Of the order of turns.
    """

    base: Tree
    head: Tree
    package: str
    only: tuple[str, ...] = ()
    interval_s: float
    time_budget_s: float
    time_limit_s: float
    seed: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceRounds:
    """
    What came of it.

    Attributes:
        runs: The metrics in JUDGED of each benchmark.
        failures: What gave no value.
        recordings: Benchmark to the last recording of base and of head.
        is_cut_short: Whether a round was wanted when the time budget had ended.
    """

    runs: tuple[DuetRun, ...]
    failures: tuple[Failure, ...]
    recordings: dict[str, tuple[ResourceRun, ResourceRun]]
    is_cut_short: bool = False


Pairs = dict[str, list[tuple[ResourceRun, ResourceRun]]]
"""Benchmark to its recordings of base and head, round by round."""


@dataclass(slots=True)
class _State:
    first: Pairs = field(default_factory=dict)
    confirmation: Pairs = field(default_factory=dict)
    failures: dict[tuple[str, str], Failure] = field(default_factory=dict)
    imports: tuple[str, ...] = ()

    def duets(self) -> tuple[DuetRun, ...]:
        again = {(duet.benchmark, duet.metric): duet for duet in _duets(self.confirmation)}
        return tuple(
            replace(duet, confirmation=again.get((duet.benchmark, duet.metric)))
            for duet in _duets(self.first)
        )


def run_resource_rounds(
    plan: ResourcePlan,
    *,
    wants_round: Callable[[Sequence[DuetRun]], frozenset[int]],
    wants_confirmation: Callable[[Sequence[DuetRun]], frozenset[int]],
    on_round: Callable[[str, int], None],
) -> ResourceRounds:
    """
    Return the interleaved rounds of all scenarios that base and head share.

    Args:
        plan: What is compared.
        wants_round: Tells from the rounds so far the indices of those that want another.
        wants_confirmation: Likewise, once no round is wanted any more.
        on_round: Told what each round is about, and how many benchmarks it has; 0: all.
    """
    state = _State()
    dice = random.Random(plan.seed)
    start_s = time.monotonic()

    def has_time(ratio: float = 1.0) -> bool:
        return time.monotonic() - start_s < plan.time_budget_s * ratio

    names: tuple[str, ...] = ()
    is_open = True
    while is_open and has_time(_share(_round_count(state.first))):
        on_round(f"resources, round {_round_count(state.first) + 1}", len(names))
        _round(plan, names, state, state.first, dice)
        names = _open(state, wants_round)
        is_open = bool(names)
    while (names := _open(state, wants_confirmation)) and has_time():
        on_round(f"resources, confirmation {_round_count(state.confirmation) + 1}", len(names))
        _round(plan, names, state, state.confirmation, dice)
    return ResourceRounds(
        runs=state.duets(),
        failures=tuple(state.failures.values()),
        recordings={name: pairs[-1] for name, pairs in state.first.items()},
        is_cut_short=is_open or bool(names),
    )


def _open(state: _State, wants: Callable[[Sequence[DuetRun]], frozenset[int]]) -> tuple[str, ...]:
    """Return the benchmarks that want another round."""
    duets = state.duets()
    broken = {name for name, _ in state.failures}
    found = {duets[index].benchmark for index in wants(duets)} - broken
    return tuple(sorted(found))


def _round(
    plan: ResourcePlan,
    names: tuple[str, ...],
    state: _State,
    into: Pairs,
    dice: random.Random,
) -> None:
    """Add one round of the benchmarks *names*, or all that are wanted if empty, to *into*."""
    core = dice.choice(usable_cores())
    found: dict[str, dict[str, list[ResourceRun]]] = {side: {} for side in _SIDES}
    with ExitStack() as stack:
        turns = {
            side: stack.enter_context(
                closing(
                    measure_tree(
                        tree,
                        package=plan.package,
                        time_limit_s=plan.time_limit_s,
                        only=names or plan.only,
                        imports=state.imports,
                        resources_interval_s=plan.interval_s,
                        times=_TIMES,
                        core=core,
                    )
                )
            )
            for side, tree in (("base", plan.base), ("head", plan.head))
        }
        while turns:
            for side in dice.sample(sorted(turns), len(turns)):
                event = _result(turns[side], state)
                if event is None:
                    del turns[side]
                elif event.resources is not None:
                    found[side].setdefault(event.names[0], []).append(event.resources)
                elif event.failure is not None:
                    state.failures[event.names[0], side] = event.failure
    for name in sorted(found["base"].keys() & found["head"].keys()):
        if not any(failed == name for failed, _ in state.failures):
            middle = _middle(found["base"][name]), _middle(found["head"][name])
            into.setdefault(name, []).append(middle)


def _middle(runs: Sequence[ResourceRun]) -> ResourceRun:
    """Return the run whose CPU time is the median, the lower one of two."""
    return sorted(runs, key=lambda run: run.cpu_s or 0.0)[(len(runs) - 1) // 2]


def _result(events: Iterator[Event], state: _State) -> Event | None:
    """Return the next benchmark's end; None after the last one's."""
    for event in events:
        if event.kind == "imports":
            state.imports = event.names
        if event.kind in {"run", "failed"}:
            return event
    return None


def _duets(pairs: Pairs) -> Iterator[DuetRun]:
    for _, rounds in sorted(pairs.items()):
        base, head = zip(*rounds, strict=True)
        yield from (duet for duet in resource_duets(base, head) if duet.metric in JUDGED)


def _share(round_count: int) -> float:
    """Return the share of the budget that first rounds may use: with no answer yet, all of it."""
    return 1.0 if round_count < LOOKS[0] else _FIRST_RATIO


def _round_count(pairs: Pairs) -> int:
    return max(map(len, pairs.values()), default=0)
