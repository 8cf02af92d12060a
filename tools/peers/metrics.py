"""Counting, measuring and telling: beside prometheus_client, hdrhistogram and OpenTelemetry."""

from __future__ import annotations

import math
import random
from collections.abc import AsyncIterator, Callable
from importlib.metadata import version

import prometheus_client
from hdrh.histogram import HdrHistogram
from opentelemetry import trace
from prometheus_client.openmetrics.exposition import generate_latest as openmetrics_latest

from agent_perf.components import (
    LATENCY_BOUNDS_S,
    Histogram,
    Metrics,
    Tracing,
    openmetrics_text,
    prometheus_text,
)
from tools.peers.contest import OURS, Contest

TITLE = "Metrics"
INTRO = f"""
prometheus_client {version("prometheus-client")} with a registry of its own, its children kept
as its docs advise, with the same bounds; hdrhistogram {version("hdrhistogram")} with two
significant digits (1 %, ours 0.4 %) from 1 µs to 60 s, in integer microseconds as it wants them;
opentelemetry-api {version("opentelemetry-api")} without a provider. All counts and the texts read
back are compared first. Observations are latencies, log-normal around 7 ms.
"""

CALLS = 20_000
SERIES = 1_000
_DRAW = random.Random(1)
_LATENCY_S = [_DRAW.lognormvariate(-5, 0.6) for _ in range(CALLS)]
_LATENCY_US = [int(value * 1e6) for value in _LATENCY_S]


async def contests() -> AsyncIterator[Contest]:
    """Give each contest, after its contestants were found to agree."""
    yield _counters()
    yield _labels()
    yield _histograms()
    yield _quantiles()
    yield _pages()
    yield _spans()


def _each(
    call: Callable[[float], object], values: list[float] | list[int]
) -> Callable[[int], None]:
    def run(calls: int) -> None:
        for value in values[:calls]:
            call(value)

    return run


def _repeated(call: Callable[[], object]) -> Callable[[int], None]:
    def run(calls: int) -> None:
        for _ in range(calls):
            call()

    return run


def _counters() -> Contest:
    ours = Metrics().counter("requests", "Requests.")
    theirs = prometheus_client.Counter("requests", "Requests.", registry=None)
    ours.inc()
    theirs.inc()
    assert ours.value == next(iter(theirs.collect())).samples[0].value
    return Contest(
        title="count one",
        contestants={OURS: _repeated(ours.inc), "prometheus_client": _repeated(theirs.inc)},
        calls=CALLS,
    )


def _labels() -> Contest:
    ours = Metrics().counter("requests", "Requests.", labels=("agent", "path"))
    theirs = prometheus_client.Counter("requests", "Requests.", ["agent", "path"], registry=None)
    return Contest(
        title="count one by two labels",
        contestants={
            OURS: _repeated(lambda: ours.of("support", "hit").inc()),
            "prometheus_client": _repeated(lambda: theirs.labels("support", "hit").inc()),
        },
        calls=CALLS,
    )


def _histograms() -> Contest:
    ours = Histogram(bounds=LATENCY_BOUNDS_S)
    theirs = prometheus_client.Histogram("wait", "Waits.", registry=None, buckets=LATENCY_BOUNDS_S)
    plain, hdr = Histogram(), HdrHistogram(1, 60_000_000, 2)
    for value in _LATENCY_S:
        ours.observe(value)
        theirs.observe(value)
    buckets = [
        sample.value
        for sample in next(iter(theirs.collect())).samples
        if sample.name.endswith("bucket")
    ]
    assert buckets == [count for _, count in ours.snapshot().cumulative()]
    return Contest(
        title="observe a latency",
        contestants={
            OURS: _each(ours.observe, _LATENCY_S),
            "agent-perf without bounds": _each(plain.observe, _LATENCY_S),
            "prometheus_client": _each(theirs.observe, _LATENCY_S),
            "hdrhistogram": _each(hdr.record_value, _LATENCY_US),
        },
        calls=CALLS,
        unequal={
            "agent-perf without bounds": "quantiles, no buckets",
            "prometheus_client": "buckets only, no quantiles",
        },
        want={"prometheus_client": 1.0},
    )


def _quantiles() -> Contest:
    ours, hdr = Histogram(), HdrHistogram(1, 60_000_000, 2)
    for value, value_us in zip(_LATENCY_S, _LATENCY_US, strict=True):
        ours.observe(value)
        hdr.record_value(value_us)
    true = sorted(_LATENCY_S)[math.ceil(0.95 * CALLS) - 1]
    found = ours.quantile(0.95)
    assert found is not None
    assert abs(found / true - 1) < 0.004
    assert abs(hdr.get_value_at_percentile(95) / 1e6 / true - 1) < 0.02

    def four() -> None:
        ours.observe(0.01)
        ours.snapshot().quantiles(0.5, 0.9, 0.95, 0.99)

    def theirs() -> None:
        hdr.record_value(10_000)
        hdr.get_percentile_to_value_dict([50, 90, 95, 99])

    return Contest(
        title="observe one, and read P50, P90, P95 and P99",
        contestants={
            OURS: _repeated(four),
            "hdrhistogram": _repeated(theirs),
        },
        calls=50,
    )


def _pages() -> Contest:
    metrics, registry = Metrics(namespace=""), prometheus_client.CollectorRegistry()
    ours = metrics.counter("requests", "Requests.", labels=("agent", "path"))
    theirs = prometheus_client.Counter(
        "requests", "Requests.", ["agent", "path"], registry=registry
    )
    for index in range(SERIES - 1):
        ours.of(f"agent-{index}", "hit").inc(index)
        theirs.labels(f"agent-{index}", "hit").inc(index)
    lines = set(prometheus_client.generate_latest(registry).decode().split("\n"))
    told = set(prometheus_text(metrics.collect()).split("\n"))
    assert {line.removesuffix(".0") for line in lines if line.startswith("requests_total")} == {
        line for line in told if line.startswith("requests_total")
    }
    return Contest(
        title="write a page of 1,000 series",
        contestants={
            OURS: _repeated(lambda: prometheus_text(metrics.collect()).encode()),
            "agent-perf OpenMetrics": _repeated(
                lambda: openmetrics_text(metrics.collect()).encode()
            ),
            "prometheus_client": _repeated(lambda: prometheus_client.generate_latest(registry)),
            "prometheus_client OpenMetrics": _repeated(lambda: openmetrics_latest(registry)),
        },
        calls=5,
        unequal={"agent-perf OpenMetrics": "the other format"},
    )


def _spans() -> Contest:
    tracing, tracer = Tracing(), trace.get_tracer("peers")
    assert not tracing.is_on

    def ours() -> None:
        with tracing.tool("search"):
            pass

    def theirs() -> None:
        with tracer.start_as_current_span("execute_tool search"):
            pass

    return Contest(
        title="a span that nobody records",
        contestants={OURS: _repeated(ours), "opentelemetry": _repeated(theirs)},
        calls=CALLS // 4,
    )
