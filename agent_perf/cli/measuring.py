"""
Measures commits, several at a time, and stores each run as it comes.
"""

from __future__ import annotations

import os
import tempfile
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from agent_perf.cli.project import Project
from agent_perf.errors import AgentPerfError
from agent_perf.records import Failure, ResourceRun, Run, Tier
from agent_perf.repository import WORKTREE
from agent_perf.suite import CpuMode, Event, lay_out, measure_tree


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
    """

    commit: str
    runs: dict[str, Run]
    failures: tuple[Failure, ...]
    kept_count: int = 0
    warnings: tuple[str, ...] = ()
    recordings: dict[str, ResourceRun] = field(default_factory=dict)


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
    """

    only: tuple[str, ...] = ()
    fresh: bool = False
    jobs: int = max(1, os.cpu_count() or 1)
    cpu: CpuMode | None = None
    tier: Tier = Tier.CLIENT
    resources_interval_s: float | None = None


@dataclass(slots=True)
class _Round:
    """What the commits of one call share."""

    stop: threading.Event = field(default_factory=threading.Event)
    imports: tuple[str, ...] = ()


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
    round_ = _Round()
    with ThreadPoolExecutor(max_workers=wish.jobs) as pool:
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
    kept_count = 0
    with tempfile.TemporaryDirectory(prefix="agent-perf-") as folder:
        try:
            tree = lay_out(project.repository, commit, project.config, Path(folder) / "tree")
        except AgentPerfError as error:
            if isinstance(error, OSError):
                raise
            failures.append(_broken_commit(project, commit, error))
            return Measured(commit=commit, runs={}, failures=tuple(failures))
        for event in measure_tree(
            tree,
            package=project.config.benchmarks,
            time_limit_s=project.config.time_limit_s,
            stored=tuple(stored),
            only=wish.only,
            imports=round_.imports,
            cpu=wish.cpu,
            tier=wish.tier,
            resources_interval_s=wish.resources_interval_s,
            stop=round_.stop,
        ):
            match event.kind:
                case "imports":
                    # What one commit's benchmarks import late, the next one's do too.
                    round_.imports = event.names
                case "kept":
                    run = stored[event.names[0]]
                    runs[run.benchmark] = run
                    kept_count += 1
                case "run":
                    _take(event, project, runs, recordings)
                case "failed":
                    assert event.failure is not None
                    failures.append(event.failure)
                case "found" | "started":
                    pass
            progress.event(commit, event)
    return Measured(
        commit=commit,
        runs={
            run.benchmark: run
            for run in sorted(runs.values(), key=lambda run: (run.scenario, run.users))
        },
        failures=tuple(failures),
        kept_count=kept_count,
        warnings=shelf.damaged,
        recordings=recordings,
    )


def _take(
    event: Event, project: Project, runs: dict[str, Run], recordings: dict[str, ResourceRun]
) -> None:
    """Add the run that *event* tells of, and store it."""
    run = event.run
    assert run is not None
    runs[run.benchmark] = run
    if event.resources is not None:
        recordings[run.benchmark] = event.resources
    if run.commit != WORKTREE:
        project.store.save(run)


def _broken_commit(project: Project, commit: str, error: AgentPerfError) -> Failure:
    return Failure(
        benchmark=project.config.benchmarks,
        commit=commit,
        category="import",
        message=str(error),
    )
