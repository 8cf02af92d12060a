"""
Which numbers of base and head belong together, and whether they may be compared.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from agent_perf.errors import SampleError
from agent_perf.gate.policy import Policy
from agent_perf.records import (
    Comparison,
    Evidence,
    Metric,
    Run,
    Tier,
    Verdict,
)
from agent_perf.stats import compare_exact, summarize, work_metric

ALL_METRICS = "*"
"""The metric of a comparison that says the same of every metric of a benchmark."""


def by_benchmark(runs: Iterable[Run], side: str) -> Mapping[str, Run]:
    """
    Return benchmark to its run.

    Raises:
        SampleError: If a benchmark has two runs: which one counts is not ours to choose.
    """
    found: dict[str, Run] = {}
    for run in runs:
        if run.benchmark in found:
            raise SampleError(
                f"two runs of {run.benchmark!r} in the {side}, with environments "
                f"{found[run.benchmark].environment.key} and {run.environment.key}; judge one"
            )
        found[run.benchmark] = run
    return found


def compare_runs(base: Run, head: Run, policy: Policy) -> tuple[Comparison, ...]:
    """
    Return all metrics of *head* against *base*; one that is undecided if they do not compare.

    A work count that one of them never touched was zero there. A path that the head no
    longer takes has no comparison: what it did instead shows in the others.
    """
    obstacle = incomparable(base, head)
    if obstacle:
        return (undecided(head.benchmark, ALL_METRICS, obstacle),)
    try:
        before, after = _metrics(base, head.counts), _metrics(head, base.counts)
    except SampleError as error:
        return (undecided(head.benchmark, ALL_METRICS, str(error)),)
    return tuple(
        _exact(head.benchmark, before.get(name), metric, policy) for name, metric in after.items()
    )


def lone_run(run: Run, policy: Policy, *, side: str) -> tuple[Comparison, ...]:
    """
    Return the metrics of a run that has no counterpart: new, or missing from the head.

    Args:
        run: The run.
        policy: Gives the limits that would hold.
        side: ``base`` or ``head``: where *run* was measured.
    """
    try:
        metrics = summarize(run)
    except SampleError as error:
        return (undecided(run.benchmark, ALL_METRICS, str(error)),)
    return tuple(
        _exact(run.benchmark, metric, None, policy)
        if side == "base"
        else _exact(run.benchmark, None, metric, policy)
        for metric in metrics
    )


def incomparable(base: Run, head: Run) -> str:
    """Return why *base* and *head* cannot be compared; empty if they can."""
    return ", ".join(_obstacles(base, head))


def lost_paths(base: Run, head: Run) -> tuple[str, ...]:
    """Return the path labels that requests of *base* had, and none of *head*."""
    return tuple(sorted({*base.path} - {*head.path} - {""}))


def undecided(benchmark: str, metric: str, reason: str) -> Comparison:
    """Return a comparison without an answer, for *reason*."""
    return Comparison(
        benchmark=benchmark,
        metric=metric,
        unit="",
        evidence=Evidence.EXACT,
        base=None,
        head=None,
        change_ratio=None,
        interval=None,
        limit_ratio=None,
        verdict=Verdict.UNDECIDED,
        reason=reason,
        sample_count=0,
    )


def _obstacles(base: Run, head: Run) -> Iterator[str]:
    if Tier.LIVE in (base.tier, head.tier):
        yield "not comparable: of one run in real time a side, nobody knows what is noise"
        yield "so compare them on tier 'client'"
        return
    before, after = base.environment, head.environment
    pairs = (
        ("Python", before.python, after.python),
        ("harness", before.harness[:8], after.harness[:8]),
        ("scenario file", before.scenario[:8], after.scenario[:8]),
        ("CPU charging", before.cpu or "none", after.cpu or "none"),
        ("latency tables", before.tables[:8] or "ours", after.tables[:8] or "ours"),
        ("seed", str(base.seed), str(head.seed)),
        ("requests", str(len(base.latency_ns)), str(len(head.latency_ns))),
    )
    different = [f"{name} {old} and {new}" for name, old, new in pairs if old != new]
    if different:
        yield f"not comparable: base and head have {' and '.join(different)}"
        yield "so measure the base again with what the head has"


def _metrics(run: Run, also_counts: Iterable[str]) -> dict[str, Metric]:
    found = {metric.name: metric for metric in summarize(run)}
    for count in sorted(set(also_counts) - set(run.counts)):
        metric = work_metric(run, count)
        found[metric.name] = metric
    return found


def _exact(benchmark: str, base: Metric | None, head: Metric | None, policy: Policy) -> Comparison:
    known = head or base
    limit = policy.limit(benchmark, known.name).ratio if known else None
    return compare_exact(benchmark, base, head, limit)
