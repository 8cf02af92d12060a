"""
Judges two services by what Prometheus has seen of them, while others send them requests.
"""

from __future__ import annotations

import asyncio
import math
import time
from dataclasses import dataclass
from typing import Final

import numpy as np

from agent_perf.errors import BrokenError, NothingMeasuredError
from agent_perf.live.canary.counters import Series, bucket_bounds, scrape_gap_s, side_of
from agent_perf.live.canary.judge import StepJudge
from agent_perf.live.canary.plan import CanaryPlan
from agent_perf.live.canary.prometheus import Prometheus, selector_of
from agent_perf.live.canary.result import CanaryResult, SideSeen, StepResult
from agent_perf.live.canary.rollout import Tell
from agent_perf.live.canary.rule import Answer, batch_count, look_misses, look_times
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
    """What was read of both, the stable service first."""

    sides: tuple[Side, Side] | None
    gap_s: float


async def watch(
    plan: CanaryPlan, prometheus: Prometheus, watched: Watched, tell: Tell
) -> CanaryResult:
    """
    Return what one step of *plan* comes to, by the samples from now on.

    Raises:
        BrokenError: If Prometheus does not answer, or has nothing of the stable service.
        NothingMeasuredError: If nobody asked either service.
        UsageError: If Prometheus does not understand a selector.
    """
    number, step = plan.chosen[-1]
    times = look_times(step.length_s)
    judge = StepJudge(plan.limits, look_misses(times, plan.tests))
    # The clock of Prometheus is taken for ours: what it scraped before it knew of is not lost,
    # for each look reads from the begin on.
    begin_s, begin_clock_s = time.time(), time.monotonic()
    # A name that is wrong is told now, and not after the first minute.
    await _read(prometheus, watched, begin_s - _BEFORE_S, begin_s)
    sides: tuple[Side, Side] | None = None
    till_s, gap_s = 0.0, 0.0
    for look, till_s in enumerate(times):
        await asyncio.sleep(max(0.0, begin_clock_s + till_s - time.monotonic()))
        read = await _read(prometheus, watched, begin_s, begin_s + till_s)
        sides, gap_s = read.sides, read.gap_s
        if sides is not None:
            judge.look(look, *sides)
        tell(number, till_s, tuple(one.answer for one in judge.findings))
        if judge.answer is not Answer.OPEN:
            break
    if sides is None:
        raise BrokenError(
            f"Prometheus has too few samples: one in {gap_s:g} s, and a step of {step.length_s:g} "
            f"s; want at least {BATCHES_MIN + 1} of them, so a longer --for"
        )
    return _result(plan, watched, number, judge, sides, till_s)


def _result(
    plan: CanaryPlan,
    watched: Watched,
    number: int,
    judge: StepJudge,
    sides: tuple[Side, Side],
    till_s: float,
) -> CanaryResult:
    stable, candidate = sides
    if not stable.total:
        if not candidate.total:
            raise NothingMeasuredError("nobody asked either service: there is nothing to judge")
        raise BrokenError(f"nobody asked the stable service ({watched.stable})")
    notes = [] if candidate.total else [f"nobody asked the candidate ({watched.candidate})"]
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
    gap_s = scrape_gap_s(buckets[0]) or (end_s - begin_s)
    batches = min(batch_count(end_s - begin_s), int((end_s - begin_s) / gap_s))
    if batches < BATCHES_MIN:
        return _Read(sides=None, gap_s=gap_s)
    bounds = bucket_bounds(buckets[0], selector_of(bucket, watched.stable))
    if buckets[1]:
        # What only one of them counts apart says nothing of the other.
        bounds &= bucket_bounds(buckets[1], selector_of(bucket, watched.candidate))
    stable, candidate = (
        side_of(one, bad, sorted(bounds), (begin_s, end_s), batches)
        for one, bad in zip(buckets, failures, strict=True)
    )
    return _Read(sides=(stable, candidate), gap_s=gap_s)


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
        detail="Prometheus",
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
