"""
Accuracy against latency and cost: how judges, or systems, stand beside each other.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from agent_perf.components.agent.categories import ErrorCategory
from agent_perf.components.evaluation.agreement import Majority, consensus_of
from agent_perf.components.evaluation.examples import Judgement, Unjudged
from agent_perf.components.evaluation.outcome import Evaluation, StepTotals
from agent_perf.errors import ConfigError

# The standard normal's 0.975-quantile: intervals hold 95 %.
_Z: Final = 1.959963984540054


@dataclass(frozen=True, slots=True, kw_only=True)
class Ratio:
    """
    A share, and between which values the true one lies with 95 % confidence.

    Attributes:
        hits: Of *count*.
        count: >= 1.
        low: Lower end, 0 to 1.
        high: Upper end, 0 to 1.
    """

    hits: int
    count: int
    low: float
    high: float

    @property
    def value(self) -> float:
        """The share itself."""
        return self.hits / self.count


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """
    How one judge, or one system, did.

    Attributes:
        name: Whose it is.
        passed: Share of what was judged that passed; None if nothing was judged.
        accuracy: Of a judge: share of labelled outputs of which it says what people say. Of
            a system: the same as *passed*. None without any.
        missing: Examples without a judgement, or without a majority.
        latency_s_p50: Of calls, failed ones included; None without any.
        latency_s_p95: Likewise; None of fewer than 20 calls.
        cost_usd_per_100: Dollars for 100 examples.
        tokens: Read and written.
        on_front: Whether no other is as accurate, as quick and as cheap, and better in one
            of these; never without an accuracy.
    """

    name: str
    passed: Ratio | None
    accuracy: Ratio | None
    missing: int
    latency_s_p50: float | None
    latency_s_p95: float | None
    cost_usd_per_100: float
    tokens: int
    on_front: bool = False


def wilson(hits: int, count: int) -> Ratio:
    """
    Return *hits* of *count* with Wilson's 95 % interval.

    Args:
        hits: 0 to *count*.
        count: >= 1.

    Source: Wilson, *Probable inference, the law of succession, and statistical inference*
    (1927); Newcombe, *Two-sided confidence intervals for the single proportion* (1998),
    method 3.
    """
    if not 0 <= hits <= count or count < 1:
        raise ConfigError(f"{hits} of {count}; want 0 <= hits <= count, count >= 1")
    share, square = hits / count, _Z * _Z
    middle = share + square / (2 * count)
    half = _Z * math.sqrt(share * (1 - share) / count + square / (4 * count * count))
    scale = 1 + square / count
    return Ratio(
        hits=hits,
        count=count,
        # At the ends the formula is exact, and floats are not.
        low=0.0 if hits == 0 else (middle - half) / scale,
        high=1.0 if hits == count else (middle + half) / scale,
    )


def judge_standings(evaluation: Evaluation) -> tuple[Standing, ...]:
    """Return how each judge of *evaluation* stands, in their order."""
    return _with_front(
        [_of_judge(evaluation, name, totals) for name, totals in evaluation.judging.items()]
    )


def system_standings(evaluations: Sequence[Evaluation]) -> tuple[Standing, ...]:
    """
    Return how the systems of *evaluations* stand, by what most of their judges say.

    An example that a system failed to answer has not passed; one that was not tried for lack
    of budget, or on which the judges tie, is missing. Cost, latency and tokens are the
    systems' own, without the judges'.

    Args:
        evaluations: One per system, names differ, all of the same examples.

    Raises:
        ConfigError: If two have one name, or their examples differ.
    """
    names = [evaluation.system for evaluation in evaluations]
    examples = {tuple(row.example.id for row in one.rows) for one in evaluations}
    if len(set(names)) < len(names) or len(examples) > 1:
        raise ConfigError(f"systems {names}; want names of their own, and the same examples")
    return _with_front([_of_system(evaluation) for evaluation in evaluations])


def _of_judge(evaluation: Evaluation, name: str, totals: StepTotals) -> Standing:
    said = [(row.example.label, row.judgements.get(name)) for row in evaluation.rows]
    judged = [(label, one) for label, one in said if isinstance(one, Judgement)]
    labelled = [label == one.passed for label, one in judged if label is not None]
    return _standing(
        name,
        totals,
        len(said),
        passed=[one.passed for _, one in judged],
        accuracy=_ratio(labelled),
        missing=len(said) - len(judged),
    )


def _of_system(evaluation: Evaluation) -> Standing:
    passed, missing = [], 0
    for row in evaluation.rows:
        majority = consensus_of(row).majority
        if isinstance(row.output, Unjudged) and row.output.category is not ErrorCategory.BUDGET:
            # A system that fails to answer has not answered well.
            passed.append(False)
        elif majority in {Majority.PASSED, Majority.FAILED}:
            passed.append(majority is Majority.PASSED)
        else:
            missing += 1
    return _standing(
        evaluation.system,
        evaluation.answering,
        len(evaluation.rows),
        passed=passed,
        accuracy=_ratio(passed),
        missing=missing,
    )


def _standing(
    name: str,
    totals: StepTotals,
    count: int,
    *,
    passed: Sequence[bool],
    accuracy: Ratio | None,
    missing: int,
) -> Standing:
    latency_s = totals.latency_s
    # The histogram gives no median of one value, which would be its maximum; here it is that.
    p50 = latency_s.quantile(0.5)
    return Standing(
        name=name,
        passed=_ratio(passed),
        accuracy=accuracy,
        missing=missing,
        latency_s_p50=latency_s.max if p50 is None and latency_s.count else p50,
        latency_s_p95=latency_s.quantile(0.95),
        cost_usd_per_100=totals.cost_usd / count * 100 if count else 0.0,
        tokens=totals.usage.tokens_in + totals.usage.tokens_out,
    )


def _ratio(outcomes: Sequence[bool]) -> Ratio | None:
    return wilson(sum(outcomes), len(outcomes)) if outcomes else None


def _with_front(standings: Sequence[Standing]) -> tuple[Standing, ...]:
    return tuple(
        replace(one, on_front=one.accuracy is not None and not _is_beaten(one, standings))
        for one in standings
    )


def _is_beaten(one: Standing, standings: Sequence[Standing]) -> bool:
    mine = _merits(one)
    return any(
        other.accuracy is not None
        and _merits(other) != mine
        and all(theirs >= ours for theirs, ours in zip(_merits(other), mine, strict=True))
        for other in standings
    )


def _merits(one: Standing) -> tuple[float, float, float]:
    """Return accuracy, latency and cost as numbers of which more is better."""
    accuracy = one.accuracy.value if one.accuracy else 0.0
    return accuracy, -(one.latency_s_p50 or 0.0), -one.cost_usd_per_100
