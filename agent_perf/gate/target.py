"""
Targets: how bad a metric may be at all, whatever it was before.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from agent_perf.errors import SampleError
from agent_perf.gate.pairing import undecided
from agent_perf.gate.policy import Policy
from agent_perf.records import Breach, Comparison, DuetRun, Metric, Run
from agent_perf.stats import Direction, direction, judge_duets, request_metric, summarize
from agent_perf.units import format_value

_OF_LOADS: Final = frozenset({"error_ratio", "dropped_ratio", "goodput", "hit_ratio"})
"""What `load` alone measures, and judges."""


def missed_targets(run: Run, policy: Policy) -> tuple[tuple[Breach, ...], tuple[Comparison, ...]]:
    """
    Return the targets that *run* misses, and an undecided comparison for each unknown one.

    A target for a metric that the run does not have, as a P99 of 50 requests, is not met
    by that: it is undecided.
    """
    targets = {
        name: limit
        for name, limit in policy.targets_for(run.benchmark, run.targets).items()
        if name not in _OF_LOADS
    }
    if not targets:
        return (), ()
    try:
        metrics = {metric.name: metric for metric in summarize(run)}
        for name in targets:
            if (most := request_metric(run, name)) is not None:
                metrics[name] = most
    except SampleError:
        # The comparison of the same run says so, and is undecided.
        return (), ()
    unknown = tuple(
        undecided(run.benchmark, name, _unknown(name, limit, run, metrics))
        for name, limit in targets.items()
        if name not in metrics
    )
    breaches = tuple(
        Breach(
            benchmark=run.benchmark,
            metric=name,
            unit=metrics[name].unit,
            observed=metrics[name].value,
            limit=limit,
        )
        for name, limit in targets.items()
        if name in metrics and misses(name, metrics[name].value, limit)
    )
    return breaches, unknown


def held_runs(runs: Mapping[str, Run], policy: Policy) -> dict[str, Run]:
    """Return *runs*, by benchmark, each with the targets that *policy* holds it to."""
    return {
        name: replace(run, targets=policy.targets_for(name, run.targets))
        for name, run in runs.items()
    }


def missed_checks(run: Run) -> tuple[tuple[Breach, ...], tuple[Comparison, ...]]:
    """Return the promises that *run* breaks, and an undecided comparison for each untold one."""
    breaches = tuple(
        Breach(
            benchmark=run.benchmark,
            metric=check.name,
            unit=check.unit,
            observed=check.observed,
            limit=check.limit,
        )
        for check in run.checks
        if check.passed is False and check.observed is not None
    )
    untold = tuple(
        undecided(run.benchmark, check.name, check.text)
        for check in run.checks
        if check.passed is None
    )
    return breaches, untold


def missed_duet_targets(duet: DuetRun, policy: Policy) -> tuple[Breach, ...]:
    """Return the target that the head of *duet* misses in the median of its rounds, if any."""
    limit = policy.targets_for(duet.benchmark, {}).get(duet.metric)
    if limit is None:
        return ()
    observed = judge_duets([duet], [None]).comparisons[0].head
    # The comparison of rounds without a median says so, and is undecided.
    if observed is None or not misses(duet.metric, observed, limit):
        return ()
    return (
        Breach(
            benchmark=duet.benchmark,
            metric=duet.metric,
            unit=duet.unit,
            observed=observed,
            limit=limit,
        ),
    )


def misses(metric: str, observed: float, limit: float) -> bool:
    """Return whether *observed* is worse than *limit*, the worst value allowed for *metric*."""
    if direction(metric) is Direction.LESS_IS_BETTER:
        return observed > limit
    return observed < limit


def _unknown(name: str, limit: float, run: Run, metrics: Mapping[str, Metric]) -> str:
    if name.startswith("request."):
        return "the run was stored before the most of one request was counted; measure it again"
    unit = "s" if name.startswith("latency.") else "count"
    family = name.partition(".")[0]
    known = [known for known in metrics if known.partition(".")[0] == family]
    return (
        f"target of {format_value(limit, unit)}, and {len(run.latency_ns)} requests give no "
        f"such metric; they give {', '.join(known or metrics)}"
    )
