"""
``agent-perf report``: what stored runs say, commit by commit.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import click

from agent_perf.cli.output import print_json, say, warn
from agent_perf.cli.project import Project, open_project, resolve_pair
from agent_perf.cli.rules import reports_folder
from agent_perf.cli.stored_runs import stored_steps
from agent_perf.errors import NothingMeasuredError, UsageError
from agent_perf.gate import held_runs
from agent_perf.records import Run, Step
from agent_perf.report import Command, Series, SeriesPoint, View, build_history_view, write_reports
from agent_perf.report import Commit as ReportCommit
from agent_perf.repository import Commit
from agent_perf.stats import summarize
from agent_perf.units import format_change

_HEADLINE = "latency.p95"


def report_range(revisions: str | None, *, reports: Path | None, form: str) -> int:
    """
    Write the report on the stored runs of *revisions*; return the exit code, 0.

    Raises:
        NothingMeasuredError: If no commit of the range has stored runs.
        UsageError: If *revisions* is no range.
    """
    project = open_project(Path.cwd())
    if revisions is None:
        base, head = resolve_pair(project, None, "HEAD")
        revisions = f"{base}..{head}"
    if ".." not in revisions:
        raise UsageError(
            f"{revisions!r} is no range of commits, and no file that is there; want a range, as "
            "main~5..main, or a file"
        )
    commits = project.repository.commits(revisions)
    shelves = {commit.id: project.store.load(commit.id) for commit in commits}
    for shelf in shelves.values():
        for warning in shelf.damaged:
            warn(warning)
    runs = {commit: latest_runs(tuple(shelf.runs.values())) for commit, shelf in shelves.items()}
    write_history(project, commits, runs, reports=reports, form=form)
    return 0


def latest_runs(runs: Sequence[Run]) -> dict[str, Run]:
    """Return one run per benchmark, of the environment that most of *runs* share."""
    counts = Counter(_surroundings(run) for run in runs)
    ordered = sorted(runs, key=lambda run: counts[_surroundings(run)])
    return {run.benchmark: run for run in ordered}


def _surroundings(run: Run) -> tuple[str, str, str, str]:
    environment = run.environment
    return environment.harness, environment.python, environment.cpu, environment.tables


def write_history(
    project: Project,
    commits: Sequence[Commit],
    runs: Mapping[str, Mapping[str, Run]],
    *,
    reports: Path | None,
    form: str,
) -> tuple[Step, ...]:
    """
    Write the report on *runs* along *commits*, print its steps, and return them.

    Args:
        project: Whose limits hold, and where the report goes by default.
        commits: Oldest first.
        runs: Commit id to benchmark to run.
        reports: Folder of the report.
        form: ``text`` or ``json``.

    Raises:
        NothingMeasuredError: If there is no run at all.
    """
    if not any(runs.values()):
        first, last = commits[0].id[:8], commits[-1].id[:8]
        raise NothingMeasuredError(
            f"no stored runs from {first} to {last}; measure them with "
            f"`agent-perf run {first}..{last}`"
        )

    steps = stored_steps(project, commits, runs)
    held = {commit: held_runs(by_name, project.policy) for commit, by_name in runs.items()}
    view = _history_view(project, commits, held, steps)
    paths = write_reports(reports_folder(project.root, project.config, reports), view)
    if form == "json":
        print_json(steps)
    else:
        show_steps(steps, len(commits))
    say(f"report: {paths[0]}")
    return steps


def show_steps(steps: Sequence[Step], commit_count: int) -> None:
    """Print each step with its worst change and its causes."""
    for step in steps:
        worst = step.comparisons[0]
        change = "" if worst.change_ratio is None else f" {format_change(worst.change_ratio)}"
        click.echo(f"{step.commit[:8]}  {step.subject}")
        click.echo(f"          {worst.benchmark} {worst.metric}{change}")
        causes = dict.fromkeys(cause.text for found in step.causes.values() for cause in found)
        for text in causes:
            click.echo(f"          {text}")
    word = "commit" if len(steps) == 1 else "commits"
    click.echo(f"{len(steps)} {word} of {commit_count} made it worse")


def _history_view(
    project: Project,
    commits: Sequence[Commit],
    runs: Mapping[str, Mapping[str, Run]],
    steps: Sequence[Step],
) -> View:
    first, last = commits[0].id[:8], commits[-1].id[:8]
    return build_history_view(
        steps,
        _series(commits, runs, steps),
        commits=[
            ReportCommit(
                name=commit.id,
                subject=commit.subject,
                failure="" if runs.get(commit.id) else "no stored runs",
            )
            for commit in commits
        ],
        title=project.root.name,
        commands=[
            Command(purpose="Measure again", line=f"agent-perf run --fresh {first}..{last}"),
            *(
                Command(
                    purpose=f"Look at {step.commit[:8]} alone",
                    line=f"agent-perf compare {step.parent[:8]} {step.commit[:8]}",
                )
                for step in steps[:3]
            ),
        ],
        notes=["Virtual time and work counts: exact, the same on every machine."],
    )


def _series(
    commits: Sequence[Commit], runs: Mapping[str, Mapping[str, Run]], steps: Sequence[Step]
) -> tuple[Series, ...]:
    """
    Return one metric of every benchmark along *commits*, those that changed first.

    That metric is the P95; where it did not step, the one that stepped most.
    """
    shown = _shown_metrics(steps)
    names = sorted({name for by_name in runs.values() for name in by_name})
    metrics = {
        (commit, name): {metric.name: metric for metric in summarize(run)}
        for commit, by_name in runs.items()
        for name, run in by_name.items()
    }
    series = []
    for name in sorted(names, key=lambda name: (name not in shown, name)):
        metric_name = shown.get(name, _HEADLINE)
        found = [metrics.get((commit.id, name), {}).get(metric_name) for commit in commits]
        present = [metric for metric in found if metric is not None]
        targets = [by_name[name].targets for by_name in runs.values() if name in by_name]
        if present:
            series.append(
                Series(
                    name=f"{name} {metric_name}",
                    unit=present[0].unit,
                    target=targets[-1].get(metric_name),
                    points=tuple(
                        SeriesPoint(label=commit.id, value=metric.value if metric else None)
                        for commit, metric in zip(commits, found, strict=True)
                    ),
                )
            )
    return tuple(series)


def _shown_metrics(steps: Sequence[Step]) -> dict[str, str]:
    """Return benchmark to the metric whose steps are to be seen."""
    shown: dict[str, str] = {}
    for step in steps:
        for comparison in step.comparisons:
            if comparison.metric == _HEADLINE:
                shown[comparison.benchmark] = _HEADLINE
            else:
                shown.setdefault(comparison.benchmark, comparison.metric)
    return shown
