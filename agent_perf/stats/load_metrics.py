"""
The numbers that a load comes to, over all and bucket by bucket.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from agent_perf.records import Bucket, Evidence, LatencySummary, LoadRun, Metric
from agent_perf.stats.quantiles import samples_needed
from agent_perf.stats.resources import resource_metrics
from agent_perf.units import NS

_QUANTILES: Final = {"p50": "0.5", "p95": "0.95", "p99": "0.99", "p999": "0.999"}
_LATENCY: Final = re.compile(r"latency\.(p50|p95|p99|p999|mean|max)")
_LEVEL: Final = re.compile(r"resources\.(\w+)\.(mean|peak)")
_TAILS: Final = frozenset({"p95", "p99", "p999"})
_HIT: Final = "hit"
_CACHE_WORDS: Final = frozenset({_HIT, "miss"})

BUCKET_REQUESTS_MIN: Final = 6
"""
Requests that must end in a bucket for it to tell a P95 or beyond: of fewer it is the slowest.
"""


def summarize_load(run: LoadRun) -> tuple[Metric, ...]:
    """
    Return every metric of *run* that a target may hold.

    Latencies of all and of each path, ``success_ratio`` and ``error_ratio`` (of what ended),
    ``dropped_ratio`` (of what was offered), ``throughput``, ``goodput``, ``hit_ratio`` (of
    what was answered with a word for how, as ``hit``; else of Redis), ``resources.*``, and of
    a server that was looked at all of `resource_metrics`.
    Quantiles that the number of requests does not carry are left out.
    """
    found = [
        *_latencies("latency", run.latency),
        *(
            metric
            for path, summary in run.paths.items()
            for metric in _latencies(f"latency.{path}", summary)
        ),
        *_shares(run),
    ]
    for name, level in run.levels.items():
        if level.length_ns:
            found.append(_metric(f"resources.{name}.mean", level.mean, "count", run))
        found.append(_metric(f"resources.{name}.peak", level.peak, "count", run))
    if run.live is not None and run.live.resources is not None:
        found.extend(resource_metrics(run.live.resources))
    return tuple(found)


def unit_of(metric: str) -> str:
    """Return the unit of a metric that a load has, whether or not this one has it."""
    if metric.startswith("latency."):
        return "s"
    if metric.endswith("_ratio"):
        return "ratio"
    if metric.startswith("memory."):
        return "bytes"
    if metric.startswith("resources.") and "_share." in metric:
        return "ratio"
    return "per_s" if metric in {"throughput", "goodput"} else "count"


def quantile_samples(which: str) -> int | None:
    """Return how many requests a load's *which*, as ``p99``, wants; None if it is no quantile."""
    q = _QUANTILES.get(which)
    return None if q is None else samples_needed(q)


def bucket_value(metric: str, bucket: Bucket, bucket_s: float) -> float | None:
    """
    Return what *metric* was in *bucket*; None if a bucket does not tell, as with paths.

    Args:
        metric: As `summarize_load` names it.
        bucket: Of a timeline.
        bucket_s: Its length.
    """
    if found := _LATENCY.fullmatch(metric):
        if bucket.ended < (BUCKET_REQUESTS_MIN if found[1] in _TAILS else 1):
            return None
        if found[1] == "mean":
            return bucket.latency.mean_s
        value_ns: int = getattr(bucket.latency, f"{found[1]}_ns")
        return value_ns / NS
    if found := _LEVEL.fullmatch(metric):
        level = bucket.levels.get(found[1])
        if level is None or not level.length_ns:
            return None
        return float(level.peak) if found[2] == "peak" else level.mean
    return _bucket_share(metric, bucket, bucket_s)


def hit_ratio(run: LoadRun) -> float | None:
    """Return the share of requests answered from a cache; None if nothing tells."""
    if run.live is not None:
        # Paths are names of requests there, whatever they are called.
        return None
    if not _CACHE_WORDS.isdisjoint(run.paths):
        hit = run.paths.get(_HIT)
        count = sum(summary.count for summary in run.paths.values())
        return hit.count / count if hit is not None else 0.0
    hits, misses = run.counts.get("redis_hits", 0), run.counts.get("redis_misses", 0)
    return hits / (hits + misses) if hits + misses else None


def _shares(run: LoadRun) -> Iterator[Metric]:
    ended = run.latency.count
    if ended:
        failed = sum(run.errors.values())
        yield _metric("success_ratio", (ended - failed) / ended, "ratio", run)
        yield _metric("error_ratio", failed / ended, "ratio", run)
    if run.offered:
        yield _metric("dropped_ratio", run.dropped / run.offered, "ratio", run)
    if run.duration_ns:
        yield _metric("throughput", run.throughput_hz, "per_s", run)
        yield _metric("goodput", run.goodput_hz, "per_s", run)
    hits = hit_ratio(run)
    if hits is not None:
        yield _metric("hit_ratio", hits, "ratio", run)


def _bucket_share(metric: str, bucket: Bucket, bucket_s: float) -> float | None:
    asked, failed = bucket.started + bucket.dropped, sum(bucket.errors.values())
    rates: Mapping[str, float] = {
        "throughput": bucket.ended / bucket_s,
        "goodput": bucket.good / bucket_s,
    }
    if metric in rates:
        return rates[metric]
    if metric == "dropped_ratio":
        return bucket.dropped / asked if asked else None
    if not bucket.ended:
        return None
    shares: Mapping[str, float] = {
        "error_ratio": failed / bucket.ended,
        "success_ratio": 1 - failed / bucket.ended,
    }
    return shares.get(metric)


def _latencies(prefix: str, summary: LatencySummary) -> Iterator[Metric]:
    if not summary.count:
        return
    for label, q in _QUANTILES.items():
        if summary.count >= samples_needed(q):
            value_ns: int = getattr(summary, f"{label}_ns")
            yield _exact(f"{prefix}.{label}", value_ns / NS, "s", summary.count)
    yield _exact(f"{prefix}.mean", summary.sum_ns / (summary.count * NS), "s", summary.count)
    yield _exact(f"{prefix}.max", summary.max_ns / NS, "s", summary.count)


def _metric(name: str, value: float, unit: str, run: LoadRun) -> Metric:
    return _exact(name, value, unit, max(run.latency.count, 1))


def _exact(name: str, value: float, unit: str, count: int) -> Metric:
    return Metric(name=name, value=value, unit=unit, evidence=Evidence.EXACT, sample_count=count)
