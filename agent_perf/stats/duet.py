"""
Sampled evidence: base and head in interleaved rounds, judged at a few fixed looks.

Measured on two shared cores, on a function of 1 ms, with a limit of 15 %: no alarm in 198
pairs of equal code on a quiet and 196 on a busy machine, and 96 to 99 of 100 slow-downs by
15 % found, after 6 to 11 rounds. There "regressed" was asked before "fine". Asked after it,
as here, a slow-down by 10 % is an alarm in 18 instead of 87 % of simulated cases (noise of
2 % between rounds), for half a per cent of power at 15 %: tests/stats/test_duet_study.py.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import median
from typing import Final

from agent_perf.errors import ConfigError, SampleError
from agent_perf.records import Comparison, DuetRun, Evidence, Verdict
from agent_perf.stats.direction import Direction, direction
from agent_perf.stats.trimmed import TrimmedMean, trimmed_mean
from agent_perf.units import format_change

LOOKS: Final = (5, 8, 12, 20, 30)
"""Rounds after which a duet is judged: a clear case ends early, and none goes on for ever."""

_MISS_PROBABILITY: Final = 0.01 / len(LOOKS)
"""Of either bound at one look; over all looks 1 % for either side, by Bonferroni's inequality."""


def compare_duet(duet: DuetRun, limit_ratio: float | None) -> Comparison:
    """
    Return what became of a sampled metric, from all rounds so far.

    With L the limit, and an interval of the change that holds over all looks with 98 %:

    - below L all the way, the change is fine: improved if below -log(1 + L) / 3 on the
      log scale, slower if above zero, else unchanged;
    - above L / 3 all the way, it has regressed: L may be exceeded, and more than a third
      of it surely is;
    - anything else is undecided, and wants more rounds.

    A change between L / 3 and L may fall either way: the zone is the price of an answer
    after a few rounds. Base and head of the result are medians over the rounds; its
    change is the trimmed mean of the rounds' ratios, so that the two may differ a little.

    Args:
        duet: Any number of rounds.
        limit_ratio: Largest change for the worse, 0.15 for 15 %; > 0. None if the metric
            is not gated: then it cannot regress.

    Raises:
        SampleError: If a sample is not finite and > 0.
        ConfigError: If *limit_ratio* is not > 0: noise exceeds a limit of nothing.
    """
    _check_limit(duet, limit_ratio)
    ratios = _log_ratios(duet)
    rounds = len(ratios)
    if rounds < LOOKS[0]:
        return _comparison(
            duet,
            limit_ratio,
            None,
            (Verdict.UNDECIDED, f"{rounds} rounds; an interval wants at least {LOOKS[0]}"),
        )
    shift = trimmed_mean(ratios, _MISS_PROBABILITY)
    return _comparison(
        duet, limit_ratio, shift, _judge(_worse(shift, duet.metric), limit_ratio, rounds)
    )


def needs_more_rounds(
    duet: DuetRun, limit_ratio: float | None, *, rounds_max: int = LOOKS[-1]
) -> bool:
    """
    Return True if *duet* wants another round.

    It may be asked after every round: between two looks the answer is yes, whatever the
    rounds say, because each further look would add to the chance of a false alarm.

    Args:
        duet: The rounds so far, maybe none.
        limit_ratio: As for compare_duet.
        rounds_max: Rounds that the budget allows in all.

    Raises:
        ConfigError: As compare_duet.
    """
    rounds = len(duet.base)
    # A sample that is no time stays one; compare_duet will tell which it is.
    if rounds >= min(rounds_max, LOOKS[-1]) or not all(map(_is_sample, (*duet.base, *duet.head))):
        return False
    if rounds not in LOOKS:
        return True
    return compare_duet(duet, limit_ratio).verdict is Verdict.UNDECIDED


@dataclass(frozen=True, slots=True, kw_only=True)
class _Worse:
    """Bounds of a change for the worse, on the log scale."""

    low: float
    high: float


def _worse(shift: TrimmedMean, metric: str) -> _Worse:
    if direction(metric) is Direction.LESS_IS_BETTER:
        return _Worse(low=shift.low, high=shift.high)
    return _Worse(low=-shift.high, high=-shift.low)


def _judge(worse: _Worse, limit_ratio: float | None, rounds: int) -> tuple[Verdict, str]:
    span = f"{_percent(worse.low)} to {_percent(worse.high)} worse after {rounds} rounds"
    if limit_ratio is None:
        if worse.low > 0:
            return Verdict.SLOWER, f"{span}, and no limit is set"
        if worse.high < 0:
            return Verdict.IMPROVED, span
        return Verdict.UNCHANGED, f"{span}: no change is shown, and no limit is set"
    limit = math.log1p(limit_ratio)
    # Fine comes first: a change that is surely within the limit has not regressed,
    # however surely it is there.
    if worse.high < limit:
        if worse.high < -limit / 3:
            return Verdict.IMPROVED, span
        if worse.low > 0:
            return Verdict.SLOWER, f"{span}, within the limit of {limit_ratio * 100:g} %"
        return Verdict.UNCHANGED, f"{span}, within the limit of {limit_ratio * 100:g} %"
    if worse.low > math.log1p(limit_ratio / 3):
        return Verdict.REGRESSED, f"{span}; the limit is {limit_ratio * 100:g} %"
    reason = (
        f"{span}; neither harmless nor beyond the limit of {limit_ratio * 100:g} %: "
        "run more rounds, or on a quieter machine"
    )
    return Verdict.UNDECIDED, reason


def _comparison(
    duet: DuetRun,
    limit_ratio: float | None,
    shift: TrimmedMean | None,
    judged: tuple[Verdict, str],
) -> Comparison:
    verdict, reason = judged
    return Comparison(
        benchmark=duet.benchmark,
        metric=duet.metric,
        unit=duet.unit,
        evidence=Evidence.SAMPLED,
        base=median(duet.base) if duet.base else None,
        head=median(duet.head) if duet.head else None,
        change_ratio=None if shift is None else math.expm1(shift.centre),
        interval=None if shift is None else (math.expm1(shift.low), math.expm1(shift.high)),
        limit_ratio=limit_ratio,
        verdict=verdict,
        reason=reason,
        sample_count=len(duet.base),
    )


def _check_limit(duet: DuetRun, limit_ratio: float | None) -> None:
    if limit_ratio is not None and not 0 < limit_ratio < math.inf:
        raise ConfigError(
            f"limit of {limit_ratio * 100:g} % for {duet.metric} of {duet.benchmark}; it is "
            'sampled, and noise exceeds "+0": allow some per cent, or switch it "off"'
        )


def _log_ratios(duet: DuetRun) -> list[float]:
    for side, values in (("base", duet.base), ("head", duet.head)):
        for index, value in enumerate(values, 1):
            if not _is_sample(value):
                raise SampleError(
                    f"{duet.benchmark} {duet.metric}: {side} gave {value} in round {index}; "
                    "want finite, > 0: measure more calls a round, or mend the benchmark"
                )
    return [math.log(head / base) for base, head in zip(duet.base, duet.head, strict=True)]


def _is_sample(value: float) -> bool:
    return math.isfinite(value) and value > 0


def _percent(log_ratio: float) -> str:
    change = math.expm1(log_ratio)
    return "0 %" if change == 0 else format_change(change)
