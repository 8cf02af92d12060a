"""
What a process took, in lines for a terminal.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from agent_perf.cli.load_text import sparkline
from agent_perf.records import ResourceRun, ResourceSeries
from agent_perf.units import format_value

_COLUMNS: Final = 48
_LINE_CHARS: Final = 160
_NAMES: Final = {
    "cpu": "CPU",
    "memory": "memory",
    "memory_pss": "  shared out",
    "disk_read": "disk read",
    "disk_written": "disk written",
    "network_sent": "network out",
    "network_received": "network in",
    "db_connections": "DB connections",
    "connections": "connections",
    "files": "open files",
    "threads": "threads",
    "processes": "processes",
}


def resource_lines(run: ResourceRun) -> Iterator[str]:
    """Yield what *run* came to: totals, levels with their course, and the price of it."""
    about = f": {' '.join(run.command.split())}" if run.command else ""
    yield f"{run.name}{about}"[:_LINE_CHARS]
    yield _row("length", f"{format_value(run.duration_s, 's')}, {run.end}")
    if run.cpu_s is not None:
        each = f", {format_value(run.cpu_s / run.requests, 's')} a request" if run.requests else ""
        yield _row("CPU time", f"{format_value(run.cpu_s, 's')}{each}")
    if run.memory_peak_bytes is not None:
        yield _row("memory peak", format_value(run.memory_peak_bytes, "bytes"))
    for name in _NAMES:
        if name in run.series:
            yield _row(_NAMES[name], _course(run, run.series[name]))
    cost = format_value(run.sampler_ratio, "ratio")
    missed = f", {run.missed_count:,} missed" if run.missed_count else ""
    yield _row(
        "sampling",
        f"{run.tick_count:,} tick{'' if run.tick_count == 1 else 's'}, "
        f"one each {format_value(run.interval_s, 's')}{missed}; "
        f"it took {format_value(run.sampler_cpu_s, 's')} of CPU time, {cost} of a core",
    )
    for note in run.notes:
        yield _row("", note)


def _course(run: ResourceRun, series: ResourceSeries) -> str:
    told = [
        ("mean", series.sample_mean),
        ("P95", series.sample_p95),
        ("peak", series.sample_peak),
    ]
    words = "  ".join(
        f"{word} {format_value(value, series.unit)}" for word, value in told if value is not None
    )
    if series.name == "cpu":
        words += f" of a core ({run.cores} there)"
    elif series.total is not None:
        words = f"{format_value(series.total, 'bytes')} in all, {words}"
    elif series.name == "db_connections" and run.db_pool_size:
        words += f" of {run.db_pool_size}"
    if not series.sample_peak:
        return words
    return f"{sparkline(_columns(series.peak))}  {words}"


def _columns(values: Sequence[float | None]) -> list[float]:
    """Return at most _COLUMNS values, each the largest of its share."""
    step = -(-len(values) // _COLUMNS) or 1
    return [
        max((value or 0.0 for value in values[i : i + step]), default=0.0)
        for i in range(0, len(values), step)
    ]


def _row(name: str, text: str) -> str:
    return f"  {name:<16}{text}".rstrip()
