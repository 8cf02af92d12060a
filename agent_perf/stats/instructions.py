"""
Instruction counts, base against head: exact but for what repeated counts differ by.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from agent_perf.records import (
    Comparison,
    Evidence,
    InstructionCount,
    InstructionRun,
    Metric,
    Verdict,
)
from agent_perf.stats.comparison import compare_exact
from agent_perf.units import format_change

INSTRUCTIONS: Final = "cpu.instructions"
"""Name of the metric."""

FLOOR_RATIO: Final = 0.01
"""
Changes up to here are no changes.

Of 65 pairs of counts of equal code one differed by 0.63 %, and three by more than 0.2 %; imports
and functions that a benchmark never uses moved counts by up to 0.33 % (docs/instructions.md).
"""


def compare_instructions(run: InstructionRun, limit_ratio: float | None) -> Comparison:
    """
    Return what became of the instructions of *run*.

    A change within FLOOR_RATIO is none. One beyond the limit is a regression if the second
    count is beyond it too; if that is not, the answer depends on the hash seed, and is
    undecided.

    Args:
        run: Both counts, if wants_second_count was true of the first.
        limit_ratio: Largest change for the worse, 0.02 for 2 %; >= 0, None if not limited.
    """
    first = _compare(run, run.first, limit_ratio)
    if run.again is None:
        return first
    again = _compare(run, run.again, limit_ratio)
    seeds = (
        f"under hash seed {run.first.hash_seed}, "
        f"{format_change(run.again.change_ratio)} under {run.again.hash_seed}"
    )
    if first.verdict is Verdict.REGRESSED and again.verdict is not Verdict.REGRESSED:
        return replace(
            first,
            verdict=Verdict.UNDECIDED,
            reason=f"{first.reason} {seeds}: it follows the order of a set, the time, or chance; "
            "take that out of the benchmark, or judge it by its CPU time",
        )
    return replace(first, reason=f"{first.reason} {seeds}")


def wants_second_count(run: InstructionRun, limit_ratio: float | None) -> bool:
    """Return True if the first count of *run* is a regression that a second must uphold."""
    return run.again is None and _compare(run, run.first, limit_ratio).verdict is Verdict.REGRESSED


def _compare(run: InstructionRun, count: InstructionCount, limit_ratio: float | None) -> Comparison:
    comparison = compare_exact(
        run.benchmark,
        _metric(count.base, run.repetitions),
        _metric(count.head, run.repetitions),
        limit_ratio,
    )
    if comparison.verdict is Verdict.UNCHANGED or abs(count.change_ratio) > FLOOR_RATIO:
        return comparison
    return replace(
        comparison,
        verdict=Verdict.UNCHANGED,
        reason=f"{format_change(count.change_ratio)}, and counts of equal code may differ by "
        f"nearly {FLOOR_RATIO * 100:g} %",
    )


def _metric(value: float, repetitions: int) -> Metric:
    return Metric(
        name=INSTRUCTIONS,
        value=value,
        unit="instructions",
        evidence=Evidence.EXACT,
        sample_count=repetitions,
    )
