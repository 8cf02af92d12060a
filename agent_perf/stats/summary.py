"""
The numbers that a run comes to.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

from agent_perf.errors import SampleError
from agent_perf.records import Evidence, Metric, Run
from agent_perf.stats.quantiles import nearest_rank, samples_needed
from agent_perf.units import NS

_OVERALL: Final = (("p50", "0.5"), ("p95", "0.95"), ("p99", "0.99"))
_PER_PATH: Final = _OVERALL[:2]

PATH_REQUESTS_MIN: Final = 6
"""
Requests below which a path has no latencies of its own.

Which path a request takes follows from timing: one that arrives a moment later joins another
or does not, and of a few its latency is the path's median. Six is the least number whose
extremes hold the median of what they are drawn from with 95 %, 1 - 2 / 2**6.

Source: Hahn & Meeker, *Statistical Intervals* (1991), section 5.2.
"""

_COST_COUNT: Final = "llm_cost_nanousd"
_COST_METRIC: Final = "work.llm_cost_usd"
_REQUEST: Final = "request"


def summarize(run: Run) -> tuple[Metric, ...]:
    """
    Return every metric of *run*, all exact: latencies, success, throughput, work counts.

    Failed requests count in the latencies, for their users waited too. Percentiles that
    the number of requests does not carry are left out. Each path has its own latencies,
    because the median of a cached path is the latency of a hit; one of fewer than
    PATH_REQUESTS_MIN requests has none.

    Raises:
        SampleError: If the run has no request.
    """
    if not run.latency_ns:
        raise SampleError(
            f"run {run.benchmark} has no request; want at least one: see that the scenario "
            "yields its request function and asks for requests"
        )
    return (
        *_latencies("latency", run.latency_ns, _OVERALL),
        _mean(run.latency_ns),
        *_path_latencies(run),
        *_totals(run),
        *(work_metric(run, name) for name in sorted(run.counts)),
        *_held(run),
    )


def rare_paths(run: Run) -> tuple[tuple[str, int], ...]:
    """Return the paths that too few requests of *run* took for latencies, with their number."""
    counts = Counter(label for label in run.path if label)
    return tuple(
        (label, counts[label]) for label in sorted(counts) if counts[label] < PATH_REQUESTS_MIN
    )


def work_metric(run: Run, name: str) -> Metric:
    """Return the total of work count *name* over *run*; what was never counted is 0."""
    total = run.counts.get(name, 0)
    count = len(run.latency_ns)
    if name == _COST_COUNT:
        return _metric(_COST_METRIC, total / NS, "usd", count)
    return _metric(f"work.{name}", total, "bytes" if name.startswith("bytes_") else "count", count)


def request_metric(run: Run, metric: str) -> Metric | None:
    """
    Return the most that one request of *run* did, by a name such as ``request.llm_calls``.

    It is there for targets, and no metric of a comparison: of work, the sum is compared.
    None if the name is of another family, or the run was stored before that was counted.
    """
    family, _, name = metric.partition(".")
    if family != _REQUEST or run.most is None:
        return None
    count = len(run.latency_ns)
    if metric == f"{_REQUEST}.{_COST_METRIC.partition('.')[2]}":
        return _metric(metric, run.most.get(_COST_COUNT, 0) / NS, "usd", count)
    unit = "bytes" if name.startswith("bytes_") else "count"
    return _metric(metric, run.most.get(name, 0), unit, count)


def _latencies(
    prefix: str, latency_ns: Sequence[int], quantiles: Sequence[tuple[str, str]]
) -> Iterator[Metric]:
    ordered = sorted(latency_ns)
    for label, q in quantiles:
        if len(ordered) >= samples_needed(q):
            yield _metric(f"{prefix}.{label}", nearest_rank(ordered, q) / NS, "s", len(ordered))


def _mean(latency_ns: Sequence[int]) -> Metric:
    # One division of integers, which Python rounds correctly: the same everywhere.
    return _metric("latency.mean", sum(latency_ns) / (len(latency_ns) * NS), "s", len(latency_ns))


def _path_latencies(run: Run) -> Iterator[Metric]:
    by_path: dict[str, list[int]] = {}
    for label, latency in zip(run.path, run.latency_ns, strict=True):
        by_path.setdefault(label, []).append(latency)
    for label in sorted(by_path):
        if label and len(by_path[label]) >= PATH_REQUESTS_MIN:
            yield from _latencies(f"latency.{label}", by_path[label], _PER_PATH)


def _totals(run: Run) -> Iterator[Metric]:
    count = len(run.latency_ns)
    yield _metric("success_ratio", (count - len(run.errors)) / count, "ratio", count)
    if run.duration_ns > 0:
        yield _metric("throughput", count * NS / run.duration_ns, "per_s", count)


def _held(run: Run) -> Iterator[Metric]:
    count = len(run.latency_ns)
    for name, level in sorted(run.levels.items()):
        if level.length_ns:
            mean = level.held_ns / level.length_ns
            yield _metric(f"resources.{name}.mean", mean, "count", count)
        yield _metric(f"resources.{name}.peak", level.peak, "count", count)


def _metric(name: str, value: float, unit: str, sample_count: int) -> Metric:
    return Metric(
        name=name, value=value, unit=unit, evidence=Evidence.EXACT, sample_count=sample_count
    )
