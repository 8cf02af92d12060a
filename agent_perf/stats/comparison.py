"""
Exact evidence, base against head: every difference is a fact, limits say whether it matters.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

from agent_perf.errors import SampleError
from agent_perf.records import Comparison, Evidence, Metric, Run, Verdict
from agent_perf.stats.direction import Direction, direction
from agent_perf.stats.quantiles import nearest_rank, samples_needed
from agent_perf.units import format_change, format_value


def compare_exact(
    benchmark: str, base: Metric | None, head: Metric | None, limit_ratio: float | None
) -> Comparison:
    """
    Return what became of one metric that has no noise.

    A change for the worse beyond the limit has regressed, within it is slower; a change
    for the better, however small, has improved. Without a limit nothing regresses. More
    delivered work is unchanged, less of it is worse (see Direction.NO_FEWER).

    Args:
        benchmark: Its name.
        base: None if the base lacks this metric; then it is new.
        head: None if the head lacks it; then it is missing. Not both are None.
        limit_ratio: Largest change for the worse, 0.15 for 15 %; >= 0, or None.

    Raises:
        SampleError: If a value is negative, or the two are not the same metric.
    """
    known = head or base
    if known is None:
        raise SampleError(f"{benchmark}: neither base nor head has the metric; nothing to compare")
    for metric in (base, head):
        if metric is not None and metric.value < 0:
            raise SampleError(
                f"{benchmark} {metric.name} is {metric.value}; a change is relative to a value >= 0"
            )
    if base is not None and head is not None:
        if (base.name, base.unit) != (head.name, head.unit):
            raise SampleError(
                f"{benchmark}: base has {base.name} in {base.unit}, head {head.name} in "
                f"{head.unit}; want the same metric of both"
            )
        change = _change(base.value, head.value)
        verdict, reason = _judge(base, head, change, limit_ratio)
    else:
        change = None
        verdict, reason = (
            (Verdict.MISSING, "the head has no such metric")
            if head is None
            else (Verdict.NEW, "the base has no such metric")
        )
    return Comparison(
        benchmark=benchmark,
        metric=known.name,
        unit=known.unit,
        evidence=Evidence.EXACT,
        base=None if base is None else base.value,
        head=None if head is None else head.value,
        change_ratio=None if change is None else float(change),
        interval=None,
        limit_ratio=limit_ratio,
        verdict=verdict,
        reason=reason,
        sample_count=known.sample_count,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class PairedShift:
    """
    The same requests under base and head: head minus base, request by request.

    Attributes:
        median_ns: Of the differences, by nearest rank.
        p95_ns: Likewise; None for fewer than 20 requests.
        changed_count: Requests whose latency differs at all.
        request_count: All of them.
    """

    median_ns: int
    p95_ns: int | None
    changed_count: int
    request_count: int


def paired_shift(base: Run, head: Run) -> PairedShift:
    """
    Return how each request moved from *base* to *head*.

    Raises:
        SampleError: If they do not hold the same, non-empty, series of requests.
    """
    if len(base.latency_ns) != len(head.latency_ns) or not base.latency_ns:
        raise SampleError(
            f"{head.benchmark}: {len(base.latency_ns)} requests in the base and "
            f"{len(head.latency_ns)} in the head; requests pair up by id, so run both with the "
            "same load"
        )
    shifts = sorted(h - b for b, h in zip(base.latency_ns, head.latency_ns, strict=True))
    return PairedShift(
        median_ns=nearest_rank(shifts, "0.5"),
        p95_ns=nearest_rank(shifts, "0.95") if len(shifts) >= samples_needed("0.95") else None,
        changed_count=sum(shift != 0 for shift in shifts),
        request_count=len(shifts),
    )


def _change(base: float, head: float) -> Fraction | float:
    """Return head / base - 1, exactly; inf from zero to anything."""
    if base == head:
        return Fraction(0)
    if base == 0:
        return math.inf
    # The shortest decimal that gives the float back is what was measured, in whole
    # nanoseconds or units. In floats 0.138 / 0.12 is more than 1.15.
    return Fraction(repr(head)) / Fraction(repr(base)) - 1


def _judge(
    base: Metric, head: Metric, change: Fraction | float, limit_ratio: float | None
) -> tuple[Verdict, str]:
    way = direction(head.name)
    worse = change if way is Direction.LESS_IS_BETTER else -change
    if change == 0:
        return Verdict.UNCHANGED, "equal"
    moved = (
        f"{format_value(base.value, base.unit)} -> {format_value(head.value, head.unit)}"
        f" ({format_change(float(change)) if math.isfinite(change) else 'from zero'})"
    )
    if worse < 0:
        if way is Direction.NO_FEWER:
            return Verdict.UNCHANGED, f"{moved}: more was delivered, which is neither good nor bad"
        return Verdict.IMPROVED, moved
    if limit_ratio is None:
        return Verdict.SLOWER, f"{moved}, and no limit is set"
    limit = f"the limit of {limit_ratio * 100:g} %"
    if worse > Fraction(repr(limit_ratio)):
        return Verdict.REGRESSED, f"{moved}, beyond {limit}"
    return Verdict.SLOWER, f"{moved}, within {limit}"
