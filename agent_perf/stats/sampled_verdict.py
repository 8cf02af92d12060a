"""
What becomes of one duet among those of its suite: a verdict, and why.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from agent_perf.records import Verdict
from agent_perf.stats.duet import LOOKS, Answer, Stand
from agent_perf.stats.sampled import SUITE_MISS, SampledCase
from agent_perf.stats.usable_rounds import UsableRounds
from agent_perf.units import format_change


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """
    A change for the worse and where it may lie, as log ratios.

    Attributes:
        centre: Trimmed mean of the rounds.
        low: Lower bound, <= *centre*.
        high: Upper bound, >= *centre*.
    """

    centre: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseVerdict:
    """
    What a duet came to.

    Attributes:
        verdict: Of all its rounds.
        reason: One line: why.
        span: What *verdict* was found on; None if too few rounds count.
        fresh_verdict: Of the fresh rounds alone; None if there are none.
        fresh_span: What it was found on; None if too few of them count.
    """

    verdict: Verdict
    reason: str
    span: Span | None = None
    fresh_verdict: Verdict | None = None
    fresh_span: Span | None = None


def case_verdict(case: SampledCase, *, is_upheld: bool, suspect_count: int) -> CaseVerdict:
    """
    Return what becomes of *case*, by the rules that judge_duets tells.

    Args:
        case: One of a suite.
        is_upheld: Whether its fresh rounds uphold the suspicion that its first rounds raise.
        suspect_count: Suspected cases of the suite, with this one if it is.
    """
    first = case.first
    if case.rounds.refusal:
        return CaseVerdict(verdict=Verdict.UNDECIDED, reason=case.rounds.refusal)
    if first.worse is None:
        reason = f"{_counted(case.rounds)}; an interval wants at least {LOOKS[0]}"
        return CaseVerdict(verdict=Verdict.UNDECIDED, reason=reason)
    told = f"{_span_words(first)} after {_counted(case.rounds, first.round_count)}"
    if case.limit_ratio is None:
        return _without_limit(first, told)
    if first.answer is Answer.WITHIN:
        return _within(case.limit_ratio, _span(first), told)
    if not case.is_suspected:
        return _between(case, told)
    if is_upheld:
        return _regressed(case, case.fresh(SUITE_MISS), told)
    return _not_upheld(case, case.fresh(SUITE_MISS / suspect_count), told, suspect_count)


def _without_limit(first: Stand, told: str) -> CaseVerdict:
    span = _span(first)
    if span.low > 0:
        return CaseVerdict(verdict=Verdict.SLOWER, reason=f"{told}, and no limit is set", span=span)
    if span.high < 0:
        return CaseVerdict(verdict=Verdict.IMPROVED, reason=told, span=span)
    return CaseVerdict(
        verdict=Verdict.UNCHANGED,
        reason=f"{told}: no change is shown, and no limit is set",
        span=span,
    )


def _within(limit_ratio: float, span: Span, told: str) -> CaseVerdict:
    verdict = _harmless(limit_ratio, span)
    reason = told if verdict is Verdict.IMPROVED else f"{told}, within {_limit(limit_ratio)}"
    return CaseVerdict(verdict=verdict, reason=reason, span=span)


def _between(case: SampledCase, told: str) -> CaseVerdict:
    assert case.limit_ratio is not None
    if case.rounds.is_stepped:
        reason = f"{told}, and the same in each: the clock's step hides the noise; measure longer"
    else:
        reason = (
            f"{told}; neither surely within nor surely beyond {_limit(case.limit_ratio)}: "
            "run more rounds, or on a quieter machine"
        )
    return CaseVerdict(verdict=Verdict.UNDECIDED, reason=reason, span=_span(case.first))


def _regressed(case: SampledCase, fresh: Stand, told: str) -> CaseVerdict:
    assert case.limit_ratio is not None
    reason = f"{told}, {_fresh_words(case, fresh)}: surely beyond {_limit(case.limit_ratio)}"
    return CaseVerdict(
        verdict=Verdict.REGRESSED,
        reason=reason,
        span=_span(case.first),
        fresh_verdict=Verdict.REGRESSED,
        fresh_span=_span(fresh),
    )


def _not_upheld(case: SampledCase, fresh: Stand, told: str, suspect_count: int) -> CaseVerdict:
    assert case.limit_ratio is not None
    limit = _limit(case.limit_ratio)
    if fresh.worse is None:
        counted = _counted(case.fresh_rounds, kind="fresh ")
        obstacle = case.fresh_rounds.refusal or f"{counted} to confirm it: allow more time"
        return CaseVerdict(
            verdict=Verdict.UNDECIDED,
            reason=f"{told}: suspected to exceed {limit}, but {obstacle}",
            span=_span(case.first),
            fresh_verdict=Verdict.UNDECIDED if case.duet.confirmation else None,
        )
    told = f"{told}, {_fresh_words(case, fresh)}"
    if fresh.answer is Answer.WITHIN:
        return _refuted(case, fresh, told)
    others = f", as one of {suspect_count} suspected" if suspect_count > 1 else ""
    return CaseVerdict(
        verdict=Verdict.UNDECIDED,
        reason=f"{told}: suspected to exceed {limit}, but not surely beyond it{others}",
        span=_span(case.first),
        fresh_verdict=Verdict.UNDECIDED,
        fresh_span=_span(fresh),
    )


def _refuted(case: SampledCase, fresh: Stand, told: str) -> CaseVerdict:
    """Return what first and fresh rounds say together, for they contradict each other."""
    assert case.limit_ratio is not None
    together = case.together
    settled = together.answer is Answer.WITHIN
    span = _span(together if settled else case.first)
    end = f"together within {_limit(case.limit_ratio)}" if settled else "measure again"
    return CaseVerdict(
        verdict=_harmless(case.limit_ratio, span) if settled else Verdict.UNDECIDED,
        reason=f"{told}: the fresh rounds refute the first; {end}",
        span=span,
        fresh_verdict=_harmless(case.limit_ratio, _span(fresh)),
        fresh_span=_span(fresh),
    )


def _harmless(limit_ratio: float, span: Span) -> Verdict:
    if span.high < -math.log1p(limit_ratio) / 3:
        return Verdict.IMPROVED
    return Verdict.SLOWER if span.low > 0 else Verdict.UNCHANGED


def _span(stand: Stand) -> Span:
    assert stand.worse is not None
    return Span(centre=stand.worse.centre, low=stand.low, high=stand.high)


def _fresh_words(case: SampledCase, fresh: Stand) -> str:
    counted = _counted(case.fresh_rounds, fresh.round_count, kind="fresh ")
    return f"{_span_words(fresh)} after {counted}"


def _span_words(stand: Stand) -> str:
    return f"{_percent(stand.low)} to {_percent(stand.high)} worse"


def _percent(log_ratio: float) -> str:
    change = math.expm1(log_ratio)
    return "0 %" if change == 0 else format_change(change)


def _limit(limit_ratio: float) -> str:
    return f"the limit of {limit_ratio * 100:g} %"


def _counted(rounds: UsableRounds, count: int | None = None, *, kind: str = "") -> str:
    """Return the first *count* of *rounds* in words, all of them if None."""
    number = len(rounds.worse) if count is None else count
    return f"{number} {kind}round{'' if number == 1 else 's'}{_busy(rounds, number)}"


def _busy(rounds: UsableRounds, count: int) -> str:
    """Return a word on the machine in the first *count* of *rounds*."""
    if rounds.set_aside_count:
        return f" ({rounds.set_aside_count} more set aside: the machine was too busy)"
    busy_count = sum(rounds.busy[:count])
    return f" (the machine was busy in {busy_count})" if busy_count else ""
