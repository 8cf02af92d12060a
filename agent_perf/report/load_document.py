"""
A load's report for machines: plain values of JSON in base units, a reason at each verdict.

``schema/load-1.json`` describes it. Numbers that are not known are null.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from agent_perf.records import (
    AlertWindow,
    Bottleneck,
    Bucket,
    Capacity,
    CheckResult,
    LatencySummary,
    LevelTotal,
    LoadDecision,
    LoadRun,
    OperationTotal,
    Probe,
    TargetResult,
)
from agent_perf.report.live_load import live_document
from agent_perf.stats import WindowEffect, hit_ratio, steady_state
from agent_perf.units import NS

LOAD_SCHEMA_VERSION: Final = 1

_REASONS: Final = {True: "kept", False: "missed", None: "not-told"}


def load_document(
    run: LoadRun, decision: LoadDecision, bottlenecks: Sequence[Bottleneck], title: str
) -> dict[str, object]:
    """Return the document of a load."""
    return {**_header("load", title, decision, bottlenecks), **_run(run)}


def search_document(
    capacity: Capacity, decision: LoadDecision, bottlenecks: Sequence[Bottleneck], title: str
) -> dict[str, object]:
    """Return the document of a search for the highest rate."""
    promise = capacity.promise
    return {
        **_header("capacity", title, decision, bottlenecks),
        "scenario": capacity.scenario,
        "promise": {
            "path": promise.path,
            "quantile": promise.quantile,
            "within_s": promise.within_s,
            "good_ratio_min": promise.good_ratio_min,
        },
        "rate_hz": capacity.rate_hz,
        "broken_at_hz": capacity.broken_at_hz,
        "knee_hz": capacity.knee_hz,
        "is_monotone": capacity.is_monotone,
        "stopped": capacity.stopped,
        "probes": [_probe(probe) for probe in capacity.probes],
        "scouts": [_probe(probe) for probe in capacity.scouts],
        "carried": None if capacity.carried is None else _run(capacity.carried),
    }


def _header(
    kind: str, title: str, decision: LoadDecision, bottlenecks: Sequence[Bottleneck]
) -> dict[str, object]:
    return {
        "schema": "load",
        "schema_version": LOAD_SCHEMA_VERSION,
        "kind": kind,
        "title": title,
        "outcome": decision.outcome.value,
        "targets": [_target(one) for one in decision.targets],
        "checks": [_check(one) for one in decision.checks],
        "lines": list(decision.lines),
        "notes": list(decision.notes),
        "bottlenecks": [
            {"kind": one.kind, "name": one.name, "text": one.text, "ceiling_hz": one.ceiling_hz}
            for one in bottlenecks
        ],
    }


def _run(run: LoadRun) -> dict[str, object]:
    ended = run.latency.count
    cost_usd = run.counts.get("llm_cost_nanousd", 0) / NS
    effects = steady_state(run.timeline, run.fault_windows).windows
    return {
        "scenarios": dict(run.scenarios),
        "shape": run.shape,
        "users": run.users,
        "seed": run.seed,
        "tier": run.tier.value,
        "commit": run.commit,
        "duration_s": run.duration_ns / NS,
        "stopped": run.stopped,
        "offered": run.offered,
        "dropped": run.dropped,
        "good": run.good,
        "good_within_s": None if run.good_within_ns is None else run.good_within_ns / NS,
        "goodput_hz": run.goodput_hz,
        "throughput_hz": run.throughput_hz,
        "hit_ratio": hit_ratio(run),
        "cost_usd_per_1000_requests": cost_usd / ended * 1000 if ended else None,
        "errors": dict(run.errors),
        "first_failure": run.first_failure,
        "latency": _latency(run.latency),
        "paths": {path: _latency(summary) for path, summary in run.paths.items()},
        "counts": dict(run.counts),
        "operations": _operations(run.operations),
        "levels": _levels(run.levels),
        "faults": [_effect(one) for one in effects],
        "timeline": {
            "bucket_s": run.timeline.bucket_ns / NS,
            "buckets": [_bucket(bucket) for bucket in run.timeline.buckets],
        },
        "trace_digest": run.trace_digest,
        **({} if run.live is None else {"live": live_document(run.live)}),
    }


def _target(one: TargetResult) -> dict[str, object]:
    return {
        "metric": one.metric,
        "unit": one.unit,
        "limit": one.limit,
        "observed": one.observed,
        "passed": one.passed,
        "reason_code": _REASONS[one.passed],
        "text": one.text,
        "windows": [_window(window) for window in one.windows],
    }


def _window(one: AlertWindow) -> dict[str, object]:
    return {"start_s": one.start_ns / NS, "end_s": one.end_ns / NS, "worst": one.worst}


def _check(one: CheckResult) -> dict[str, object]:
    return {
        "name": one.name,
        "unit": one.unit,
        "limit": one.limit,
        "observed": one.observed,
        "passed": one.passed,
        "reason_code": _REASONS[one.passed],
        "text": one.text,
    }


def _probe(one: Probe) -> dict[str, object]:
    return {
        "rate_hz": one.rate_hz,
        "for_s": one.for_s,
        "offered": one.offered,
        "good_ratio": one.good_ratio,
        "goodput_hz": one.goodput_hz,
        "p50_s": one.p50_ns / NS,
        "p95_s": one.p95_ns / NS,
        "p99_s": one.p99_ns / NS,
        "p999_s": one.p999_ns / NS,
        "mean_s": one.mean_ns / NS,
        "kept": one.kept,
        "operations": _operations(one.operations),
        "levels": _levels(one.levels),
    }


def _latency(one: LatencySummary) -> dict[str, object]:
    return {
        "count": one.count,
        "p50_s": one.p50_ns / NS,
        "p95_s": one.p95_ns / NS,
        "p99_s": one.p99_ns / NS,
        "p999_s": one.p999_ns / NS,
        "max_s": one.max_ns / NS,
        "mean_s": one.mean_s,
        "error_ratio": one.error_ratio,
    }


def _operations(operations: Mapping[str, OperationTotal]) -> dict[str, object]:
    return {
        name: {
            "count": total.count,
            "busy_s": total.busy_ns / NS,
            "critical_s": total.critical_ns / NS,
        }
        for name, total in operations.items()
    }


def _levels(levels: Mapping[str, LevelTotal]) -> dict[str, object]:
    return {name: {"mean": level.mean, "peak": level.peak} for name, level in levels.items()}


def _bucket(bucket: Bucket) -> dict[str, object]:
    return {
        "started": bucket.started,
        "ended": bucket.ended,
        "good": bucket.good,
        "dropped": bucket.dropped,
        "errors": dict(bucket.errors),
        "in_flight_max": bucket.in_flight_max,
        "p50_s": bucket.latency.p50_ns / NS,
        "p95_s": bucket.latency.p95_ns / NS,
        "p99_s": bucket.latency.p99_ns / NS,
        "levels": _levels(bucket.levels),
    }


def _effect(one: WindowEffect) -> dict[str, object]:
    return {
        "name": one.window.name,
        "service": one.window.service,
        "kind": one.window.kind,
        "start_s": one.window.start_ns / NS,
        "end_s": one.window.end_ns / NS,
        "before_ratio": one.before_ratio,
        "during_ratio": one.during_ratio,
        "after_ratio": one.after_ratio,
        "recovery_s": None if one.recovery_ns is None else one.recovery_ns / NS,
        "errors": dict(one.errors),
    }
