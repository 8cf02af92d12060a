"""
Executes commands in trees: several times for a run, in interleaved rounds for a comparison.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from agent_perf.errors import AgentPerfError, TimeLimitError
from agent_perf.measure import execute
from agent_perf.records import (
    COMMAND_METRICS,
    CommandRun,
    CommandSpec,
    DuetRun,
    Execution,
    Failure,
)
from agent_perf.scrubbing import harmless
from agent_perf.stats import LOOKS
from agent_perf.suite.cores import usable_cores
from agent_perf.suite.tree import Tree
from agent_perf.units import MIB

_FIRST_RATIO: Final = 0.6
"""Share of the time budget after which no first round is begun: the rest is a confirmation's."""

_MEMORY_GRAIN: Final = float(MIB)
"""What two executions are told apart by at least; as of recordings of resources."""

_SIDES: Final = ("base", "head")


def run_command(spec: CommandSpec, tree: Tree) -> CommandRun | Failure:
    """Return what *spec* took in *tree*: its executions one after the other, after a warm-up."""
    found = []
    for index in range(-spec.warmup, spec.executions):
        one = _executed(spec, tree, None)
        if isinstance(one, Failure):
            return one
        if index >= 0:
            found.append(one)
    return CommandRun(
        benchmark=spec.name,
        commit=tree.commit,
        command=spec.command,
        executions=tuple(found),
        environment=spec.environment,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandSide:
    """A tree, and the commands that it has, by name."""

    tree: Tree
    specs: Mapping[str, CommandSpec]


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandRounds:
    """
    What came of commands in turns.

    Attributes:
        runs: The metrics in COMMAND_METRICS of each command.
        failures: What gave no value, on either side.
        is_cut_short: Whether a round was wanted when the time budget had ended.
    """

    runs: tuple[DuetRun, ...] = ()
    failures: tuple[Failure, ...] = ()
    is_cut_short: bool = False


Rule = Callable[[Sequence[DuetRun]], frozenset[int]]
Pairs = dict[str, list[tuple[Execution, Execution]]]


def run_command_rounds(
    base: CommandSide,
    head: CommandSide,
    *,
    wants_round: Rule,
    wants_confirmation: Rule,
    time_budget_s: float,
    on_round: Callable[[str, int], None],
    seed: int = 1,
) -> CommandRounds:
    """
    Return rounds of the commands that both sides have: one execution of either, on one core.

    Args:
        base: What is compared with.
        head: What is judged.
        wants_round: Tells from the rounds so far the indices of those that want another.
        wants_confirmation: Likewise, once no round is wanted any more.
        time_budget_s: Real seconds after which no round is begun.
        on_round: Told what each round is about, and how many commands it has.
        seed: Of the order of turns.
    """
    stage = _Stage(sides={"base": base, "head": head}, dice=random.Random(seed))
    start_s = time.monotonic()

    def has_time(ratio: float = 1.0) -> bool:
        return time.monotonic() - start_s < time_budget_s * ratio

    names: tuple[str, ...] = tuple(sorted(base.specs.keys() & head.specs.keys()))
    stage.warm_up(names)
    names = tuple(name for name in names if name not in stage.broken)
    number = 0
    # Without an answer yet there is nothing to confirm: all of the budget is for these.
    while names and has_time(1.0 if number < LOOKS[0] else _FIRST_RATIO):
        number += 1
        on_round(f"commands, round {number}", len(names))
        stage.round(names, stage.first)
        names = stage.open(wants_round)
    number = 0
    is_open = bool(names)
    while (names := stage.open(wants_confirmation)) and has_time():
        number += 1
        on_round(f"commands, confirmation {number}", len(names))
        stage.round(names, stage.confirmation)
    return CommandRounds(
        runs=stage.duets(),
        failures=tuple(stage.failures),
        is_cut_short=is_open or bool(names),
    )


@dataclass(slots=True, kw_only=True)
class _Stage:
    """Two sides that take turns, and what came of it so far."""

    sides: Mapping[str, CommandSide]
    dice: random.Random
    first: Pairs = field(default_factory=dict)
    confirmation: Pairs = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)

    @property
    def broken(self) -> set[str]:
        return {failure.benchmark for failure in self.failures}

    def warm_up(self, names: Sequence[str]) -> None:
        """Execute what is forgotten: it fills caches, and tells early what does not run."""
        for name in names:
            for side in _SIDES:
                for _ in range(self.sides[side].specs[name].warmup):
                    if self._execute(name, side, None) is None:
                        break

    def round(self, names: Sequence[str], into: Pairs) -> None:
        """Add one execution of either side of each of *names* to *into*."""
        for name in names:
            core = self.dice.choice(usable_cores())
            order = self.dice.sample(_SIDES, 2)
            found = {side: self._execute(name, side, core) for side in order}
            base, head = found["base"], found["head"]
            if base is not None and head is not None:
                into.setdefault(name, []).append((base, head))

    def open(self, wants: Rule) -> tuple[str, ...]:
        """Return the commands that want another round."""
        duets = self.duets()
        return tuple(sorted({duets[index].benchmark for index in wants(duets)}))

    def duets(self) -> tuple[DuetRun, ...]:
        """Return the rounds so far, without those of commands that broke."""
        again = {(duet.benchmark, duet.metric): duet for duet in _duets(self.confirmation)}
        broken = self.broken
        return tuple(
            replace(duet, confirmation=again.get((duet.benchmark, duet.metric)))
            for duet in _duets(self.first)
            if duet.benchmark not in broken
        )

    def _execute(self, name: str, side: str, core: int | None) -> Execution | None:
        place = self.sides[side]
        one = _executed(place.specs[name], place.tree, core)
        if isinstance(one, Failure):
            self.failures.append(one)
            return None
        return one


def _executed(spec: CommandSpec, tree: Tree, core: int | None) -> Execution | Failure:
    try:
        return execute(spec, root=tree.root, path=tree.path, core=core)
    except AgentPerfError as error:
        message, _, said = harmless(str(error)).partition(":\n")
        return Failure(
            benchmark=spec.name,
            commit=tree.commit,
            category="time limit" if isinstance(error, TimeLimitError) else "command",
            message=f"{message}: {said.splitlines()[-1]}" if said else message,
            traceback=said,
        )


def _duets(pairs: Pairs) -> Iterator[DuetRun]:
    for name, rounds in sorted(pairs.items()):
        for metric, unit in COMMAND_METRICS.items():
            least = _MEMORY_GRAIN if unit == "bytes" else 0.0
            base, head = (
                tuple(max(least, one.value(metric)) for one in side)
                for side in zip(*rounds, strict=True)
            )
            yield DuetRun(
                benchmark=name, metric=metric, unit=unit, base=base, head=head, calls_per_round=1
            )
