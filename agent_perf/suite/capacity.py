"""
Finds the highest rate of requests that a scenario carries.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Final

from agent_perf.errors import ConfigError, UsageError
from agent_perf.load import Course, Limits, Poisson, Stress
from agent_perf.records import Capacity, LoadRun, Probe, Promise, Tier
from agent_perf.sim import CpuMode
from agent_perf.suite.capacity_search import CapacitySearch
from agent_perf.suite.declaration import Scenario
from agent_perf.suite.loading import run_load

_SCOUT_S: Final = 10.0
_SCOUT_REQUESTS: Final = 1_000


def find_capacity(  # noqa: PLR0913 (each is optional, and named where it is given)
    scenario: Scenario,
    *,
    promise: Promise,
    low_hz: float = 1.0,
    high_hz: float = 1000.0,
    tolerance_ratio: float = 0.05,
    for_s: float = 60.0,
    tier: Tier = Tier.CLIENT,
    cpu: CpuMode | None = None,
    course: Course | None = None,
    told: Callable[[Probe], None] | None = None,
) -> Capacity:
    """
    Return the highest rate of Poisson arrivals at which *promise* is kept, by bisection.

    Each probe is one simulation with the same draws, scaled, so the answer is the same on
    every machine. First scouts, short probes, double the rate from *low_hz* until one fails,
    so that a system is never asked for far more than it carries, and a low rate to begin
    with costs little; then they bisect. What they found is confirmed, and narrowed, at full
    length. It is taken for granted that a rate above one that fails fails too;
    Capacity.is_monotone tells whether what was tried agrees. Near the limit a longer *for_s*
    gives a lower rate, for queues have more time to grow.

    Args:
        scenario: What to ask.
        promise: What must hold.
        low_hz: Lowest rate tried.
        high_hz: Highest rate tried, > *low_hz*.
        tolerance_ratio: Relative distance of the two rates it ends with, 0.001 to 1.
        for_s: How long requests arrive.
        tier: How much of the real code runs.
        cpu: As in run_load.
        course: May end the search early: what was found until then is kept.
        told: Called with each probe, as soon as it is known.

    Raises:
        ConfigError: If an argument is out of range.
        BrokenError: As in run_load.
    """
    if not 0 < low_hz < high_hz < math.inf:
        raise ConfigError(
            f"low_hz={low_hz}, high_hz={high_hz}; want both > 0 and finite, the first below the "
            "second"
        )
    if not 0.001 <= tolerance_ratio <= 1:
        raise ConfigError(f"tolerance_ratio={tolerance_ratio}; want 0.001 to 1")

    def attempt(rate_hz: float, length_s: float) -> tuple[Probe, LoadRun] | None:
        run = _run_at(scenario, rate_hz, for_s=length_s, tier=tier, cpu=cpu, course=course)
        if course is not None and course.stop:
            return None
        probe = _probe_of(run, rate_hz, promise=promise, for_s=length_s)
        if told is not None:
            told(probe)
        return probe, run

    def scout_s(rate_hz: float) -> float:
        # Long enough for a queue to grow past the promise, and for a P95 to stand on something.
        enough_s = max(_SCOUT_REQUESTS / rate_hz, 20 * promise.within_s)
        return min(_SCOUT_S, enough_s, for_s)

    search = CapacitySearch(attempt, low_hz=low_hz, high_hz=high_hz, for_s=for_s, scout_s=scout_s)
    is_found = search.run(tolerance_ratio=tolerance_ratio)
    return replace(
        capacity_of(scenario.name, promise, search.probes(scouts=False)),
        scouts=search.probes(scouts=True),
        stopped="" if is_found else "the search was ended before it had found the highest rate",
        carried=search.carried,
        broken=search.broken,
    )


def capacity_of(scenario: str, promise: Promise, probes: Iterable[Probe]) -> Capacity:
    """Return what *probes*, in any order, say about *scenario*."""
    ordered = tuple(sorted(probes, key=lambda probe: probe.rate_hz))
    failed = [probe.rate_hz for probe in ordered if not probe.kept]
    held = [probe.rate_hz for probe in ordered if probe.kept]
    return Capacity(
        scenario=scenario,
        promise=promise,
        rate_hz=max(held, default=0.0),
        broken_at_hz=min(failed, default=None),
        probes=ordered,
    )


def probe_at(
    scenario: Scenario,
    rate_hz: float,
    *,
    promise: Promise,
    for_s: float = 60.0,
    tier: Tier = Tier.CLIENT,
    cpu: CpuMode | None = None,
) -> Probe:
    """
    Return what *scenario* comes to at *rate_hz*: one point of latency against rate.

    Requests beyond ten seconds' worth under way are dropped, and count as not good: a
    system that far behind has failed, and its backlog would only take time.

    Raises:
        ConfigError: If a rate or length is out of range.
        UsageError: If the promise is about a path on which no request was answered.
        BrokenError: As in run_load.
    """
    run = _run_at(scenario, rate_hz, for_s=for_s, tier=tier, cpu=cpu, course=None)
    return _probe_of(run, rate_hz, promise=promise, for_s=for_s)


def _run_at(
    scenario: Scenario,
    rate_hz: float,
    *,
    for_s: float,
    tier: Tier,
    cpu: CpuMode | None,
    course: Course | None,
) -> LoadRun:
    limits = Limits(in_flight_max=max(1_000, round(10 * rate_hz)))
    shape = Poisson(rate_hz=rate_hz, for_s=for_s)
    return run_load(scenario, shape, tier=tier, limits=limits, cpu=cpu, course=course)


def _probe_of(run: LoadRun, rate_hz: float, *, promise: Promise, for_s: float) -> Probe:
    latency = run.paths.get(promise.path) if promise.path else run.latency
    if latency is None:
        name = "+".join(run.scenarios)
        raise UsageError(
            f"scenario {name}: no request was answered {promise.path!r} at {rate_hz:g}/s; "
            f"there were {', '.join(run.paths) or 'no words for how'}"
        )
    value_ns = getattr(latency, f"{promise.quantile}_ns")
    return Probe(
        rate_hz=rate_hz,
        offered=run.offered,
        good_ratio=run.good_ratio,
        goodput_hz=run.goodput_hz,
        p50_ns=latency.p50_ns,
        p95_ns=latency.p95_ns,
        p99_ns=latency.p99_ns,
        p999_ns=latency.p999_ns,
        kept=run.good_ratio >= promise.good_ratio_min and value_ns <= promise.within_s * 1e9,
        for_s=for_s,
        ended=run.latency.count,
        mean_ns=run.latency.sum_ns // max(run.latency.count, 1),
        operations=run.operations,
        counts=run.counts,
        levels=run.levels,
    )


def breaking_point(
    scenario: Scenario,
    shape: Stress,
    *,
    within_s: float,
    good_ratio_min: float = 0.9,
    tier: Tier = Tier.CLIENT,
) -> tuple[float | None, LoadRun]:
    """
    Climb the steps of *shape*; return the rate of the first that broke, and the whole run.

    A step is broken if of the requests that started in it fewer than *good_ratio_min* as
    many were answered well and within *within_s* in the same time. None: no step was.

    Raises:
        ConfigError: If an argument is out of range.
        BrokenError: As in run_load.
    """
    if not 0 < good_ratio_min <= 1:
        raise ConfigError(f"good_ratio_min={good_ratio_min}; want > 0, at most 1")
    limits = Limits(in_flight_max=max(1_000, round(10 * shape.to_hz)))
    run = run_load(
        scenario, shape, tier=tier, limits=limits, good_within_s=within_s, bucket_s=shape.step_s
    )
    bucket_ns, step_ns = run.timeline.bucket_ns, round(shape.step_s * 1e9)
    assert bucket_ns % step_ns == 0
    # Beyond some 200 steps buckets were merged: then several steps are judged together.
    rates = shape.rates()[:: bucket_ns // step_ns]
    for rate_hz, bucket in zip(rates, run.timeline.buckets, strict=False):
        asked = bucket.started + bucket.dropped
        if asked and bucket.good < asked * good_ratio_min:
            return rate_hz, run
    return None, run
