"""
What our pages on the published site show, made from stored results.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from agent_perf.config import Config
from agent_perf.gate import held_runs, judge, make_policy
from agent_perf.history import (
    AsvShelf,
    History,
    ResultStore,
    machine_name,
    series_along,
    version_steps,
)
from agent_perf.records import Evidence, Findings, Run
from agent_perf.records import Series as Recorded
from agent_perf.report import (
    Command,
    Commit,
    Series,
    SeriesPoint,
    View,
    build_findings_view,
    build_history_view,
    build_view,
)


def verdict_view(root: Path, config: Config, commits: Mapping[str, str], title: str) -> View:
    """
    Return targets and verdicts: the newest stored commit against the one before.

    Args:
        root: Folder of the project.
        config: Its configuration.
        commits: Commits that asv knows, 40 hex digits to subject, oldest first.
        title: Of the project.
    """
    store = ResultStore(root=root / config.results, machine=machine_name())
    stored = set(store.commits())
    # Thousands of commits may be stored, and two of them are shown.
    candidates = (
        (commit, runs)
        for commit in reversed(tuple(commits))
        if commit in stored and (runs := _runs(store, commit))
    )
    nothing: tuple[str, dict[str, Run]] = ("", {})
    head, head_runs = next(candidates, nothing)
    base, base_runs = next(candidates, nothing)
    policy = make_policy(config.limit_texts, config.targets)
    decision = judge(
        tuple(base_runs.values()),
        tuple(head_runs.values()),
        (),
        (),
        policy,
        base_label=base or "nothing",
        head_label=head or "nothing",
    )
    view = build_view(
        decision,
        base_runs=held_runs(base_runs, policy),
        head_runs=held_runs(head_runs, policy),
        title=title,
        commands=[Command(purpose="Measure", line="asv run HEAD~1..HEAD && asv publish")],
        subjects=commits,
    )
    return replace(view, is_alone=True)


def history_view(history: History, findings: Findings, title: str, folder: Path) -> View:
    """
    Return the change points: which commits changed what asv measured.

    Args:
        history: What asv kept.
        findings: What was found along it.
        title: Of the project.
        folder: asv's results, as a command names them.
    """
    commands = [Command(purpose="Read it as text", line=f"agent-perf history --asv {folder}")]
    view = build_findings_view(history, findings, title=title, commands=commands)
    return replace(view, is_alone=True)


def version_views(shelf: AsvShelf) -> dict[str, View]:
    """
    Return requirement to its report, for each that was measured at two versions or more.

    Args:
        shelf: What asv kept.
    """
    axes = sorted({name for value in shelf.values for name in value.requirements})
    series = {axis: series_along(shelf.values, axis) for axis in axes}
    return {
        axis: _version_view(axis, found)
        for axis, found in series.items()
        if any(len(one.points) > 1 for one in found)
    }


def _version_view(axis: str, series: Sequence[Recorded]) -> View:
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
    return replace(view, is_alone=True)


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
