"""
``agent-perf selftest``: does each scenario give the same answer in every process?
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import click

from agent_perf.cli.output import plain, print_json, say
from agent_perf.cli.project import open_project
from agent_perf.errors import BrokenError, NothingMeasuredError
from agent_perf.records import Tier
from agent_perf.repository import WORKTREE
from agent_perf.suite import CpuMode, lay_out
from agent_perf.suite.selftest import Divergence, Entry, Prober, Trial, try_scenarios

DIVERGED: Final = 1
_METRICS_SHOWN: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class SelftestOptions:
    """
    How to test; the attributes are the options of the verb.
    """

    times: int = 2
    tier: str = Tier.CLIENT.value
    cpu: str | None = None
    ties: int = 0
    all_loads: bool = False
    busy: bool = True
    form: str = "text"


def run_selftest(patterns: Sequence[str], options: SelftestOptions) -> int:
    """
    Test the scenarios of the files as they are, print what diverges, and return the exit code.

    Raises:
        UsageError: If the configuration or the benchmarks are not there.
        NothingMeasuredError: If no benchmark matches.
        BrokenError: If a process as a whole failed.
    """
    project = open_project(Path.cwd())
    with tempfile.TemporaryDirectory(prefix="agent-perf-") as scratch:
        tree = lay_out(project.repository, WORKTREE, project.config, Path(scratch) / "tree")
        prober = Prober(
            tree=tree,
            package=project.config.benchmarks,
            time_limit_s=project.config.time_limit_s,
            tier=Tier(options.tier),
            cpu=None if options.cpu is None else CpuMode(options.cpu),
            loads=0 if options.all_loads else 1,
        )
        trials = try_scenarios(
            prober,
            patterns,
            times=options.times,
            busy=options.busy,
            ties=options.ties,
            tell=lambda text: say(f"selftest: {text}"),
        )
    if not trials:
        raise NothingMeasuredError(
            f"nothing tested: none matches {', '.join(patterns) or 'anything'}; names are like "
            "'agent.chat@200', patterns 'agent.*'"
        )
    if options.form == "json":
        print_json([_as_json(trial) for trial in trials])
    else:
        for line in selftest_lines(trials, options.times):
            click.echo(plain(line))
    return exit_code_of(trials)


def exit_code_of(trials: Sequence[Trial]) -> int:
    """Return 1 if one diverges, else 3 if one is broken, else 0."""
    if any(trial.diverged_in is not None and not trial.report.broken for trial in trials):
        return DIVERGED
    return BrokenError.exit_code if any(trial.broken for trial in trials) else 0


def selftest_lines(trials: Sequence[Trial], times: int) -> Iterator[str]:
    """Yield what is printed: lines that begin with a word for what it is."""
    for trial in trials:
        yield from _verdict(trial, times)
        yield from _ties(trial)
    diverged = sum(trial.diverged_in is not None for trial in trials)
    broken = sum(trial.broken for trial in trials)
    same = sum(trial.diverged_in is None and not trial.broken for trial in trials)
    yield f"selftest: {same} the same in {times} processes, {diverged} diverged, {broken} broken"


def _verdict(trial: Trial, times: int) -> Iterator[str]:
    name = trial.benchmark
    if trial.diverged_in is None:
        if trial.broken:
            yield f"BROKEN {name} {trial.report.error.replace(chr(10), ' ')}"
        else:
            digest = trial.report.result_digest[:8]
            yield f"SAME {name} {digest}, {trial.report.count:,} steps, {times} processes"
        return
    what = "results differ" if trial.results_differ else "steps differ, results do not"
    yield f"DIVERGED {name} {what} with {trial.diverged_in.describe()}"
    if trial.divergence is not None:
        yield from _place(trial.divergence)
    if trial.cause is not None:
        yield f"WHY {name}: {trial.cause.text}"


def _place(divergence: Divergence) -> Iterator[str]:
    if divergence.one is None and divergence.other is None:
        yield "  every step is the same; only what the run came to differs"
        return
    for entry in divergence.common:
        yield f"  both:  {_entry(entry)}"
    yield f"  one:   {_entry(divergence.one)}"
    yield f"  other: {_entry(divergence.other)}"


def _entry(entry: Entry | None) -> str:
    if entry is None:
        return "had ended"
    who = "background" if entry.request_id == -1 else f"request {entry.request_id}"
    at = f" at {entry.place}" if entry.place else ""
    return f"#{entry.index} {entry.at_ns / 1e9:.9f} s {who} {entry.kind} {_short(entry.text)}{at}"


def _short(text: str) -> str:
    """Leave out what a step is awaited by, from the harness on."""
    places = text.split(", in ")
    own = [place for place in places if "/agent_perf/" not in place or "/components/" in place]
    return ", in ".join(own or places[:1])


def _ties(trial: Trial) -> Iterator[str]:
    moved = sorted(
        trial.ties.items(), key=lambda item: -abs(item[1][1] - item[1][0]) / (abs(item[1][0]) or 1)
    )
    for metric, (before, after) in moved[:_METRICS_SHOWN]:
        change = f" ({(after - before) / before:+.2%})" if before else ""
        yield f"TIES {trial.benchmark} {metric} {before:.9g} -> {after:.9g}{change}"


def _as_json(trial: Trial) -> dict[str, object]:
    around, cause, place = trial.diverged_in, trial.cause, trial.divergence
    return {
        "benchmark": trial.benchmark,
        "digest": trial.report.result_digest,
        "error": trial.report.error,
        "steps": trial.report.count,
        "diverged_in": None if around is None else asdict(around),
        "results_differ": trial.results_differ,
        "divergence": None if place is None else asdict(place),
        "cause": None if cause is None else asdict(cause),
        "ties": trial.ties,
    }
