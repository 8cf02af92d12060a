"""
What becomes of all duets of a suite.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import median

from agent_perf.records import Comparison, Confirmation, DuetRun, Evidence, SuiteJudgement
from agent_perf.stats.direction import Direction, direction
from agent_perf.stats.sampled import SampledCase, sampled_cases, upheld
from agent_perf.stats.sampled_verdict import CaseVerdict, Span, case_verdict
from agent_perf.stats.suite_shift import suite_shift


def judge_duets(duets: Sequence[DuetRun], limits: Sequence[float | None]) -> SuiteJudgement:
    """
    Return what became of every duet.

    With L the limit of a metric, intervals that hold over all looks, and changes for the
    worse:

    - surely below L, the change is fine: improved if surely below -log(1 + L) / 3 on the
      log scale, slower if surely above zero, else unchanged;
    - probably above L, it is suspected, and regressed if fresh rounds show it surely above
      L: in a suite that keeps its limits that happens with a probability of 1 % at most,
      over all its metrics and looks;
    - anything else is undecided: a suspicion without fresh rounds, or that they do not
      uphold; rounds between; and what cannot be judged, as a P95 of a few calls.

    Base and head of a comparison are medians over the first rounds; its change is the
    trimmed mean of their ratios at the look that settled it, so that the two may differ a
    little.

    Args:
        duets: Of one suite, in any order; one per benchmark and metric.
        limits: Largest change for the worse of each, 0.15 for 15 %; > 0, None if it is
            not gated: then it cannot regress.

    Raises:
        ConfigError: If there is not one limit for each duet, or one is not finite and > 0:
            noise exceeds a limit of nothing.
    """
    cases = sampled_cases(duets, limits)
    sure = upheld(dict(enumerate(cases)))
    suspect_count = sum(case.is_suspected for case in cases)
    return SuiteJudgement(
        comparisons=tuple(
            _comparison(
                case,
                case_verdict(case, is_upheld=index in sure, suspect_count=suspect_count),
            )
            for index, case in enumerate(cases)
        ),
        shift=suite_shift(cases),
    )


def _comparison(case: SampledCase, found: CaseVerdict) -> Comparison:
    duet = case.duet
    change_ratio, interval = _change(duet.metric, found.span)
    has_median = bool(duet.base) and not case.rounds.refusal
    return Comparison(
        benchmark=duet.benchmark,
        metric=duet.metric,
        unit=duet.unit,
        evidence=Evidence.SAMPLED,
        base=median(duet.base) if has_median else None,
        head=median(duet.head) if has_median else None,
        change_ratio=change_ratio,
        interval=interval,
        limit_ratio=case.limit_ratio,
        verdict=found.verdict,
        reason=found.reason,
        sample_count=len(duet.base),
        confirmation=_confirmation(duet, found),
    )


def _confirmation(duet: DuetRun, found: CaseVerdict) -> Confirmation | None:
    if found.fresh_verdict is None or duet.confirmation is None:
        return None
    change_ratio, interval = _change(duet.metric, found.fresh_span)
    return Confirmation(
        change_ratio=change_ratio,
        interval=interval,
        round_count=len(duet.confirmation.base),
        verdict=found.fresh_verdict,
    )


def _change(
    metric: str, worse: Span | None
) -> tuple[float, tuple[float, float]] | tuple[None, None]:
    """Return a change for the worse as head / base - 1, with its bounds."""
    if worse is None:
        return None, None
    if direction(metric) is Direction.LESS_IS_BETTER:
        return math.expm1(worse.centre), (math.expm1(worse.low), math.expm1(worse.high))
    return math.expm1(-worse.centre), (math.expm1(-worse.high), math.expm1(-worse.low))
