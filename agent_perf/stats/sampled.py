"""
All duets of a suite, judged together: what regressed, and who wants more rounds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from agent_perf.errors import ConfigError, SampleError
from agent_perf.records import (
    Comparison,
    Confirmation,
    DuetRun,
    Evidence,
    SuiteJudgement,
    Verdict,
)
from agent_perf.stats.duet import LOOKS, compare_duet, needs_more_rounds


def judge_duets(duets: Sequence[DuetRun], limits: Sequence[float | None]) -> SuiteJudgement:
    """
    Return what became of every duet.

    A duet that its first rounds call regressed is called so only if its confirmation,
    where it has one, says the same.

    Args:
        duets: Of one suite, in any order; one per benchmark and metric.
        limits: Largest change for the worse of each, 0.15 for 15 %; > 0, None if it is
            not gated.

    Raises:
        ConfigError: If there is not one limit for each duet, or one is not > 0.
    """
    return SuiteJudgement(
        comparisons=tuple(_judge(duet, limit) for duet, limit in _pairs(duets, limits))
    )


def open_duets(
    duets: Sequence[DuetRun],
    limits: Sequence[float | None],
    rounds_max: int = LOOKS[-1],
) -> frozenset[int]:
    """
    Return the indices of the duets that want another first round.

    It may be asked after every round: between two looks the answer does not depend on
    what was measured.

    Args:
        duets: As for judge_duets; without rounds if not yet measured.
        limits: Likewise.
        rounds_max: First rounds that the budget allows each duet.

    Raises:
        ConfigError: As judge_duets.
    """
    return frozenset(
        index
        for index, (duet, limit) in enumerate(_pairs(duets, limits))
        if needs_more_rounds(duet, limit, rounds_max=rounds_max)
    )


def open_confirmations(
    duets: Sequence[DuetRun],
    limits: Sequence[float | None],
    rounds_max: int = LOOKS[-1],
) -> frozenset[int]:
    """
    Return the indices of the duets that want another round of confirmation.

    Ask it once open_duets is empty, or the time for first rounds is over: who is suspected
    decides how sure a confirmation must be.

    Args:
        duets: As for judge_duets; a suspected one may have no confirmation yet.
        limits: Likewise.
        rounds_max: Rounds of confirmation that the budget allows each duet.

    Raises:
        ConfigError: As judge_duets.
    """
    return frozenset(
        index
        for index, (duet, limit) in enumerate(_pairs(duets, limits))
        if _compare(duet, limit).verdict is Verdict.REGRESSED
        and needs_more_rounds(duet.confirmation or _no_rounds(duet), limit, rounds_max=rounds_max)
    )


def _pairs(
    duets: Sequence[DuetRun], limits: Sequence[float | None]
) -> list[tuple[DuetRun, float | None]]:
    if len(duets) != len(limits):
        raise ConfigError(f"{len(duets)} duets and {len(limits)} limits; want one for each")
    return list(zip(duets, limits, strict=True))


def _no_rounds(duet: DuetRun) -> DuetRun:
    return replace(duet, base=(), head=(), conditions=(), confirmation=None)


def _judge(duet: DuetRun, limit_ratio: float | None) -> Comparison:
    first = _compare(duet, limit_ratio)
    if duet.confirmation is None:
        return first
    again = _compare(duet.confirmation, limit_ratio)
    upheld = first.verdict is Verdict.REGRESSED and again.verdict is Verdict.REGRESSED
    refuted = first.verdict is Verdict.REGRESSED and not upheld
    return replace(
        first,
        verdict=Verdict.UNDECIDED if refuted else first.verdict,
        reason=f"{first.reason}; then {again.reason}",
        confirmation=Confirmation(
            change_ratio=again.change_ratio,
            interval=again.interval,
            round_count=again.sample_count,
            verdict=again.verdict,
        ),
    )


def _compare(duet: DuetRun, limit_ratio: float | None) -> Comparison:
    try:
        return compare_duet(duet, limit_ratio)
    except SampleError as error:
        return Comparison(
            benchmark=duet.benchmark,
            metric=duet.metric,
            unit=duet.unit,
            evidence=Evidence.SAMPLED,
            base=None,
            head=None,
            change_ratio=None,
            interval=None,
            limit_ratio=limit_ratio,
            verdict=Verdict.UNDECIDED,
            reason=str(error),
            sample_count=len(duet.base),
        )
