"""
Measures commits, several at a time, and stores each run as it comes.
"""

from __future__ import annotations

import os
import tempfile
import threading
from collections.abc import Generator, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from agent_perf.cli.commands import Taken, measure_commands
from agent_perf.cli.ground import Elsewhere, Ground
from agent_perf.cli.project import Project
from agent_perf.cli.session_notes import note_run
from agent_perf.errors import AgentPerfError
from agent_perf.gate import cost_nanousd, cut_off, is_spent
from agent_perf.records import (
    CommandRun,
    CommandSpec,
    CutOff,
    Failure,
    ResourceRun,
    Run,
    Tier,
)
from agent_perf.repository import WORKTREE
from agent_perf.scrubbing import harmless
from agent_perf.suite import CpuMode, Event, measure_tree


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """
    What is known of one commit.

    Attributes:
        commit: 40 hex digits, or WORKTREE.
        runs: By benchmark.
        failures: What gave no value.
        kept_count: Runs that came from the store.
        warnings: Damaged files, for people.
        recordings: Benchmark to what its process took, if that was asked for.
        spent_nanousd: What the model calls of the runs that were measured now come to.
        left: Benchmarks that were not measured, because the calls had cost too much.
        specs: The commands that are to be executed there.
        commands: What they took, by name, if that was asked for.
    """

    commit: str
    runs: dict[str, Run]
    failures: tuple[Failure, ...]
    kept_count: int = 0
    warnings: tuple[str, ...] = ()
    recordings: dict[str, ResourceRun] = field(default_factory=dict)
    spent_nanousd: int = 0
    left: tuple[str, ...] = ()
    specs: tuple[CommandSpec, ...] = ()
    commands: dict[str, CommandRun] = field(default_factory=dict)


class Progress(Protocol):
    """Who is told how far it is; called from several threads."""

    def event(self, commit: str, event: Event) -> None:
        """Something happened while *commit* was measured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """
    How to measure.

    Attributes:
        only: Patterns of benchmark names; empty: all.
        fresh: Measure again what is stored.
        jobs: Commits at a time, >= 1.
        cpu: What CPU time is charged for; None: as each scenario says.
        tier: How much of the real code runs.
        resources_interval_s: Sample what each benchmark's process takes, so often, which
            measures again what is stored; None: do not.
        max_cost_usd: Dollars that the model calls of what is measured may come to; once they
            are passed, nothing more is begun. None: no limit.
        commands: Whether commands are executed, too; with several commits at a time, one of
            them at a time.
        elsewhere: Who measures scenarios in this machine's place; commands stay here, for
            what they take is compared with what is stored of this machine.
    """

    only: tuple[str, ...] = ()
    fresh: bool = False
    jobs: int = max(1, os.cpu_count() or 1)
    cpu: CpuMode | None = None
    tier: Tier = Tier.CLIENT
    resources_interval_s: float | None = None
    max_cost_usd: float | None = None
    commands: bool = False
    elsewhere: Elsewhere | None = None


@dataclass(slots=True)
class _Round:
    """What the commits of one call share."""

    max_cost_usd: float | None
    stop: threading.Event = field(default_factory=threading.Event)
    imports: tuple[str, ...] = ()
    spent_nanousd: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)
    alone: threading.Lock = field(default_factory=threading.Lock)

    def pay(self, run: Run) -> int:
        """Add what the calls of *run* cost, and return it."""
        cost = cost_nanousd((run,))
        with self.lock:
            self.spent_nanousd += cost
        return cost

    def affordable(self, events: Iterable[Event]) -> Iterator[Event]:
        """Yield *events* until nothing more may be begun, for it costs too much."""
        for event in events:
            yield event
            # What is stored is told first: it costs nothing, and is known all the same.
            may_begin = event.kind in {"imports", "run", "failed"}
            if may_begin and is_spent(self.spent_nanousd, self.max_cost_usd):
                return


def cut_off_of(measured: Iterable[Measured], max_cost_usd: float | None) -> CutOff | None:
    """Return what is to be told if the calls of *measured* cost too much; None if they did not."""
    every = tuple(measured)
    left = [name for one in every for name in one.left]
    return cut_off(sum(one.spent_nanousd for one in every), max_cost_usd, left)


def measure_commits(
    project: Project, commits: Sequence[str], wish: Wish, progress: Progress
) -> dict[str, Measured]:
    """
    Return what is known of each commit after measuring what is not stored.

    Virtual time does not pass faster on a quiet machine, so commits are measured side
    by side. A run is stored as soon as it is there: whatever stops this, finished runs
    are kept and not repeated.

    Raises:
        StoreError: If a run cannot be stored, as when the disk is full.
    """
    round_ = _Round(max_cost_usd=wish.max_cost_usd)
    at_once = wish.elsewhere.at_once if wish.elsewhere else wish.jobs
    with ThreadPoolExecutor(max_workers=at_once) as pool:
        pending = {
            pool.submit(_measure_commit, project, commit, wish, progress, round_): commit
            for commit in dict.fromkeys(commits)
        }
        try:
            done = {pending[future]: future.result() for future in as_completed(pending)}
        except BaseException:
            # Without this, leaving the pool would wait for every commit that is left.
            round_.stop.set()
            pool.shutdown(wait=True, cancel_futures=True)
            raise
    return {commit: done[commit] for commit in dict.fromkeys(commits)}


def _measure_commit(
    project: Project, commit: str, wish: Wish, progress: Progress, round_: _Round
) -> Measured:
    shelf = project.store.load(commit)
    stored = {} if wish.fresh or wish.resources_interval_s else shelf.runs
    runs: dict[str, Run] = {}
    recordings: dict[str, ResourceRun] = {}
    failures: list[Failure] = []
    found: tuple[str, ...] = ()
    specs: tuple[CommandSpec, ...] = ()
    kept_count = spent_nanousd = 0
    with tempfile.TemporaryDirectory(prefix="agent-perf-") as folder:
        ground = Ground(project=project, commit=commit, folder=Path(folder))
        try:
            events = _events(ground, tuple(stored), wish, round_)
        except AgentPerfError as error:
            if isinstance(error, OSError):
                raise
            failures.append(_broken_commit(project, commit, error))
            return Measured(commit=commit, runs={}, failures=tuple(failures))
        with closing(events):
            for event in round_.affordable(events):
                match event.kind:
                    case "imports":
                        # What one commit's benchmarks import late, the next one's do too.
                        round_.imports = event.names
                    case "kept":
                        run = stored[event.names[0]]
                        runs[run.benchmark] = run
                        note_run(run, was_stored=True)
                        kept_count += 1
                    case "run":
                        spent_nanousd += round_.pay(_take(event, project, runs, recordings))
                    case "failed":
                        assert event.failure is not None
                        failures.append(event.failure)
                    case "found":
                        found = event.names
                    case "commands":
                        specs = event.commands
                    # That one was started is for the progress alone.
                progress.event(commit, event)
        taken = _take_commands(ground, specs, wish, round_)
    ended = {*runs, *(failure.benchmark for failure in failures)}
    return Measured(
        commit=commit,
        runs={
            run.benchmark: run
            for run in sorted(runs.values(), key=lambda run: (run.scenario, run.users))
        },
        failures=(*failures, *taken.failures),
        kept_count=kept_count + taken.kept_count,
        warnings=shelf.damaged,
        recordings=recordings,
        spent_nanousd=spent_nanousd,
        left=tuple(name for name in found if name not in ended),
        specs=specs,
        commands=taken.runs,
    )


def _events(
    ground: Ground, stored: tuple[str, ...], wish: Wish, round_: _Round
) -> Generator[Event, None, None]:
    config = ground.project.config
    if wish.elsewhere is not None:
        return wish.elsewhere.measure(
            ground.commit,
            stored=stored,
            only=wish.only,
            cpu=wish.cpu,
            tier=wish.tier,
            stop=round_.stop,
        )
    return measure_tree(
        ground.tree(),
        package=config.benchmarks,
        time_limit_s=config.time_limit_s,
        stored=stored,
        only=wish.only,
        imports=round_.imports,
        cpu=wish.cpu,
        tier=wish.tier,
        resources_interval_s=wish.resources_interval_s,
        stop=round_.stop,
    )


def _take_commands(
    ground: Ground, specs: Sequence[CommandSpec], wish: Wish, round_: _Round
) -> Taken:
    if not specs or not wish.commands:
        return Taken()
    with round_.alone:
        return measure_commands(
            ground.project, ground.tree(), specs, fresh=wish.fresh, stop=round_.stop
        )


def _take(
    event: Event, project: Project, runs: dict[str, Run], recordings: dict[str, ResourceRun]
) -> Run:
    """Add the run that *event* tells of, store it, and return it."""
    run = event.run
    assert run is not None
    runs[run.benchmark] = run
    if event.resources is not None:
        recordings[run.benchmark] = event.resources
    if run.commit != WORKTREE:
        project.store.save(run)
    note_run(run, was_stored=False)
    return run


def _broken_commit(project: Project, commit: str, error: AgentPerfError) -> Failure:
    return Failure(
        benchmark=project.config.benchmarks,
        commit=commit,
        category="import",
        message=harmless(str(error)),
    )
