"""
The end of a test session: the verdict of the gate on all that was measured, first.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from agent_perf import codec
from agent_perf.codec import BaselineFile
from agent_perf.errors import AgentPerfError
from agent_perf.gate import exit_code, held_runs
from agent_perf.pytest_plugin.ground import Ground
from agent_perf.pytest_plugin.judging import (
    Kept,
    judge_kept,
    one_per_benchmark,
    policy_of,
    why_lines,
)
from agent_perf.records import Comparison, Decision, Outcome, Run
from agent_perf.report import build_view, render, write_reports
from agent_perf.repository import WORKTREE
from agent_perf.stats import summarize
from agent_perf.units import format_change, format_value

_SHOWN = ("latency.p50", "latency.p95", "latency.p99")
_ROWS_MAX = 40


class Terminal(Protocol):
    """What of pytest's terminal reporter is needed here."""

    def section(self, title: str, sep: str = "=", **kw: bool) -> None:
        """Begin a section."""

    def write_line(self, line: str, **markup: bool) -> None:
        """Write a line."""


def conclude(
    kept: Sequence[Kept],
    ground: Ground,
    terminal: Terminal,
    *,
    options: Mapping[str, str],
    folder: Path,
) -> None:
    """
    Tell what the tests' runs came to, and keep and write what *options* ask for.

    Args:
        kept: All runs, in order of tests.
        ground: What they are judged on.
        terminal: Where it is told.
        options: ``save``, ``json`` and ``report``, as the options of pytest.
        folder: Where paths in options begin.

    Raises:
        AgentPerfError: If something cannot be kept or written.
    """
    single, warnings = one_per_benchmark(kept)
    decision = judge_kept(single, ground)
    runs = {one.run.benchmark: one.run for one in single}
    terminal.section("agent-perf")
    for line in summary_lines(decision, runs, compared=bool(ground.base_label)):
        terminal.write_line(line)
    for warning in (*warnings, *decision.warnings, *_doubts(decision, ground)):
        terminal.write_line(f"warning: {warning}", yellow=True)
    for path in _written(decision, single, ground, options, folder):
        terminal.write_line(f"written: {path}")


def summary_lines(decision: Decision, runs: Mapping[str, Run], *, compared: bool) -> Iterator[str]:
    """
    Yield the verdict, a line for each thing that failed and why, and a table of the runs.

    Args:
        decision: Of the gate.
        runs: By benchmark.
        compared: Whether there was anything to compare them with.
    """
    word = "FAIL" if decision.outcome is Outcome.FAIL else decision.outcome.value.upper()
    against = f" against {_short(decision.base)}" if compared else ", held to targets alone"
    count = f"{len(runs)} benchmark{'' if len(runs) == 1 else 's'}"
    yield f"{word} {count}{against}, in virtual time"
    yield from decision.lines
    yield from why_lines(decision)
    changes = {(one.benchmark, one.metric): one for one in decision.comparisons}
    width = max(len("benchmark"), *(len(name) for name in runs))
    yield f"{'benchmark':<{width}}  {'P50':>18}  {'P95':>18}  {'P99':>18}"
    for name, run in list(runs.items())[:_ROWS_MAX]:
        values = {metric.name: metric.value for metric in summarize(run)}
        cells = (_cell(values.get(shown), changes.get((name, shown))) for shown in _SHOWN)
        yield f"{name:<{width}}  " + "  ".join(f"{cell:>18}" for cell in cells)
    if len(runs) > _ROWS_MAX:
        yield f"and {len(runs) - _ROWS_MAX} more"


def _cell(value: float | None, comparison: Comparison | None) -> str:
    if value is None:
        return "too few"
    told = format_value(value, "s")
    if comparison is None or comparison.change_ratio is None:
        return told
    return f"{told} ({format_change(comparison.change_ratio)})"


def _doubts(decision: Decision, ground: Ground) -> Iterator[str]:
    if ground.base_label and sys.flags.hash_randomization and decision.outcome is Outcome.FAIL:
        yield (
            "the order of sets of strings differs from one pytest to the next; set "
            "PYTHONHASHSEED=0, as `agent-perf run` does, to be sure that it is not that"
        )


def _written(
    decision: Decision,
    kept: Sequence[Kept],
    ground: Ground,
    options: Mapping[str, str],
    folder: Path,
) -> Iterator[Path]:
    if options["json"] or options["report"]:
        bases = [base for one in kept if (base := ground.base_of(one.run)) is not None]
        policy = policy_of(kept, ground)
        view = build_view(
            decision,
            base_runs=held_runs({run.benchmark: run for run in bases}, policy),
            head_runs=held_runs({one.run.benchmark: one.run for one in kept}, policy),
            title=ground.root.name,
        )
        if options["json"]:
            codec.write_atomic(folder / options["json"], render(view, "json").encode())
            yield folder / options["json"]
        if options["report"]:
            yield write_reports(folder / options["report"], view)[0]
    if options["save"]:
        if exit_code(decision, undecided="pass"):
            raise AgentPerfError(
                f"baseline {options['save']!r} not made: the gate failed, and a baseline of what "
                "fails would hide it"
            )
        yield ground.baselines.save(
            BaselineFile(
                name=options["save"],
                commit=_commit(ground),
                runs=tuple(one.run for one in kept),
            ),
            replace=False,
        )


def _commit(ground: Ground) -> str:
    """Return what was measured: the commit, if nothing is changed."""
    if ground.repository is None or ground.repository.is_dirty():
        return WORKTREE
    return ground.repository.resolve("HEAD")


def _short(label: str) -> str:
    return label if label.startswith("baseline:") else label[:8]
