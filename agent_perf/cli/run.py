"""
``agent-perf run``: measure and store.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from agent_perf import codec
from agent_perf.cli.cluster import measure_on_cluster
from agent_perf.cli.commands import show_commands
from agent_perf.cli.live import in_real_time
from agent_perf.cli.measuring import Measured, Wish, cut_off_of, measure_commits
from agent_perf.cli.output import print_json, print_table, say, warn
from agent_perf.cli.progress import show_progress
from agent_perf.cli.project import Project, open_project, short_name
from agent_perf.errors import BrokenError, NothingMeasuredError, UsageError
from agent_perf.gate import CUT_OFF_CODE, cost_line
from agent_perf.records import Tier
from agent_perf.repository import WORKTREE
from agent_perf.stats import resource_metrics, summarize
from agent_perf.suite import LIVE_REQUESTS_PER_USER_MAX, CpuMode
from agent_perf.units import format_value

_SHOWN = ("latency.p50", "latency.p95", "latency.p99")


def run_refs(  # noqa: PLR0913 (each is an option of the verb)
    refs: tuple[str, ...],
    *,
    only: tuple[str, ...],
    fresh: bool,
    jobs: int | None,
    form: str,
    cpu: str | None = None,
    tier: str = Tier.CLIENT.value,
    resources_interval_s: float | None = None,
    max_cost_usd: float | None = None,
    cluster: str | None = None,
    allow_host: tuple[str, ...] = (),
) -> int:
    """
    Measure *refs*, print what they came to, and return the exit code.

    Raises:
        UsageError: If a ref, the configuration or the benchmark package is not there, or
            *cluster* cannot measure it.
        NothingMeasuredError: If no benchmark gave a value.
    """
    project = open_project(Path.cwd())
    commits = _commits_of(project, refs)
    mode = None if cpu is None else CpuMode(cpu)
    if in_real_time(tier, cpu, project.config.services, allow_host):
        # Side by side, runs would measure each other.
        jobs = 1
        _tell_of_real_time(cluster)
    wish = Wish(
        only=only,
        fresh=fresh,
        cpu=mode,
        tier=Tier(tier),
        resources_interval_s=resources_interval_s,
        max_cost_usd=project.config.max_cost_usd if max_cost_usd is None else max_cost_usd,
        commands=True,
    )
    if jobs is not None:
        wish = replace(wish, jobs=jobs)
    with show_progress() as progress:
        if cluster is None:
            measured = measure_commits(project, commits, wish, progress)
        else:
            measured = measure_on_cluster(project, commits, wish, progress, cluster, jobs)
    show_measured(project, measured, form)
    if resources_interval_s is not None:
        keep_recordings(project, measured, form)
    cut = cut_off_of(measured.values(), wish.max_cost_usd)
    if cut is not None:
        say(cost_line(cut))
        return CUT_OFF_CODE
    if any(one.failures for one in measured.values()):
        return BrokenError.exit_code
    if not any(one.runs or one.commands for one in measured.values()):
        hint = (
            f"none matches {', '.join(only)}; names are like 'agent.chat@200', patterns 'agent.*'"
            if only
            else f"there is no scenario in {project.config.benchmarks!r}"
        )
        raise NothingMeasuredError(f"nothing measured: {hint}")
    return 0


def _commits_of(project: Project, refs: tuple[str, ...]) -> list[str]:
    commits: list[str] = []
    for ref in refs:
        if ref == WORKTREE:
            commits.append(WORKTREE)
        else:
            commits += [commit.id for commit in project.repository.commits(ref)]
    if WORKTREE not in commits and project.repository.is_dirty():
        warn("there are uncommitted changes, and they are not measured; name 'worktree' for that")
    return commits


def _tell_of_real_time(cluster: str | None) -> None:
    if cluster is not None:
        raise UsageError(
            "tier 'live' measures this machine, and --cluster others; leave one of them out"
        )
    say(
        f"tier live: real time, one benchmark at a time, {LIVE_REQUESTS_PER_USER_MAX} requests "
        "of each user at most"
    )


def show_measured(project: Project, measured: dict[str, Measured], form: str) -> None:
    """Print one row per commit and benchmark, and a line for each failure and warning."""
    if form == "json":
        print_json({commit: _as_json(one) for commit, one in measured.items()})
    else:
        rows = [
            (f"{short_name(commit)}  {name}", *_cells(one, name))
            for commit, one in measured.items()
            for name in one.runs
        ]
        if rows:
            print_table(("commit    benchmark", "P50", "P95", "P99"), rows)
        show_commands({commit: one.commands for commit, one in measured.items()})
    kept_count = sum(one.kept_count for one in measured.values())
    if kept_count:
        say(f"{kept_count} runs were stored already; --fresh measures them again")
    for commit, one in measured.items():
        for warning in one.warnings:
            warn(warning)
        for name, run in one.runs.items():
            if run.errors:
                kinds = ", ".join(sorted(set(run.errors.values())))
                warn(
                    f"{short_name(commit)} {name}: {len(run.errors)} of {len(run.latency_ns)} "
                    f"requests failed ({kinds})"
                )
        for failure in one.failures:
            message = failure.message.replace("\n", " ")
            where = f"{short_name(commit)} {failure.benchmark!r}"
            say(f"BROKEN {where} {failure.category}: {message}")


def keep_recordings(project: Project, measured: dict[str, Measured], form: str) -> None:
    """
    Keep what each benchmark's process took, and print a row of it.

    Raises:
        StoreError: If a recording cannot be written.
    """
    folder = project.root / project.config.reports / "resources"
    rows = []
    for commit, one in measured.items():
        for name, run in one.recordings.items():
            path = folder / short_name(commit) / f"{name}.json"
            codec.write_atomic(path, codec.dump_resource_run(run))
            values = {metric.name: metric for metric in resource_metrics(run)}
            shown = [values.get(metric) for metric in ("resources.cpu", "memory.peak")]
            rows.append(
                (
                    f"{short_name(commit)}  {name}",
                    *(format_value(each.value, each.unit) if each else "–" for each in shown),
                    format_value(run.sampler_ratio, "ratio"),
                )
            )
    if rows:
        if form == "text":
            click.echo()
            header = ("commit    benchmark", "CPU a request", "peak memory", "sampling")
            print_table(header, rows)
        say(f"recordings: {folder}")


def _cells(one: Measured, name: str) -> tuple[str, ...]:
    values = {metric.name: metric for metric in summarize(one.runs[name])}
    return tuple(
        format_value(values[shown].value, "s") if shown in values else "too few" for shown in _SHOWN
    )


def _as_json(one: Measured) -> dict[str, object]:
    return {
        "runs": {
            name: {metric.name: metric.value for metric in summarize(run)}
            for name, run in one.runs.items()
        },
        "commands": {
            name: {metric.name: metric.value for metric in run.metrics()}
            for name, run in one.commands.items()
        },
        "failures": one.failures,
    }
