"""
The numbers that a recording of resources comes to, and two of them as a pair.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from types import MappingProxyType
from typing import Final

from agent_perf.errors import SampleError
from agent_perf.records import DuetRun, Evidence, Metric, ResourceRun, ResourceSeries
from agent_perf.records.resources import P95_SAMPLES_MIN

LEVEL_SAMPLES_MIN: Final = 5
"""Ticks below which the peak or mean of a level would say when we looked, not what was held."""

GRAINS: Final = MappingProxyType({"bytes": 1024.0 * 1024.0, "count": 1.0})
"""Unit to what two recordings are told apart by at least: from nothing to a trifle is no
regression, and has no ratio."""

_PREFIX: Final = "resources"


def resource_metrics(run: ResourceRun) -> tuple[Metric, ...]:
    """
    Return every metric of *run*, all sampled.

    Totals are ``resources.cpu`` (seconds; per request where requests are known),
    ``resources.disk_written`` and the like (bytes); levels have ``.mean``, ``.p95`` and
    ``.peak``, memory as ``memory.peak``; ``resources.cpu_share`` is of all cores that the
    process could use, ``resources.db_pool_share`` of its pool. A level of fewer than
    LEVEL_SAMPLES_MIN ticks, and a P95 of fewer than P95_SAMPLES_MIN, is left out.
    """
    return tuple(_metrics(run))


def missing_because(run: ResourceRun, metric: str) -> str:
    """Return why *run* does not have *metric*, with the way out."""
    name = metric.removeprefix(f"{_PREFIX}.").partition(".")[0]
    for note in run.notes:
        if name in note:
            return note
    if name == "db_pool_share" and run.db_pool_size is None:
        return "the size of the pool is not known; tell it with --db-pool"
    wanted = P95_SAMPLES_MIN if metric.endswith(".p95") else LEVEL_SAMPLES_MIN
    if run.tick_count < wanted:
        return (
            f"{run.tick_count} ticks in {run.duration_s:.3g} s, and {metric} wants {wanted}; "
            "record for longer, or at a shorter interval"
        )
    return f"nothing was sampled of it; there is {', '.join(run.series) or 'no resource at all'}"


def resource_duets(base: Sequence[ResourceRun], head: Sequence[ResourceRun]) -> tuple[DuetRun, ...]:
    """
    Return the metrics that all recordings have, as rounds: the first of base with the first
    of head, and so on.

    What is below the grain of its unit counts as the grain; what no recording has more of
    is left out.

    Args:
        base: Of one name, in the order they were made.
        head: Likewise, as many.

    Raises:
        SampleError: If they are not as many, or of several names.
    """
    runs = (*base, *head)
    names = sorted({run.name for run in runs})
    if len(base) != len(head) or len(names) > 1:
        raise SampleError(
            f"{len(base)} recordings of base and {len(head)} of head, of {', '.join(names)}; "
            "want as many of either, of one name"
        )
    found = [{metric.name: metric for metric in resource_metrics(run)} for run in runs]
    common = [name for name in (found[0] if found else ()) if all(name in one for one in found)]
    duets = (_duet(names[0], [one[name] for one in found], len(base)) for name in common)
    return tuple(duet for duet in duets if duet is not None)


def _duet(benchmark: str, metrics: Sequence[Metric], rounds: int) -> DuetRun | None:
    unit = metrics[0].unit
    grain = GRAINS.get(unit, 0.0)
    values = tuple(max(metric.value, grain) for metric in metrics)
    if all(value == grain for value in values):
        return None
    return DuetRun(
        benchmark=benchmark,
        metric=metrics[0].name,
        unit=unit,
        base=values[:rounds],
        head=values[rounds:],
        calls_per_round=min(metric.sample_count for metric in metrics),
    )


def _metrics(run: ResourceRun) -> Iterator[Metric]:
    if run.cpu_s is not None:
        yield _metric(f"{_PREFIX}.cpu", run.cpu_s / (run.requests or 1), "s", run.tick_count)
    if run.memory_peak_bytes is not None:
        yield _metric("memory.peak", run.memory_peak_bytes, "bytes", run.tick_count)
    for name, series in run.series.items():
        if name == "cpu":
            yield from _statistics(series, f"{_PREFIX}.cpu_share", "ratio", run.cores)
        elif series.is_counter:
            if series.total is not None:
                yield _metric(f"{_PREFIX}.{name}", series.total, "bytes", series.sample_count)
        elif name == "memory":
            yield from _statistics(series, "memory", "bytes", 1, without="peak")
        else:
            yield from _statistics(series, f"{_PREFIX}.{name}", series.unit, 1)
            if name == "db_connections" and run.db_pool_size:
                yield from _statistics(
                    series, f"{_PREFIX}.db_pool_share", "ratio", run.db_pool_size
                )


def _statistics(
    series: ResourceSeries, name: str, unit: str, whole: float, *, without: str = ""
) -> Iterator[Metric]:
    if series.sample_count < LEVEL_SAMPLES_MIN:
        return
    told = (
        ("mean", series.sample_mean),
        ("p95", series.sample_p95),
        ("peak", series.sample_peak),
    )
    for statistic, value in told:
        if value is not None and statistic != without and math.isfinite(value):
            yield _metric(f"{name}.{statistic}", value / whole, unit, series.sample_count)


def _metric(name: str, value: float, unit: str, sample_count: int) -> Metric:
    return Metric(
        name=name, value=value, unit=unit, evidence=Evidence.SAMPLED, sample_count=sample_count
    )
