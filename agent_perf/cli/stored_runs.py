"""
What the result store knows of the commits before the head of a comparison.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from agent_perf.cli.output import warn
from agent_perf.cli.project import Project
from agent_perf.gate import judge
from agent_perf.history import find_steps
from agent_perf.records import Decision, Run, Step, Verdict
from agent_perf.report import Commit as ReportCommit
from agent_perf.report import Stored
from agent_perf.repository import WORKTREE, Commit

_COMMITS_MAX: Final = 50
"""Measured commits that a chart shows: it is a glance back, `history` tells all."""

_SEARCHED_MAX: Final = 1000
"""Commits among which they are looked for."""

_BENCHMARKS_MAX: Final = 8
"""Benchmarks whose history is read: some 50 files each, which take 0.1 s."""


def look_back(
    project: Project, decision: Decision, head_runs: Mapping[str, Run], *, base_is: str
) -> Stored:
    """
    Return what is stored of the head's ancestors, for the benchmarks that need a look.

    Args:
        project: Whose results are read.
        decision: On the head.
        head_runs: Benchmark to its run.
        base_is: How the base was chosen; empty if it was named.
    """
    head = "HEAD" if decision.head == WORKTREE else decision.head
    line = project.repository.ancestors(head, _SEARCHED_MAX)
    names = [name for name in _worst(decision) if name in head_runs][:_BENCHMARKS_MAX]
    runs = _stored_runs(project, line, [head_runs[name] for name in names])
    between = _between(line, decision)
    return Stored(
        base_is=base_is,
        between=tuple(
            ReportCommit(
                name=commit.id,
                subject=commit.subject,
                failure="" if runs.get(commit.id) else "not measured",
            )
            for commit in between[1:]
        ),
        steps=stored_steps(project, between, runs),
        runs={
            name: tuple(
                [by_name[name] for by_name in runs.values() if name in by_name]
                + ([head_runs[name]] if decision.head == WORKTREE else [])
            )
            for name in names
        },
    )


def base_choice(project: Project, base: str, head: str) -> str:
    """Return how the base was chosen, where nobody named one."""
    line = project.repository.ancestors("HEAD" if head == WORKTREE else head, 2)
    if base == line[-1].id:
        return "what the uncommitted changes are made on"
    return "the commit before" if base == line[0].id else "merge base with the default branch"


def _worst(decision: Decision) -> Iterable[str]:
    """Return the benchmarks that need a look, worst first."""
    bad = (Verdict.REGRESSED, Verdict.SLOWER)
    return dict.fromkeys(
        (
            *(one.benchmark for one in decision.comparisons if one.verdict is Verdict.REGRESSED),
            *(one.benchmark for one in decision.breaches),
            *(one.benchmark for one in decision.comparisons if one.verdict in bad),
        )
    )


def _stored_runs(
    project: Project, line: Sequence[Commit], head_runs: Sequence[Run]
) -> dict[str, dict[str, Run]]:
    """Return commit to benchmark to run, oldest first, of the last commits with any."""
    kept = set(project.store.commits())
    measured = [commit.id for commit in line if commit.id in kept][-_COMMITS_MAX:]
    found: dict[str, dict[str, Run]] = {}
    for commit in measured:
        runs: dict[str, Run] = {}
        for head_run in head_runs:
            shelf = project.store.load_like(commit, head_run)
            runs |= {run.benchmark: run for run in shelf.runs.values()}
            for damage in shelf.damaged:
                warn(damage)
        if runs:
            found[commit] = runs
    return found


def _between(line: Sequence[Commit], decision: Decision) -> Sequence[Commit]:
    """Return the base and the commits after it; nothing if it is not on the head's line."""
    places = [index for index, commit in enumerate(line) if commit.id == decision.base]
    return line[places[0] :] if places else ()


def stored_steps(
    project: Project, between: Sequence[Commit], runs: Mapping[str, Mapping[str, Run]]
) -> tuple[Step, ...]:
    """Return which of the commits *between*, oldest first, changed what *runs* hold of them."""

    def decide(parent: Commit, commit: Commit) -> Decision:
        return judge(
            tuple(runs[parent.id].values()),
            tuple(runs[commit.id].values()),
            (),
            (),
            project.policy,
            base_label=parent.id,
            head_label=commit.id,
        )

    stored = {commit: tuple(by_name.values()) for commit, by_name in runs.items()}
    return find_steps(between, stored, decide)
