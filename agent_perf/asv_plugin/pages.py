"""
What our pages on the published site show, made from stored results.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from agent_perf.config import Config
from agent_perf.gate import judge, make_policy
from agent_perf.history import (
    AsvShelf,
    History,
    ResultStore,
    find_changes,
    machine_name,
    series_along,
    version_steps,
)
from agent_perf.records import Acknowledged, Evidence, Run
from agent_perf.records import Series as Recorded
from agent_perf.report import (
    Command,
    Commit,
    Series,
    SeriesPoint,
    build_findings_view,
    build_history_view,
    build_view,
    render,
)


def verdict_page(root: Path, config: Config, commits: Mapping[str, str], title: str) -> str:
    """
    Return the page of targets and verdicts: the newest stored commit against the one before.

    Args:
        root: Folder of the project.
        config: Its configuration.
        commits: Commits that asv knows, 40 hex digits to subject, oldest first.
        title: Of the project.
    """
    store = ResultStore(root=root / config.results, machine=machine_name())
    shelves = {commit: _runs(store, commit) for commit in commits}
    measured = [commit for commit, runs in shelves.items() if runs]
    base, head = ["", "", *measured][-2:]
    base_runs, head_runs = shelves.get(base, {}), shelves.get(head, {})
    decision = judge(
        tuple(base_runs.values()),
        tuple(head_runs.values()),
        (),
        (),
        make_policy(config.limits, config.targets),
        base_label=base or "nothing",
        head_label=head or "nothing",
    )
    view = build_view(
        decision,
        base_runs=base_runs,
        head_runs=head_runs,
        title=title,
        commands=[Command(purpose="Measure", line="asv run HEAD~1..HEAD && asv publish")],
        subjects=commits,
    )
    return render(replace(view, is_alone=True), "html")


def history_page(
    history: History, acknowledged: Sequence[Acknowledged], title: str, folder: Path
) -> str:
    """
    Return the page of change points: which commits changed what asv measured.

    Args:
        history: What asv kept.
        acknowledged: What is known already.
        title: Of the project.
        folder: asv's results, as a command names them.
    """
    findings = find_changes(history, acknowledged, jobs=1)
    commands = [Command(purpose="Read it as text", line=f"agent-perf history --asv {folder}")]
    view = build_findings_view(history, findings, title=title, commands=commands)
    return render(replace(view, is_alone=True), "html")


def version_pages(shelf: AsvShelf) -> dict[str, str]:
    """
    Return requirement to page, for each that was measured at two versions or more.

    Args:
        shelf: What asv kept.
    """
    axes = sorted({name for value in shelf.values for name in value.requirements})
    series = {axis: series_along(shelf.values, axis) for axis in axes}
    return {
        axis: _version_page(axis, found)
        for axis, found in series.items()
        if any(len(one.points) > 1 for one in found)
    }


def _version_page(axis: str, series: Sequence[Recorded]) -> str:
    versions = dict.fromkeys(point.label for one in series for point in one.points)
    sampled = any(one.evidence is Evidence.SAMPLED for one in series)
    notes = ["A step is told beyond 15 %."]
    if sampled:
        notes.append("Sampled: medians; a step's 99 % intervals do not touch.")
    view = build_history_view(
        version_steps(series),
        [_drawn(one) for one in series],
        commits=[Commit(name=version, subject=f"{axis} {version}") for version in versions],
        title=f"{axis} versions",
        notes=notes,
    )
    return render(replace(view, is_alone=True), "html")


def _drawn(series: Recorded) -> Series:
    return Series(
        name=series.benchmark,
        unit=series.unit,
        points=tuple(
            SeriesPoint(label=point.label, value=point.value, interval=point.interval)
            for point in series.points
        ),
    )


def _runs(store: ResultStore, commit: str) -> dict[str, Run]:
    """Return one run per benchmark, of the environment most runs share."""
    runs = tuple(store.load(commit).runs.values())
    counts: dict[tuple[str, str], int] = {}
    for run in runs:
        home = (run.environment.harness, run.environment.python)
        counts[home] = counts.get(home, 0) + 1
    ordered = sorted(runs, key=lambda run: counts[run.environment.harness, run.environment.python])
    return {run.benchmark: run for run in ordered}
