"""
Where the time of a run went: what a failed test shows of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from agent_perf.records import OperationTotal, Run
from agent_perf.stats import summarize
from agent_perf.units import NS, format_value

_OPERATIONS_MAX = 8
_DETAILS_MAX = 6
_SPANS_MAX = 20
_BAR_CHARS = 32

_SIZES = ("bytes_", "llm_cost")
"""Work that is told by what was done rather than by how large it was."""


def explain_runs(runs: Sequence[Run]) -> str:
    """Return a few lines on each of *runs*: latencies, critical path, work, one real request."""
    return "\n\n".join("\n".join(_lines(run)) for run in runs)


def _lines(run: Run) -> Iterator[str]:
    metrics = {metric.name: metric for metric in summarize(run)}
    count = len(run.latency_ns)
    told = [
        f"{label} {format_value(metrics[name].value, 's')}"
        for label, name in (
            ("P50", "latency.p50"),
            ("P95", "latency.p95"),
            ("P99", "latency.p99"),
            ("mean", "latency.mean"),
        )
        if name in metrics
    ]
    yield f"{run.benchmark}: {', '.join(told)}; {count} requests, {len(run.errors)} failed"
    for category in sorted(set(run.errors.values())):
        failed = sum(one == category for one in run.errors.values())
        yield f"  {failed} failed with {category}"
    yield from _critical(run, count)
    yield from _work(run, count)
    yield from _exemplar(run)


def _critical(run: Run, count: int) -> Iterator[str]:
    """Yield the operations that requests really waited for, the longest first."""
    whole_ns = sum(run.latency_ns) or 1
    ranked: list[tuple[str, OperationTotal]] = sorted(
        run.operations.items(), key=lambda item: (-item[1].critical_ns, item[0])
    )
    waited = [(name, total) for name, total in ranked if total.critical_ns]
    if waited:
        yield "  critical path, per request:"
    for name, total in waited[:_OPERATIONS_MAX]:
        mean = format_value(total.critical_ns / (count * NS), "s")
        calls = format_value(total.count / count, "count")
        yield f"    {total.critical_ns / whole_ns:6.1%}  {mean:>9}  {name} ({calls} of it)"


def _work(run: Run, count: int) -> Iterator[str]:
    counts = [
        f"{format_value(total / count, 'count')} {name}"
        for name, total in run.counts.items()
        if not name.startswith(_SIZES)
    ]
    if counts:
        yield f"  work, per request: {', '.join(counts)}"
    detailed = [
        (" ".join(name.split()), total)
        for name, total in run.details.items()
        if total >= count and not name.startswith(_SIZES)
    ]
    for name, total in detailed[:_DETAILS_MAX]:
        yield f"    {format_value(total / count, 'count'):>7}  {name[:100]}"


def _exemplar(run: Run) -> Iterator[str]:
    """Yield the real request at the P95's rank, span by span."""
    one = run.exemplar
    if one is None or not one.spans:
        return
    latency = format_value(one.latency_ns / NS, "s")
    yield f"  request {one.request_id}, at the rank of the P95 ({latency}):"
    whole_ns = one.latency_ns or 1
    for span in one.spans[:_SPANS_MAX]:
        begin = min(_BAR_CHARS - 1, span.start_ns * _BAR_CHARS // whole_ns)
        end = min(_BAR_CHARS, max(begin + 1, -(-span.end_ns * _BAR_CHARS // whole_ns)))
        bar = " " * begin + "█" * (end - begin)
        length = format_value((span.end_ns - span.start_ns) / NS, "s")
        name = f"{span.name} {span.detail}".replace("\n", " ").strip()
        yield f"    {bar:<{_BAR_CHARS}}  {length:>9}  {name[:80]}"
    if len(one.spans) > _SPANS_MAX:
        yield f"    and {len(one.spans) - _SPANS_MAX} more"
