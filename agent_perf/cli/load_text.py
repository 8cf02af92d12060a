"""
A load, and what it came to, in lines for a terminal.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from agent_perf.cli.fault_text import fault_lines
from agent_perf.cli.live_text import live_lines
from agent_perf.cli.output import plain
from agent_perf.records import Capacity, LatencySummary, LoadDecision, LoadRun
from agent_perf.stats import Direction, direction
from agent_perf.units import NS, format_value

_BARS: Final = "▁▂▃▄▅▆▇█"
_COLUMNS: Final = 72
_COLUMNS_MIN: Final = 10
_BESIDE_BARS: Final = 30
"""Columns that a row's name and its "up to 394.5 ms" take."""
_PATHS_SHOWN: Final = 8
_WINDOWS_SHOWN: Final = 4


def load_lines(run: LoadRun, width: int | None = None) -> Iterator[str]:
    """
    Yield what *run* came to: totals, latencies, errors and its timeline.

    Args:
        run: What was measured.
        width: Columns of the terminal, into which the timeline fits; None: nobody's.
    """
    parts = [
        name if len(run.scenarios) == 1 else f"{name}={weight}"
        for name, weight in run.scenarios.items()
    ]
    yield f"{' '.join(parts)}: {run.shape}, tier {run.tier.value}, seed {run.seed}"
    seconds = run.duration_ns / NS
    dropped = f", {run.dropped:,} dropped" if run.dropped else ""
    yield _row("offered", f"{run.offered:,} in {format_value(seconds, 's')}{dropped}")
    within = ""
    if run.good_within_ns is not None:
        within = f", within {format_value(run.good_within_ns / NS, 's')}"
    good = format_value(run.good_ratio, "ratio")
    yield _row("good", f"{run.good:,} ({good}{within}), {format_value(run.goodput_hz, 'per_s')}")
    yield _row("latency", _latency(run.latency))
    if len(run.paths) > 1:
        for path, summary in list(run.paths.items())[:_PATHS_SHOWN]:
            yield _row(f"  {path}", f"{_latency(summary)}  ({summary.count:,})")
    if run.errors:
        kinds = ", ".join(f"{kind} {count:,}" for kind, count in run.errors.items())
        yield _row("errors", kinds)
        yield _row("first", run.first_failure.splitlines()[0][:200] if run.first_failure else "")
    for name, level in run.levels.items():
        if level.length_ns:
            mean = format_value(level.held_ns / level.length_ns, "count")
            words = name.replace("_", " ").removeprefix("db ")
            yield _row(f"DB {words}", f"mean {mean}, at most {level.peak:,}")
    if run.live is not None:
        yield from (_row(name, text) for name, text in live_lines(run.live))
    beside = width - _BESIDE_BARS if width is not None else _COLUMNS
    yield from _timeline(run, min(_COLUMNS, max(_COLUMNS_MIN, beside)))
    yield from fault_lines(run)


def capacity_lines(capacity: Capacity) -> Iterator[str]:
    """Yield what a search found: each rate tried, and the highest that kept the promise."""
    yield f"{capacity.scenario}: {capacity.promise.describe()}"
    for probe in (*capacity.scouts, *capacity.probes):
        quantiles = "  ".join(
            f"{name} {format_value(value / NS, 's'):>8}"
            for name, value in (
                ("P50", probe.p50_ns),
                ("P95", probe.p95_ns),
                ("P99", probe.p99_ns),
            )
        )
        good = format_value(probe.good_ratio, "ratio")
        verdict = "kept" if probe.kept else "broken"
        scout = "" if probe in capacity.probes else f", in {format_value(probe.for_s, 's')}"
        rate = format_value(probe.rate_hz, "per_s")
        yield f"  {rate:>9}  {quantiles}  good {good:>7}  {verdict}{scout}"
    if not capacity.probes and not capacity.scouts:
        yield "no rate was tried to its end"
    elif not capacity.probes and not capacity.scouted_hz:
        lowest = format_value(capacity.scouts[0].rate_hz, "per_s")
        yield f"carries not {lowest}, even for a shorter time"
    elif not capacity.probes:
        yield f"for a shorter time up to {format_value(capacity.scouted_hz, 'per_s')}"
    elif not capacity.rate_hz and capacity.stopped:
        lowest = format_value(capacity.probes[0].rate_hz, "per_s")
        yield f"carries not {lowest}; lower rates were not tried at full length"
    elif not capacity.rate_hz:
        yield "carries not even the lowest rate; try a lower --rate"
    elif capacity.broken_at_hz is None:
        yield f"carries {format_value(capacity.rate_hz, 'per_s')}, the highest rate tried"
    else:
        yield (
            f"carries {format_value(capacity.rate_hz, 'per_s')}, "
            f"not {format_value(capacity.broken_at_hz, 'per_s')}"
        )
    if capacity.knee_hz is not None:
        yield f"knee of the P95 at {format_value(capacity.knee_hz, 'per_s')}"
    if not capacity.is_monotone:
        yield "warning: a rate below the highest that held did not; look at the probes"


def target_lines(decision: LoadDecision) -> Iterator[str]:
    """Yield a line for each target that is kept, and when it was missed for a while."""
    for one in decision.targets:
        if one.passed is None or one.observed is None:
            continue
        verdict = "kept" if one.passed else "missed"
        sign = ">=" if direction(one.metric) is Direction.MORE_IS_BETTER else "<="
        spans = [
            f"{format_value(window.start_ns / NS, 's')} to {format_value(window.end_ns / NS, 's')} "
            f"(worst {format_value(window.worst, one.unit)})"
            for window in one.windows[:_WINDOWS_SHOWN]
        ]
        more = len(one.windows) - len(spans)
        spans += [f"{more} more times"] if more else []
        lead = "; missed from" if one.passed else ", from"
        when = f"{lead} {', '.join(spans)}" if spans else ""
        observed, limit = (format_value(value, one.unit) for value in (one.observed, one.limit))
        yield _row("target", f"{one.metric} {observed} {sign} {limit} {verdict}{when}")


def sparkline(values: Sequence[float]) -> str:
    """Return *values*, each >= 0, as bars from 0 to the largest; a blank for 0."""
    top = max(values, default=0)
    return "".join(
        _BARS[min(len(_BARS) - 1, int(value * len(_BARS) / top))] if value else " "
        for value in values
    )


def _timeline(run: LoadRun, columns_max: int) -> Iterator[str]:
    buckets = run.timeline.buckets
    if len(buckets) < 2:
        return
    width_s = run.timeline.bucket_ns / NS
    rows = (
        ("rate", [bucket.started / width_s for bucket in buckets], "per_s"),
        ("good", [bucket.good / width_s for bucket in buckets], "per_s"),
        ("P95", [bucket.latency.p95_ns / NS for bucket in buckets], "s"),
        ("in flight", [float(bucket.in_flight_max) for bucket in buckets], "count"),
        ("errors", [float(sum(bucket.errors.values())) for bucket in buckets], "count"),
        ("dropped", [float(bucket.dropped) for bucket in buckets], "count"),
    )
    for name, values, unit in rows:
        if any(values):
            # Several buckets share a column; its bar is the highest of them.
            step = -(-len(values) // columns_max)
            columns = [max(values[i : i + step]) for i in range(0, len(values), step)]
            yield _row(name, f"{sparkline(columns)}  up to {format_value(max(values), unit)}")
    yield _row("", f"0 to {format_value(len(buckets) * width_s, 's')}")


def _latency(summary: LatencySummary) -> str:
    if not summary.count:
        return "no answer"
    values = (
        ("P50", summary.p50_ns),
        ("P95", summary.p95_ns),
        ("P99", summary.p99_ns),
        ("max", summary.max_ns),
    )
    return "  ".join(f"{name} {format_value(value / NS, 's')}" for name, value in values)


def _row(name: str, text: str) -> str:
    return plain(f"  {name:<9} {text}".rstrip())
