"""Rounds of a duet to judge."""

from dataclasses import replace

from agent_perf.records import Comparison, DuetRun
from agent_perf.stats import judge_duets

JITTER = (0.99, 1.01, 1.0, 0.995, 1.005, 1.0, 0.99, 1.01, 1.0)
"""Ratios of nine rounds of equal code."""


def duet(
    *ratios: float,
    metric: str = "cpu.median",
    unit: str = "s",
    base: float = 2e-6,
    benchmark: str = "cache.Memory.time_get_hit",
) -> DuetRun:
    return DuetRun(
        benchmark=benchmark,
        metric=metric,
        unit=unit,
        base=(base,) * len(ratios),
        head=tuple(base * ratio for ratio in ratios),
        calls_per_round=200,
    )


def slowed(change: float, *, metric: str = "cpu.median", benchmark: str = "b") -> DuetRun:
    """Return nine rounds that vary by one per cent about *change*."""
    ratios = (ratio * (1 + change) for ratio in JITTER)
    return duet(*ratios, metric=metric, benchmark=benchmark)


def confirmed(change: float, again: float, *, benchmark: str = "b") -> DuetRun:
    """Return first rounds about *change*, and fresh ones about *again*."""
    first = slowed(change, benchmark=benchmark)
    return replace(first, confirmation=slowed(again, benchmark=benchmark))


def judged(run: DuetRun, limit: float | None = 0.15) -> Comparison:
    return judge_duets([run], [limit]).comparisons[0]
