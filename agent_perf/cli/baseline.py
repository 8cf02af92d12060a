"""
``agent-perf baseline``: runs kept under a name.
"""

from __future__ import annotations

from pathlib import Path

import click

from agent_perf.cli.measuring import Wish, cut_off_of, measure_commits
from agent_perf.cli.output import print_json, print_table, say, warn
from agent_perf.cli.progress import show_progress
from agent_perf.cli.project import open_project, short_name
from agent_perf.codec import BaselineFile
from agent_perf.errors import BrokenError, NothingMeasuredError, StoreError
from agent_perf.gate import CUT_OFF_CODE, cost_line


def create(name: str, ref: str, *, replace: bool) -> int:
    """
    Keep the runs of *ref* as baseline *name*, measuring what is not stored; return the exit code.

    It is 0; 6 if model calls cost more than the configuration allows. Then nothing is kept unless
    everything was measured all the same.

    Raises:
        UsageError: If the name is taken and *replace* is not given, or not a valid name.
        BrokenError: If a benchmark gave no value: a baseline with a hole would pass it for ever.
        NothingMeasuredError: If there is no benchmark.
    """
    project = open_project(Path.cwd())
    commit = project.repository.resolve(ref)
    project.baselines.check_free(name, replace=replace)
    most_usd = project.config.max_cost_usd
    with show_progress() as progress:
        wish = Wish(max_cost_usd=most_usd)
        measured = measure_commits(project, (commit,), wish, progress)[commit]
    cut = cut_off_of((measured,), most_usd)
    if cut is not None:
        say(cost_line(cut))
    if measured.left:
        say(f"baseline {name!r} not made: it would lack {len(measured.left)} benchmarks")
        return CUT_OFF_CODE
    if measured.failures:
        first = measured.failures[0]
        raise BrokenError(
            f"baseline {name!r} not made: {len(measured.failures)} benchmarks gave no value, "
            f"the first {first.benchmark!r}: {first.message}"
        )
    if not measured.runs:
        raise NothingMeasuredError(f"baseline {name!r} not made: there is no scenario to run")
    baseline = BaselineFile(name=name, commit=commit, runs=tuple(measured.runs.values()))
    path = project.baselines.save(baseline, replace=replace)
    say(f"kept {len(baseline.runs)} runs of {short_name(commit)} as {name!r}: commit {path}")
    return 0 if cut is None else CUT_OFF_CODE


def list_all(form: str) -> int:
    """Print all baselines, and warn of each file that cannot be read."""
    project = open_project(Path.cwd())
    kept: list[BaselineFile] = []
    for name in project.baselines.names():
        try:
            kept.append(project.baselines.load(name))
        except StoreError as error:
            warn(f"baseline {name!r} is left out: {error}")
    if form == "json":
        print_json([{"name": b.name, "commit": b.commit, "runs": len(b.runs)} for b in kept])
    elif kept:
        rows = ((b.name, short_name(b.commit), str(len(b.runs))) for b in kept)
        print_table(("name", "commit", "runs"), rows)
    else:
        click.echo("no baselines; make one with `agent-perf baseline create NAME`", err=True)
    return 0


def promote(source: str, name: str, *, replace: bool) -> int:
    """
    Keep baseline *source* as *name* too.

    Raises:
        UsageError: If *source* is not there, or *name* is taken and *replace* is not given.
    """
    project = open_project(Path.cwd())
    path = project.baselines.promote(source, name, replace=replace)
    say(f"{source!r} is now {name!r} too: commit {path}")
    return 0
