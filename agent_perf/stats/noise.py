"""
What rounds of equal code tell of a machine: how much they differ, and what that costs.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from statistics import fmean, median, variance
from typing import Final

from agent_perf.errors import SampleError, TooFewSamplesError
from agent_perf.records import DuetRun, MetricNoise, RoundsNeeded
from agent_perf.stats.scale import robust_scale

NOISE_LIMITS: Final = (0.15, 0.10, 0.05)
"""Limits for which the rounds needed are told."""

NOISE_ROUNDS_MIN: Final = 5
"""Rounds without which nothing is said of noise."""

_ALARM_RATIO: Final = 0.15


def metric_noise(
    duet: DuetRun,
    rounds_needed: Callable[[float, float], int | None],
    *,
    block_changes: Sequence[Sequence[float]] = (),
    round_s: float = 0.0,
) -> MetricNoise:
    """
    Return how a metric of equal code varies.

    Args:
        duet: Rounds of a tree against itself.
        rounds_needed: Gives, for noise between rounds and a limit, the rounds that answer;
            None if none do.
        block_changes: As for design_effect; empty if nobody took them down.
        round_s: As MetricNoise.round_s.

    Raises:
        TooFewSamplesError: If there are fewer than NOISE_ROUNDS_MIN rounds.
        SampleError: If a sample is not finite and > 0.
    """
    changes = _log_ratios(duet)
    if len(changes) < NOISE_ROUNDS_MIN:
        raise TooFewSamplesError(
            f"{duet.benchmark} {duet.metric}: {len(changes)} rounds; noise wants at least "
            f"{NOISE_ROUNDS_MIN}: allow more time, or name fewer benchmarks"
        )
    noise = robust_scale(changes)
    return MetricNoise(
        benchmark=duet.benchmark,
        metric=duet.metric,
        round_count=len(changes),
        noise_ratio=noise,
        bias_ratio=math.expm1(median(changes)),
        beyond_count=sum(change > math.log1p(_ALARM_RATIO) for change in changes),
        rounds_needed=tuple(
            RoundsNeeded(limit_ratio=limit, round_count=rounds_needed(noise, limit))
            for limit in NOISE_LIMITS
        ),
        design_effect=design_effect(block_changes),
        round_s=round_s,
    )


def design_effect(rounds: Sequence[Sequence[float]]) -> float | None:
    """
    Return how many times the variance between rounds is what independent blocks would make it.

    With 1, every pair of blocks of a process tells something new, and one long round is as
    good as many short ones. With 20, twenty blocks of one process tell as much as one.

    Args:
        rounds: Of each round, log(head / base) of its pairs of blocks.

    Returns:
        None for fewer than five rounds of two pairs or more, or if blocks do not differ.

    Source: Kish, *Survey Sampling* (1965), section 5.4, for clusters of equal size.
    """
    usable = [changes for changes in rounds if len(changes) > 1]
    if len(usable) < NOISE_ROUNDS_MIN:
        return None
    expected = median(variance(changes) / len(changes) for changes in usable)
    if expected == 0:
        return None
    return robust_scale([fmean(changes) for changes in usable]) ** 2 / expected


def _log_ratios(duet: DuetRun) -> list[float]:
    for value in (*duet.base, *duet.head):
        if not 0 < value < math.inf:
            raise SampleError(
                f"{duet.benchmark} {duet.metric}: a round gave {value}; want finite, > 0: let "
                "the benchmark take longer"
            )
    return [math.log(head / base) for base, head in zip(duet.base, duet.head, strict=True)]
