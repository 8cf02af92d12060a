"""
What is printed of a decision.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import click

from agent_perf.cli.output import print_json, say, warn
from agent_perf.cli.project import short_name
from agent_perf.gate import waived_lines
from agent_perf.records import Decision, Lapse, Outcome, Verdict, WaiverState
from agent_perf.report import View, draw_terminal


def show_decision(
    decision: Decision, paths: Sequence[Path], form: str, view: View | None = None
) -> None:
    """
    Print the decision on standard output, and on the error where the report is.

    Args:
        decision: Of the gate.
        paths: Of the report, the page first.
        form: ``text`` or ``json``.
        view: Of the report. With it a person at a terminal gets a summary instead of the
            lines on causes, which are for logs and programs.
    """
    waived = (line for use in decision.waivers for line in waived_lines(use))
    lines = [*decision.lines, *waived]
    if form == "json":
        print_json(decision)
    elif view is not None and sys.stdout.isatty():
        columns = shutil.get_terminal_size((100, 24)).columns
        colour = wants_colour(os.environ)
        click.echo(draw_terminal(view, lines=lines, columns=columns, colour=colour), nl=False)
    else:
        for line in (*lines, *_why(decision), _conclusion(decision)):
            print(line)  # noqa: T201 (this is the verb's output)
    for warning in decision.warnings:
        warn(warning)
    if paths:
        say(f"report: {paths[0]}")


def wants_colour(environ: Mapping[str, str]) -> bool:
    """Return whether a terminal may be given colours; see https://no-color.org."""
    return not (environ.get("NO_COLOR") or environ.get("CI") or environ.get("TERM") == "dumb")


def _why(decision: Decision) -> list[str]:
    """Return a line for each cause, with the benchmarks it was found in."""
    found: dict[str, list[str]] = {}
    for benchmark, causes in decision.causes.items():
        for cause in causes:
            found.setdefault(cause.text, []).append(benchmark)
    return [f"WHY {', '.join(names)}: {text}" for text, names in found.items()]


def _conclusion(decision: Decision) -> str:
    warned = set(decision.warned)
    waived = _waived(decision)
    counts: dict[str, int] = {}
    for one in decision.comparisons:
        # What a limit only warns of, or somebody accepts, must not read like a failure.
        word = (
            "waived"
            if (one.benchmark, one.metric, one.verdict) in waived
            else "beyond a limit that only warns"
            if (one.benchmark, one.metric) in warned
            else one.verdict.value
        )
        counts[word] = counts.get(word, 0) + 1
    told = ", ".join(f"{count} {word}" for word, count in counts.items()) or "no metrics"
    word = "FAIL" if decision.outcome is Outcome.FAIL else decision.outcome.value.upper()
    return f"{word} {short_name(decision.base)} -> {short_name(decision.head)}: {told}"


def _waived(decision: Decision) -> set[tuple[str, str, Verdict]]:
    """Return benchmark, metric and verdict of each comparison that somebody accepts."""
    verdicts = {Lapse.REGRESSED: Verdict.REGRESSED, Lapse.UNDECIDED: Verdict.UNDECIDED}
    return {
        (one.benchmark, one.metric, verdicts[one.lapse])
        for use in decision.waivers
        if use.state is WaiverState.USED
        for one in use.covered
        if one.lapse in verdicts
    }
