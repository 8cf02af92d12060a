"""
What a calibration is going to do, and what it found, in lines for people.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from agent_perf.live.calibration import Plan
from agent_perf.records import CalibratedTable
from agent_perf.sim import U53, LatencyTable, default_tables
from agent_perf.units import NS, format_value

_QUANTILES: Final = ((50, 1), (95, 59), (99, 299))
"""
Per cent, and how many samples tell them.

With so many, the largest lies beyond the quantile with a probability of 95 %.
"""


def plan_lines(plan: Plan, path: Path) -> Iterator[str]:
    """Yield what *plan* asks, of whom, how often and for how much."""
    for step in plan.steps:
        cost = f", for ${step.most_nanousd / NS:.4f} at most" if step.most_nanousd else ""
        yield f"{step.url}: {step.count} times {step.what}{cost}"
    most = f"${plan.most_usd:.4f} or less, " if plan.most_usd else ""
    yield (
        f"one at a time, at most {plan.rate_hz:g} a second: {plan.least_s:.0f} s or more, "
        f"{most}into {path}"
    )


def table_lines(tables: Sequence[CalibratedTable]) -> Iterator[str]:
    """Yield the quantiles of *tables*, beside those of the tables that ship with agent-perf."""
    heads = ("latency", "samples", "P50", "P95", "P99", "largest", "P50 of ours", "P95 of ours")
    rows: list[tuple[str, ...]] = [heads]
    ours = default_tables()
    for table in tables:
        grid = ours["redis.trip"].grid
        own = LatencyTable(name=table.name, grid=grid, value_ns=table.value_ns)
        rows.append(
            (
                table.name,
                f"{table.sample_count:,}",
                *(_told(own, q, table.sample_count >= n) for q, n in _QUANTILES),
                format_value(table.value_ns[-1] / NS, "s"),
                *(_told(ours.get(table.name), q, True) for q in (50, 95)),
            )
        )
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for first, *rest in rows:
        cells = (text.rjust(width) for text, width in zip(rest, widths[1:], strict=True))
        yield "  ".join((first.ljust(widths[0]), *cells)).rstrip()


def _told(table: LatencyTable | None, percent: int, known: bool) -> str:
    if table is None or not known:
        return "–"
    return format_value(table.at(U53 * percent // 100) / NS, "s")
