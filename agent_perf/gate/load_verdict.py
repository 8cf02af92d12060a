"""
What becomes of a load: its targets, over all and along its time, and its checks.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from typing import Final

from agent_perf.gate.lines import breach_line, harmless, one_line
from agent_perf.gate.target import misses
from agent_perf.records import (
    AlertWindow,
    Breach,
    Capacity,
    CheckResult,
    LoadDecision,
    LoadRun,
    Metric,
    Outcome,
    TargetResult,
)
from agent_perf.stats import (
    bucket_value,
    missing_because,
    quantile_samples,
    summarize_load,
    unit_of,
)
from agent_perf.units import NS, format_value

LOAD_FAMILIES: Final = (
    "latency", "success_ratio", "error_ratio", "dropped_ratio", "throughput", "goodput",
    "hit_ratio", "resources", "memory",
)  # fmt: skip
"""Families of metrics that say something about a load of any length; totals of work do not."""


def judge_load(run: LoadRun) -> LoadDecision:
    """
    Return what becomes of *run*.

    BROKEN, if not one request was answered, or what sent them did not keep up; NOTHING, if
    none arrived; FAIL, if a target or a check is missed; UNDECIDED, if one of them is not told,
    or the load was ended early and what was missed until then is nothing; else PASS.
    """
    name = load_name(run)
    judged, notes = [], []
    metrics = {metric.name: metric for metric in summarize_load(run)}
    for metric, limit in run.targets.items():
        if metric.partition(".")[0] in LOAD_FAMILIES:
            judged.append(_judged(metric, limit, run, metrics))
        else:
            notes.append(f"target {metric} says nothing about a load, and was left out")
    rank = {False: 0, None: 1, True: 2}
    targets = tuple(sorted(judged, key=lambda one: rank[one.passed]))
    if run.stopped:
        notes.append(run.stopped)
    outcome = _outcome(run, targets)
    return LoadDecision(
        outcome=outcome,
        targets=targets,
        checks=tuple(sorted(run.checks, key=lambda one: rank[one.passed])),
        lines=tuple(_lines(name, run, targets)),
        notes=tuple(notes),
    )


def judge_capacity(capacity: Capacity) -> LoadDecision:
    """
    Return what becomes of a search: whether any rate keeps the promise.

    BROKEN, if nothing was answered at any rate; FAIL, if even the lowest rate does not keep
    the promise; UNDECIDED, if the search was ended before it had an answer.
    """
    promise = capacity.promise
    metric = ".".join(part for part in ("latency", promise.path, promise.quantile) if part)
    notes = (capacity.stopped,) if capacity.stopped else ()
    if not capacity.probes:
        outcome = Outcome.UNDECIDED if capacity.scouts else Outcome.NOTHING
        return LoadDecision(outcome=outcome, notes=notes)
    lowest = capacity.probes[0]
    value_ns: int = getattr(lowest, f"{promise.quantile}_ns")
    observed, is_kept = value_ns / NS, capacity.rate_hz > 0
    target = TargetResult(
        metric=metric,
        unit="s",
        limit=promise.within_s,
        observed=observed,
        passed=is_kept,
        text=f"at {format_value(lowest.rate_hz, 'per_s')}, the lowest rate tried",
    )
    if all(probe.good_ratio == 0 for probe in (*capacity.scouts, *capacity.probes)):
        line = f"BROKEN {harmless(capacity.scenario)} not one request was answered at any rate"
        return LoadDecision(outcome=Outcome.BROKEN, targets=(target,), lines=(line,), notes=notes)
    if capacity.stopped and not is_kept:
        # Rates below were to be tried yet, so that nothing is missed for certain.
        return LoadDecision(outcome=Outcome.UNDECIDED, notes=notes)
    if is_kept:
        outcome = Outcome.UNDECIDED if capacity.stopped else Outcome.PASS
        return LoadDecision(outcome=outcome, targets=(target,), notes=notes)
    line = (
        breach_line(_breach(capacity.scenario, target))
        if observed > promise.within_s
        else f"FAIL {harmless(capacity.scenario)} success_ratio "
        f"observed={format_value(lowest.good_ratio, 'ratio').replace(' ', '')} "
        f"limit={format_value(promise.good_ratio_min, 'ratio').replace(' ', '')} interval=none"
    )
    return LoadDecision(outcome=Outcome.FAIL, targets=(target,), lines=(line,), notes=notes)


def load_name(run: LoadRun) -> str:
    """Return what a load is called in one word: its scenarios, joined."""
    return "+".join(run.scenarios)


def load_targets(declared: Mapping[str, float], given: Mapping[str, float]) -> dict[str, float]:
    """Return the targets of a load: those *given* for it go before those *declared*."""
    own = {
        name: value for name, value in declared.items() if name.partition(".")[0] in LOAD_FAMILIES
    }
    return {**own, **given}


def _judged(metric: str, limit: float, run: LoadRun, metrics: Mapping[str, Metric]) -> TargetResult:
    found = metrics.get(metric)
    silent = _silent_along(metric, run)
    windows = () if silent else tuple(_windows(metric, limit, run))
    if found is None:
        return TargetResult(
            metric=metric,
            unit=unit_of(metric),
            limit=limit,
            observed=None,
            passed=None,
            windows=windows,
            text=_untold(metric, run, metrics),
        )
    return TargetResult(
        metric=metric,
        unit=found.unit,
        limit=limit,
        observed=found.value,
        passed=not misses(metric, found.value, limit),
        windows=windows,
        text=silent,
    )


def _silent_along(metric: str, run: LoadRun) -> str:
    """Return why the timeline does not tell when *metric* was missed; empty if it does."""
    buckets = [bucket for bucket in run.timeline.buckets if bucket.started or bucket.ended]
    bucket_s = run.timeline.bucket_ns / NS
    told = sum(bucket_value(metric, bucket, bucket_s) is not None for bucket in buckets)
    if metric.startswith("latency.") and metric.count(".") == 1:
        # What few stretches tell would be read as the only ones that missed.
        few = f"too few requests in each {format_value(bucket_s, 's')} to tell when"
        return few if 2 * told < len(buckets) else ""
    return "" if told else "told over all alone"


def _windows(metric: str, limit: float, run: LoadRun) -> Iterator[AlertWindow]:
    """Yield the stretches of buckets that miss the target; what does not tell ends one."""
    bucket_ns = run.timeline.bucket_ns
    begin: int | None = None
    worst = 0.0
    # The load's end is no sign of a bad rate: after the last arrival throughput falls to 0.
    last = max((i for i, one in enumerate(run.timeline.buckets) if one.started), default=-1)
    for index, bucket in enumerate(run.timeline.buckets):
        value = bucket_value(metric, bucket, bucket_ns / NS)
        if metric in {"throughput", "goodput"} and index >= last:
            value = None
        if value is not None and misses(metric, value, limit):
            worse = begin is None or misses(metric, value, worst)
            begin, worst = index if begin is None else begin, value if worse else worst
        elif begin is not None:
            yield AlertWindow(start_ns=begin * bucket_ns, end_ns=index * bucket_ns, worst=worst)
            begin = None
    if begin is not None:
        end_ns = max(run.duration_ns, begin * bucket_ns)
        yield AlertWindow(start_ns=begin * bucket_ns, end_ns=end_ns, worst=worst)


def _outcome(run: LoadRun, targets: tuple[TargetResult, ...]) -> Outcome:
    if not run.offered:
        return Outcome.NOTHING
    verdicts = {one.passed for one in targets} | {one.passed for one in run.checks}
    if sum(run.errors.values()) >= run.offered - run.dropped:
        return Outcome.BROKEN
    if run.live is not None and run.live.problems:
        # What it came to is what its generator came to.
        return Outcome.BROKEN
    if False in verdicts:
        return Outcome.FAIL
    return Outcome.UNDECIDED if None in verdicts or run.stopped else Outcome.PASS


def _lines(name: str, run: LoadRun, targets: tuple[TargetResult, ...]) -> Iterator[str]:
    if run.offered and sum(run.errors.values()) >= run.offered - run.dropped:
        first = f": the first failed with {one_line(run.first_failure)[:200]}"
        why = first if run.errors else ": all were dropped"
        yield f"BROKEN {harmless(name)} not one of {run.offered:,} requests was answered{why}"
    if run.live is not None and run.live.problems:
        # No target is told of: it was the generator that kept it, or missed it.
        for problem in run.live.problems:
            yield f"BROKEN {harmless(name)} {one_line(problem)}"
        return
    for one in targets:
        if one.passed is False:
            yield breach_line(_breach(name, one))
        if one.passed is None:
            yield f"UNDECIDED {harmless(name)} {harmless(one.metric)} {one_line(one.text)}"
    for check in run.checks:
        if check.passed is not True:
            yield check_line(name, check)


def check_line(name: str, check: CheckResult) -> str:
    """Return ``FAIL name check.… observed=… limit=…`` of a check that is not kept."""
    if check.passed is None:
        return f"UNDECIDED {harmless(name)} {harmless(check.name)} {one_line(check.text)}"
    limit = format_value(check.limit, check.unit).replace(" ", "")
    seen = "none" if check.observed is None else format_value(check.observed, check.unit)
    return (
        f"FAIL {harmless(name)} {harmless(check.name)} observed={seen.replace(' ', '')} "
        f"limit={limit} interval=none: {one_line(check.text)}"
    )


def _breach(name: str, one: TargetResult) -> Breach:
    assert one.observed is not None
    return Breach(
        benchmark=name, metric=one.metric, unit=one.unit, observed=one.observed, limit=one.limit
    )


def _untold(metric: str, run: LoadRun, metrics: Mapping[str, Metric]) -> str:
    if metric.startswith(("resources.", "memory.")) and run.live is not None:
        taken = run.live.resources
        return "nobody looked at the server" if taken is None else missing_because(taken, metric)
    limit = run.targets[metric]
    if few := _too_few(metric, run):
        return f"target of {format_value(limit, 's')}, and {few}"
    close = difflib.get_close_matches(metric, metrics, n=1)
    family = metric.partition(".")[0]
    known = [name for name in metrics if name.partition(".")[0] == family] or list(metrics)
    hint = f"did you mean {close[0]}?" if close else f"there are {', '.join(known)}"
    return (
        f"target of {format_value(limit, unit_of(metric))}, and {run.latency.count:,} requests "
        f"give no such metric; {hint}"
    )


def _too_few(metric: str, run: LoadRun) -> str:
    """Return that requests are too few for the quantile that *metric* is; empty if it is none."""
    family, *path = metric.split(".")
    which = path.pop() if path else ""
    wanted = quantile_samples(which)
    if family != "latency" or wanted is None:
        return ""
    summary = run.paths.get(".".join(path)) if path else run.latency
    if summary is None or not 0 < summary.count < wanted:
        return ""
    of = f" of {'.'.join(path)}" if path else ""
    asked = f"{summary.count:,} request{'s' * (summary.count > 1)}{of}"
    return f"{asked} cannot tell a {which.upper()}, which wants {wanted:,}; ask longer or oftener"
