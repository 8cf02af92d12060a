"""
What is printed of a decision.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from agent_perf.cli.output import print_json, say, warn
from agent_perf.cli.project import short_name
from agent_perf.gate import waived_lines
from agent_perf.records import Decision, Outcome


def show_decision(decision: Decision, paths: Sequence[Path], form: str) -> None:
    """Print the decision: its lines on standard output, where the report is on the error."""
    if form == "json":
        print_json(decision)
    else:
        waived = (line for use in decision.waivers for line in waived_lines(use))
        for line in (*decision.lines, *waived, *_why(decision)):
            print(line)  # noqa: T201 (this is the verb's output)
        print(_conclusion(decision))  # noqa: T201
    for warning in decision.warnings:
        warn(warning)
    if paths:
        say(f"report: {paths[0]}")


def _why(decision: Decision) -> list[str]:
    """Return a line for each cause, with the benchmarks it was found in."""
    found: dict[str, list[str]] = {}
    for benchmark, causes in decision.causes.items():
        for cause in causes:
            found.setdefault(cause.text, []).append(benchmark)
    return [f"WHY {', '.join(names)}: {text}" for text, names in found.items()]


def _conclusion(decision: Decision) -> str:
    counts: dict[str, int] = {}
    for comparison in decision.comparisons:
        counts[comparison.verdict.value] = counts.get(comparison.verdict.value, 0) + 1
    told = ", ".join(f"{count} {word}" for word, count in counts.items()) or "no metrics"
    word = "FAIL" if decision.outcome is Outcome.FAIL else decision.outcome.value.upper()
    return f"{word} {short_name(decision.base)} -> {short_name(decision.head)}: {told}"
