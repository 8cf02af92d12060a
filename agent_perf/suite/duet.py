"""
Measures micro-benchmarks of base and head in interleaved rounds.

Each round is a fresh process of either side, which take turns in small blocks: what
the machine does to one it does to the other. The round is the unit of the statistics,
for calls within a process are not independent.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from agent_perf.records import DuetRun, Failure
from agent_perf.suite.cores import usable_cores
from agent_perf.suite.duet_lanes import lane_count, measure_lanes
from agent_perf.suite.duet_round import (
    Measured,
    Order,
    SideName,
    Size,
    fresh_sides,
)
from agent_perf.suite.duet_runs import first_metric, with_round, without_rounds
from agent_perf.suite.lanes import Group, Item, share_out
from agent_perf.suite.same_code import same_code
from agent_perf.suite.schedule import Schedule, Turn, affordable, open_count, rounds_to_go
from agent_perf.suite.side import SideBroken
from agent_perf.suite.tree import Tree


@dataclass(frozen=True, slots=True, kw_only=True)
class DuetPlan:
    """
    What is compared, and for how long.

    Attributes:
        base: Tree of the base.
        head: Tree of the head; the base's own for a calibration.
        package: The benchmark package.
        only: Patterns of benchmark names; empty: all.
        time_budget_s: Real seconds after which nothing is begun. To find out what there is
            comes before, and is not counted.
        time_limit_s: Real seconds for one answer of a side.
        spares: Says which benchmarks need no measuring where they run the same code on both
            sides; None: whatever they run, all are measured.
        on_tracing: Told how many benchmarks are looked at for that, before it takes a while.
        seed: Of the order of turns and of hashes.
    """

    base: Tree
    head: Tree
    package: str
    only: tuple[str, ...] = ()
    time_budget_s: float
    time_limit_s: float
    spares: Callable[[str], bool] | None = None
    on_tracing: Callable[[int], None] | None = None
    seed: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundNote:
    """
    A round that begins.

    Attributes:
        number: From 1.
        turn: What it is for.
        benchmarks: What it measures.
        spent_s: Real seconds since the first round began.
    """

    number: int
    turn: Turn
    benchmarks: tuple[str, ...]
    spent_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Duets:
    """
    What came of it.

    Attributes:
        runs: Rounds by benchmark and metric; of a benchmark that was found and had no
            round, its first metric without samples.
        failures: What gave no value.
        same: Of each benchmark that was spared, its first metric without samples.
        spent_s: Real seconds that the rounds took.
        interrupted: Whether somebody ended it before its time.
        open_count: Duets that still wanted a round when it ended.
    """

    runs: tuple[DuetRun, ...]
    failures: tuple[Failure, ...]
    same: tuple[DuetRun, ...] = ()
    spent_s: float = 0.0
    interrupted: bool = False
    open_count: int = 0


def run_duets(
    plan: DuetPlan,
    *,
    schedule: Schedule,
    on_round: Callable[[RoundNote], None],
    on_measured: Callable[[Measured], None] = lambda _: None,
) -> Duets:
    """
    Return the interleaved rounds of all micro-benchmarks that base and head share.

    On an interrupt, processes are ended and the rounds so far returned.

    Args:
        plan: What is compared.
        schedule: Says after each round what the next one measures.
        on_round: Told of each round before it begins.
        on_measured: Told of each benchmark's part of a round, when the round is over.
    """
    rounds = _Rounds(plan, on_measured)
    number = 0
    interrupted = False
    start_s = time.monotonic()
    try:
        rounds.discover()
        start_s = time.monotonic()
        while (turn := schedule(rounds.live(), time.monotonic() - start_s)) is not None:
            spent_s = time.monotonic() - start_s
            items = rounds.items_of(turn, plan.time_budget_s - spent_s)
            if not items:
                # Too late for any of them.
                break
            number += 1
            names = tuple(item.name for item in items)
            on_round(RoundNote(number=number, turn=turn, benchmarks=names, spent_s=spent_s))
            rounds.measure(turn, items, deadline_s=start_s + plan.time_budget_s)
    except KeyboardInterrupt:
        interrupted = True
    return Duets(
        runs=rounds.told(),
        failures=tuple(rounds.failures.values()),
        same=rounds.same,
        spent_s=time.monotonic() - start_s,
        interrupted=interrupted,
        open_count=open_count(schedule, rounds.live(), time_budget_s=plan.time_budget_s),
    )


class _Rounds:
    """All that was measured so far, and how to measure more."""

    def __init__(self, plan: DuetPlan, on_measured: Callable[[Measured], None]) -> None:
        self.runs: dict[tuple[str, str], DuetRun] = {}
        self.failures: dict[str, Failure] = {}
        self.same: tuple[DuetRun, ...] = ()
        self._plan = plan
        self._on_measured = on_measured
        self._dice = random.Random(plan.seed)
        self._items: dict[str, Item] = {}
        self._sizes: dict[str, Size] = {}
        self._cost_s: dict[str, float] = {}
        self._start_s = 0.0
        self._overhead_s = 0.0

    def live(self) -> list[DuetRun]:
        """Return the duets of the benchmarks that have not failed."""
        return [duet for duet in self.runs.values() if duet.benchmark not in self.failures]

    def told(self) -> tuple[DuetRun, ...]:
        """Return all duets but those of benchmarks that failed before they had a round."""
        return tuple(
            duet for duet in self.runs.values() if duet.base or duet.benchmark not in self.failures
        )

    def items_of(self, turn: Turn, time_s: float) -> list[Item]:
        """Return the benchmarks that *turn* wants and *time_s* more seconds suffice for."""
        to_go: dict[str, int] = {}
        for index, duet in enumerate(self.live()):
            if index in turn.wanted:
                own = duet if turn.kind == "screen" else duet.confirmation
                count = rounds_to_go(len(own.base) if own else 0)
                to_go[duet.benchmark] = min(count, to_go.get(duet.benchmark, count))
        names = affordable(
            to_go,
            self._cost_s,
            start_s=self._overhead_s,
            time_s=time_s,
            lane_count=lane_count(),
        )
        return [self._items[name] for name in names]

    def discover(self) -> None:
        """Find what both sides have; it also compiles and caches what they import."""
        start_s = time.monotonic()
        stop = threading.Event()
        found: dict[SideName, dict[str, Item]] = {}
        with fresh_sides(self._order((), deadline_s=0.0, core=0), (), 1, stop) as sides:
            for side_name, side in sides.items():
                try:
                    found[side_name] = {item.name: item for item in side.found()}
                except SideBroken as error:
                    self.failures[self._plan.package] = Failure(
                        benchmark=self._plan.package,
                        commit=side.tree.commit,
                        category=error.category,
                        message=str(error),
                        traceback=error.traceback,
                    )
                    return
        self._start_s = self._overhead_s = time.monotonic() - start_s
        shared = [
            item
            for name, item in found["head"].items()
            if name in found["base"] and self._is_wanted(name)
        ]
        same = self._same(shared)
        fresh = [without_rounds(item, first_metric(item)) for item in shared]
        self.same = tuple(duet for duet in fresh if duet.benchmark in same)
        self.runs = {(one.benchmark, one.metric): one for one in fresh if one not in self.same}
        self._items = {item.name: item for item in shared}

    def measure(self, turn: Turn, items: Sequence[Item], *, deadline_s: float) -> None:
        """Add a round of *items* to the duets that *turn* wants."""
        wanted = {
            (duet.benchmark, duet.metric)
            for index, duet in enumerate(self.live())
            if index in turn.wanted
        }
        known = set(self.runs)
        cores = usable_cores()
        self._dice.shuffle(cores)
        lanes = share_out(items, self._cost_s, start_s=self._start_s, lane_count=lane_count())
        orders = [
            self._order(groups, deadline_s=deadline_s, core=core)
            for groups, core in zip(lanes, cores, strict=False)
        ]
        start_s = time.monotonic()
        measured = measure_lanes(orders)
        if all(item.kind != "memory" for item in items):
            # What is not measuring is starting, importing, and waiting for the longest lane.
            spent_s = sum(one.spent_s for one in measured) / len(orders)
            self._overhead_s = time.monotonic() - start_s - spent_s
        for one in measured:
            self._take(one, turn, wanted, known)
            self._on_measured(one)

    def _take(
        self, one: Measured, turn: Turn, wanted: set[tuple[str, str]], known: set[tuple[str, str]]
    ) -> None:
        name = one.item.name
        if one.failure is not None:
            self.failures[name] = one.failure
            return
        assert one.conditions is not None
        # What is measured in memory has processes of its own, which import before they run.
        import_s = self._start_s if one.item.kind == "memory" else 0.0
        self._cost_s[name] = one.spent_s + import_s
        if one.size is not None:
            self._sizes[name] = one.size
        calls = one.size.calls * one.size.blocks if one.size else 1
        for metric, pair in one.statistics.items():
            key = name, metric
            # A metric whose answer is there takes no more rounds: each look at it that was
            # not planned would add to the chance of a false alarm.
            if key in known and key not in wanted:
                continue
            first = self.runs.get(key) or without_rounds(one.item, metric)
            self.runs[key] = with_round(first, turn, pair, one.conditions, calls)

    def _order(self, groups: tuple[Group, ...], *, deadline_s: float, core: int) -> Order:
        plan = self._plan
        return Order(
            base=plan.base,
            head=plan.head,
            package=plan.package,
            groups=groups,
            sizes=dict(self._sizes),
            cost_s=dict(self._cost_s),
            deadline_s=deadline_s,
            time_limit_s=plan.time_limit_s,
            seed=self._dice.randrange(1 << 32),
            core=core,
        )

    def _same(self, shared: Sequence[Item]) -> frozenset[str]:
        """Return the names of what may be spared and runs the same code on both sides."""
        plan = self._plan
        may = [item for item in shared if plan.spares and plan.spares(item.name)]
        if may and plan.on_tracing is not None:
            plan.on_tracing(len(may))
        return same_code(plan.base, plan.head, plan.package, may, time_limit_s=plan.time_limit_s)

    def _is_wanted(self, name: str) -> bool:
        only = self._plan.only
        return not only or any(fnmatchcase(name, pattern) for pattern in only)
