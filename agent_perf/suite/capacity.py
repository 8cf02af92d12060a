"""
Finds the highest rate of requests that a scenario carries.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from agent_perf.errors import ConfigError, UsageError
from agent_perf.load import Limits, Poisson, Stress
from agent_perf.records import Capacity, LoadRun, Probe, Promise, Tier
from agent_perf.sim import CpuMode
from agent_perf.suite.declaration import Scenario
from agent_perf.suite.loading import run_load

_PROBES_MAX: Final = 64
_MICRO: Final = 1_000_000


def find_capacity(
    scenario: Scenario,
    *,
    promise: Promise,
    low_hz: float = 1.0,
    high_hz: float = 1000.0,
    tolerance_ratio: float = 0.05,
    for_s: float = 60.0,
    tier: Tier = Tier.CLIENT,
    cpu: CpuMode | None = None,
) -> Capacity:
    """
    Return the highest rate of Poisson arrivals at which *promise* is kept, by bisection.

    Each probe is one simulation with the same draws, scaled, so the answer is the same on
    every machine. Rates double from *low_hz* until one fails, so that a system is never
    asked for far more than it carries. It is taken for granted that a rate above one that
    fails fails too; Capacity.is_monotone tells whether what was tried agrees. Near the
    limit a longer *for_s* gives a lower rate, for queues have more time to grow.

    Args:
        scenario: What to ask.
        promise: What must hold.
        low_hz: Lowest rate tried.
        high_hz: Highest rate tried, > *low_hz*.
        tolerance_ratio: Relative distance of the two rates it ends with, 0.001 to 1.
        for_s: How long requests arrive.
        tier: How much of the real code runs.
        cpu: As in run_load.

    Raises:
        ConfigError: If an argument is out of range.
        BrokenError: As in run_load.
    """
    if not low_hz < high_hz:
        raise ConfigError(f"low_hz={low_hz}, high_hz={high_hz}; want the first below the second")
    if not 0.001 <= tolerance_ratio <= 1:
        raise ConfigError(f"tolerance_ratio={tolerance_ratio}; want 0.001 to 1")
    tried: dict[int, Probe] = {}

    def kept(rate_uhz: int) -> bool:
        probe = tried.get(rate_uhz)
        if probe is None:
            rate_hz = rate_uhz / _MICRO
            probe = probe_at(scenario, rate_hz, promise=promise, for_s=for_s, tier=tier, cpu=cpu)
            tried[rate_uhz] = probe
        return probe.kept

    low, high = round(low_hz * _MICRO), round(high_hz * _MICRO)
    if kept(low):
        # First upwards in doubles: a system at ten times its limit takes long to simulate.
        above = min(2 * low, high)
        while kept(above) and above < high:
            low, above = above, min(2 * above, high)
        high = above
        while not tried[high].kept and (high - low) > low * tolerance_ratio:
            if len(tried) >= _PROBES_MAX:
                break
            middle = (low + high) // 2
            low, high = (middle, high) if kept(middle) else (low, middle)
    return capacity_of(scenario.name, promise, tried.values())


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
    limits = Limits(in_flight_max=max(1_000, round(10 * rate_hz)))
    shape = Poisson(rate_hz=rate_hz, for_s=for_s)
    run = run_load(scenario, shape, tier=tier, limits=limits, cpu=cpu)
    latency = run.paths.get(promise.path) if promise.path else run.latency
    if latency is None:
        raise UsageError(
            f"scenario {scenario.name}: no request was answered {promise.path!r} at {rate_hz:g}/s; "
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
