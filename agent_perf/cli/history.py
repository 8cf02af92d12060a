"""
``agent-perf history``: which commits changed what, and where it is heading.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from agent_perf.amounts import parse_limit, parse_target
from agent_perf.cli.history_text import show_findings
from agent_perf.cli.output import print_json, say, warn
from agent_perf.config import Config, load_config
from agent_perf.errors import NothingMeasuredError, RepositoryError, UsageError
from agent_perf.gate import Policy, make_policy
from agent_perf.history import (
    History,
    ResultStore,
    Track,
    find_changes,
    machine_name,
    read_asv_history,
    read_run_history,
)
from agent_perf.records import Acknowledged, Findings, matches
from agent_perf.report import Command, build_findings_view, write_reports
from agent_perf.repository import Commit, Repository, find_repository
from agent_perf.waivers import append_accepted, load_accepted


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryOptions:
    """
    What is asked; the attributes are the options of the verb.
    """

    asv: Path | None = None
    only: tuple[str, ...] = ()
    metric: tuple[str, ...] = ()
    target: tuple[str, ...] = ()
    above: str = "3%"
    since: datetime | None = None
    acknowledge: str | None = None
    reason: str = ""
    fail_on_unacknowledged: bool = False
    reports: Path | None = None
    jobs: int | None = None
    form: str = "text"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """Where the verb runs: results of asv need neither a repository nor a project."""

    root: Path
    config: Config
    policy: Policy
    repository: Repository | None


def show_history(revisions: str | None, options: HistoryOptions) -> int:
    """
    Print what changed along *revisions*; return the exit code.

    Returns:
        0, or 1 if a change for the worse is not acknowledged and options ask for that.

    Raises:
        NothingMeasuredError: If nothing was measured along it.
        UsageError: If a range, pattern or value cannot be used.
    """
    _check(options)
    place = _place(options)
    history = _selected(_read(place, revisions, options), place, options)
    path = place.root / place.config.waivers
    wanted = _acknowledgements(place, options)
    findings = find_changes(
        history,
        (*load_accepted(path).acknowledged, *wanted),
        effect_ratio=parse_limit(options.above),
        complete=revisions is None and not _narrows(options),
        jobs=options.jobs,
    )
    for entry in wanted:
        _acknowledge(entry, findings, path)
    for note in findings.notes:
        warn(note)
    if options.form == "json":
        print_json(findings)
    else:
        show_findings(findings, history.commits)
    if options.reports is not None:
        view = build_findings_view(
            history, findings, title=place.root.name, commands=_next(findings)
        )
        say(f"report: {write_reports(options.reports, view)[0]}")
    unacknowledged = any(event.worse for event in findings.events)
    return 1 if unacknowledged and options.fail_on_unacknowledged else 0


def _narrows(options: HistoryOptions) -> bool:
    """Return whether *options* leave a part of the history out."""
    return bool(options.only or options.metric or options.since)


def _next(findings: Findings) -> list[Command]:
    worse = next((event for event in findings.events if event.worse), None)
    if worse is None:
        return []
    commit = worse.commit[:8]
    line = f'agent-perf history --acknowledge {commit} --reason "..."'
    return [Command(purpose=f"Keep what {commit} changed", line=line)]


def _check(options: HistoryOptions) -> None:
    if options.acknowledge is not None and not options.reason.strip():
        raise UsageError('--acknowledge wants a --reason "why it stays": others will ask')
    if options.acknowledge is None and options.reason:
        raise UsageError("--reason is given without --acknowledge COMMIT")
    if not parse_limit(options.above) > 0:
        raise UsageError(f"--above {options.above}; want a percentage > 0, such as 3%")


def _place(options: HistoryOptions) -> _Place:
    try:
        repository = find_repository(Path.cwd())
    except RepositoryError:
        if options.asv is None:
            raise
        repository = None
    root = repository.root if repository else Path.cwd()
    config = load_config(root)
    return _Place(
        root=root,
        config=config,
        policy=make_policy(config.limit_texts, config.targets),
        repository=repository,
    )


def _read(place: _Place, revisions: str | None, options: HistoryOptions) -> History:
    commits = _commits(place, revisions, options)
    if options.asv is not None:
        return read_asv_history(options.asv, commits, jobs=options.jobs)
    assert commits is not None
    store = ResultStore(root=place.root / place.config.results, machine=machine_name())
    return read_run_history(store, commits, place.policy.targets_for, jobs=options.jobs)


def _commits(
    place: _Place, revisions: str | None, options: HistoryOptions
) -> tuple[Commit, ...] | None:
    """Return the line to look along; None for asv's results by date."""
    repository = place.repository
    if revisions is not None:
        if repository is None:
            raise UsageError(
                f"{revisions!r} names commits, and {place.root} is in no git repository; leave the "
                "range out, or run this in the project's repository"
            )
        if ".." not in revisions:
            raise UsageError(
                f"{revisions!r} is one commit; want a range, as {revisions}~20..{revisions}"
            )
        return repository.commits(revisions)
    line = repository.line() if repository is not None else ()
    if options.asv is None:
        return line
    # asv begins the names of its files with the commit; where most are not of this
    # repository, its results are somebody else's.
    measured = {path.name.partition("-")[0] for path in options.asv.glob("*/*-*.json")}
    here = {commit.id[:8] for commit in line}
    if len(measured & here) * 2 < len(measured):
        if line:
            say("commits by date: most of them are not along HEAD's first parents here")
        return None
    return line


def _selected(history: History, place: _Place, options: HistoryOptions) -> History:
    """Return what the options leave of *history*, with the targets they name."""
    targets = [_target(text) for text in options.target]
    tracks = [
        _with_target(track, targets)
        for track in history.tracks
        if _is_asked(track.benchmark, options.only) and _is_asked(track.metric, options.metric)
    ]
    if not tracks:
        raise NothingMeasuredError(_nothing(history, options))
    for benchmark, metric, _ in targets:
        if not any(matches(t.benchmark, benchmark) and matches(t.metric, metric) for t in tracks):
            known = ", ".join(sorted({track.metric for track in tracks})[:8])
            raise UsageError(f"--target {metric} matches no metric; there are: {known}")
    if options.since is None:
        return replace(history, tracks=tuple(tracks))
    start_s = options.since.replace(tzinfo=UTC).timestamp()
    first = next(
        (place for place, commit in enumerate(history.commits) if commit.time_s >= start_s), None
    )
    rest = () if first is None else tuple(t for t in tracks if _has_values(t, first))
    if first is None or not rest:
        last = datetime.fromtimestamp(history.commits[-1].time_s, UTC).date()
        raise NothingMeasuredError(
            f"nothing was measured since {options.since.date()}; the newest commit is of {last}"
        )
    return replace(
        history,
        commits=history.commits[first:],
        tracks=tuple(replace(track, values=track.values[first:]) for track in rest),
        surroundings={
            home: {place - first: found for place, found in facts.items() if place >= first}
            for home, facts in history.surroundings.items()
        },
    )


def _has_values(track: Track, first: int) -> bool:
    rest = track.values[first:]
    # NaN is the only number that differs from itself.
    return bool((rest == rest).any())  # noqa: PLR0124


def _is_asked(name: str, patterns: Sequence[str]) -> bool:
    return not patterns or any(matches(name, pattern) for pattern in patterns)


def _nothing(history: History, options: HistoryOptions) -> str:
    benchmarks = sorted({track.benchmark for track in history.tracks})
    metrics = sorted({track.metric for track in history.tracks})
    asked = " ".join((*options.only, *options.metric))
    return (
        f"nothing matches {asked}; benchmarks begin with {', '.join(benchmarks[:3])}, "
        f"metrics with {', '.join(metrics[:5])}"
    )


def _target(text: str) -> tuple[str, str, float]:
    """Return benchmark pattern, metric pattern and value of ``[BENCHMARK:]METRIC=VALUE``."""
    name, equals, value = text.rpartition("=")
    benchmark, _, metric = name.rpartition(":")
    if not equals or not metric:
        raise UsageError(
            f"--target {text!r}; want METRIC=VALUE or BENCHMARK:METRIC=VALUE, as latency.p95=150ms"
        )
    # What asv timed is a duration, as latencies are.
    kind = "latency.time" if metric == "time" else metric
    return benchmark or "*", metric, parse_target(kind, value)


def _with_target(track: Track, targets: Sequence[tuple[str, str, float]]) -> Track:
    for benchmark, metric, value in targets:
        if matches(track.benchmark, benchmark) and matches(track.metric, metric):
            return replace(track, target=value)
    return track


def _acknowledgements(place: _Place, options: HistoryOptions) -> tuple[Acknowledged, ...]:
    if options.acknowledge is None:
        return ()
    commit = options.acknowledge
    if place.repository is not None:
        try:
            commit = place.repository.resolve(commit)
        except RepositoryError:
            # Results of asv may be of another repository: then it must be hex digits.
            if options.asv is None:
                raise
    return tuple(
        Acknowledged(commit=commit, reason=options.reason, benchmark=benchmark, metric=metric)
        for benchmark in options.only or ("*",)
        for metric in options.metric or ("*",)
    )


def _acknowledge(entry: Acknowledged, findings: Findings, path: Path) -> None:
    """Write *entry*, if it is for a change that was found."""
    if entry.name in findings.unmatched:
        known = ", ".join(event.commit[:8] for event in findings.events[:5]) or "none"
        raise UsageError(f"no change at {entry.name}; the newest changes are at: {known}")
    append_accepted(path, entry)
    say(f"acknowledged {entry.name}: commit {path}")
