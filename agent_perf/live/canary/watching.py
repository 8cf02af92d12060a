"""
Judges two services by what Prometheus has seen of them, while others send them requests.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from agent_perf.errors import BrokenError, NothingMeasuredError, UsageError
from agent_perf.live.canary.counters import Series, bucket_bounds, scrape_gap_s, side_of
from agent_perf.live.canary.judge import StepJudge
from agent_perf.live.canary.plan import CanaryPlan
from agent_perf.live.canary.prometheus import Prometheus, PrometheusAwayError, selector_of
from agent_perf.live.canary.result import CanaryResult, SideSeen, StepResult
from agent_perf.live.canary.rollout import Tell
from agent_perf.live.canary.rule import Answer, batch_count, look_misses, look_times
from agent_perf.live.canary.stopping import NothingSeenError, is_set_within
from agent_perf.stats import BATCHES_MIN, Side

_BEFORE_S: Final = 300.0
"""As Prometheus itself: what was not scraped for five minutes is not there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """
    What is read from Prometheus.

    Attributes:
        stable: Matchers of the stable service's series: ``version="1"``.
        candidate: Of the candidate's.
        latency_metric: A histogram in seconds, without ``_bucket``.
        errors_metric: A counter of requests; empty: errors are not judged.
        errors_selector: Matchers of those that failed: ``status=~"5.."``.
    """

    stable: str
    candidate: str
    latency_metric: str
    errors_metric: str = ""
    errors_selector: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Read:
    """
    What was read of both, the stable service first.

    Attributes:
        sides: None: too few samples to judge by.
        gap_s: Usual time between two samples.
        knows_candidate: Whether Prometheus has anything of it.
    """

    sides: tuple[Side, Side] | None
    gap_s: float
    knows_candidate: bool


async def watch(
    plan: CanaryPlan,
    prometheus: Prometheus,
    watched: Watched,
    tell: Tell,
    stop: asyncio.Event | None = None,
) -> CanaryResult:
    """
    Return what one step of *plan* comes to, by the samples from now on.

    Args:
        plan: Its last chosen step is made.
        prometheus: Who is asked.
        watched: What is read.
        tell: Is told of each look.
        stop: When it is set, what was found until then is the result.

    Raises:
        BrokenError: If Prometheus does not answer, or has nothing of the stable service.
        NothingMeasuredError: If nobody asked either service.
        UsageError: If Prometheus does not understand a selector, or both choose the same.
        NothingSeenError: If *stop* was set before the first look.
    """
    number, step = plan.chosen[-1]
    stop = stop or asyncio.Event()
    times = look_times(step.length_s)
    judge = StepJudge(plan.limits, look_misses(times, plan.tests))
    # The clock of Prometheus is taken for ours: what it scraped before it knew of is not lost,
    # for each look reads from the begin on.
    begin_s, begin_clock_s = time.time(), time.monotonic()
    # A name that is wrong is told now, and not after the first minute.
    read = await _read(prometheus, watched, begin_s - _BEFORE_S, begin_s)
    seen: _Read | None = None
    till_s, gap_s = 0.0, read.gap_s
    notes: list[str] = []
    for look, look_s in enumerate(times):
        if await is_set_within(stop, begin_clock_s + look_s - time.monotonic()):
            break
        try:
            read = await _read(prometheus, watched, begin_s, begin_s + look_s)
        except PrometheusAwayError as error:
            # The next look reads all of it; without a next one, what was seen before counts.
            if seen is None and look_s == times[-1]:
                raise
            notes.append(f"no look at {look_s:.0f} s: {error}")
            continue
        gap_s = read.gap_s
        if read.sides is not None:
            seen, till_s = read, look_s
            judge.look(look, *read.sides)
        tell(number, look_s, judge.findings)
        if judge.answer is not Answer.OPEN:
            break
    if seen is None:
        if stop.is_set():
            raise NothingSeenError("interrupted before anything was measured")
        raise BrokenError(
            f"Prometheus has too few samples: one in {gap_s:g} s, and a step of {step.length_s:g} "
            f"s; want at least {BATCHES_MIN + 1} of them, so a longer --for"
        )
    result = _result(plan, watched, number, judge, seen, till_s, notes)
    return replace(result, is_interrupted=stop.is_set() and judge.answer is Answer.OPEN)


def _result(
    plan: CanaryPlan,
    watched: Watched,
    number: int,
    judge: StepJudge,
    read: _Read,
    till_s: float,
    notes: list[str],
) -> CanaryResult:
    assert read.sides is not None
    stable, candidate = read.sides
    nobody = f"nobody asked the candidate ({watched.candidate})"
    if not read.knows_candidate:
        nobody = f"Prometheus has no samples of the candidate ({watched.candidate})"
    if not stable.total:
        if not candidate.total:
            also = "" if read.knows_candidate else f", and {nobody}"
            raise NothingMeasuredError(
                f"nobody asked either service{also}: there is nothing to judge"
            )
        raise BrokenError(f"nobody asked the stable service ({watched.stable})")
    if not candidate.total:
        notes = [nobody, *notes]
    step = StepResult(
        number=number,
        share=candidate.total / (stable.total + candidate.total) or plan.steps[number - 1].share,
        answer=judge.answer,
        length_s=till_s,
        stable=_seen(stable),
        candidate=_seen(candidate),
        findings=judge.findings,
        notes=tuple(notes),
    )
    return CanaryResult(
        stable=watched.stable, candidate=watched.candidate, steps=(step,), planned=1
    )


async def _read(prometheus: Prometheus, watched: Watched, begin_s: float, end_s: float) -> _Read:
    buckets: list[list[Series]] = []
    failures: list[list[Series]] = []
    bucket = f"{watched.latency_metric}_bucket"
    for matchers in (watched.stable, watched.candidate):
        buckets.append(await prometheus.samples(selector_of(bucket, matchers), begin_s, end_s))
        failures.append(await _failures(prometheus, watched, matchers, (begin_s, end_s)))
    if not buckets[0]:
        raise BrokenError(
            f"Prometheus has no samples of {selector_of(bucket, watched.stable)}: are the name "
            "and the selector right?"
        )
    _refuse_shared(*buckets)
    gap_s = scrape_gap_s(buckets[0]) or (end_s - begin_s)
    knows = bool(buckets[1])
    batches = min(batch_count(end_s - begin_s), int((end_s - begin_s) / gap_s))
    if batches < BATCHES_MIN:
        return _Read(sides=None, gap_s=gap_s, knows_candidate=knows)
    bounds = bucket_bounds(buckets[0], selector_of(bucket, watched.stable))
    if buckets[1]:
        # What only one of them counts apart says nothing of the other.
        bounds &= bucket_bounds(buckets[1], selector_of(bucket, watched.candidate))
    stable, candidate = (
        side_of(one, bad, sorted(bounds), (begin_s, end_s), batches)
        for one, bad in zip(buckets, failures, strict=True)
    )
    return _Read(sides=(stable, candidate), gap_s=gap_s, knows_candidate=knows)


def _refuse_shared(stable: Sequence[Series], candidate: Sequence[Series]) -> None:
    """Return if no series is of both: a candidate held against itself is never worse."""
    of_stable = {frozenset(one.labels.items()) for one in stable}
    for one in candidate:
        if frozenset(one.labels.items()) in of_stable:
            labels = ", ".join(f'{key}="{value}"' for key, value in sorted(one.labels.items()))
            raise UsageError(
                f"both selectors choose {{{labels}}}; want one that has the stable service alone, "
                "and one that has the candidate alone"
            )


async def _failures(
    prometheus: Prometheus, watched: Watched, matchers: str, span: tuple[float, float]
) -> list[Series]:
    if not watched.errors_metric:
        return []
    selector = selector_of(watched.errors_metric, matchers, watched.errors_selector)
    found = await prometheus.samples(selector, *span)
    if found or matchers == watched.candidate:
        return found
    # No failure may mean that there is no series of failures yet, or a name that is wrong.
    counted = selector_of(watched.errors_metric, matchers)
    if not await prometheus.samples(counted, *span):
        raise BrokenError(f"Prometheus has no samples of {counted}: is the name right?")
    return []


def _seen(side: Side) -> SideSeen:
    p50_s, p95_s, p99_s = (_bound(side, q) for q in (0.5, 0.95, 0.99))
    return SideSeen(
        requests=round(side.total),
        failed=round(float(side.failed.sum())),
        errors={},
        detail="",
        p50_s=p50_s,
        p95_s=p95_s,
        p99_s=p99_s,
    )


def _bound(side: Side, q: float) -> float | None:
    """Return the upper bound of the bucket that the *q*-quantile lies in; None: unknown."""
    below = np.cumsum(side.counts.sum(axis=0))
    if not below[-1]:
        return None
    edge = side.edges[int(np.searchsorted(below, q * below[-1] * (1 - 1e-12)))]
    return edge if math.isfinite(edge) else None
