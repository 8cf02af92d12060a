"""
Whether most benchmarks of a suite moved together.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import median
from typing import Final

from agent_perf.records import SuiteShift
from agent_perf.stats.sampled import SampledCase

_UNIT: Final = "s"

_BENCHMARKS_MIN: Final = 8
"""With fewer, the widest interval of order statistics does not reach 99 %."""

_MISS: Final = 0.005
"""Of either bound of the interval."""

_SHIFT_MIN: Final = math.log1p(0.02)
"""A smaller move is of no interest, however sure it is."""


def suite_shift(cases: Sequence[SampledCase]) -> SuiteShift | None:
    """
    Return the move of most benchmarks at once; None if there is none, or too few to tell.

    Base and head take turns, so that a machine that becomes slow while it measures moves
    neither: what moves all is another interpreter, another library, or code that all of
    them run through. It is no reason to doubt a regression, but the first to look at.

    A benchmark counts once, with the median of its metrics in seconds. The move is the
    median over benchmarks, with an interval of 99 % from their order alone, which needs
    no more than that they are independent; it is told from 2 % on.

    Args:
        cases: Of one suite; of one benchmark there may be several.

    Source: Hahn & Meeker, *Statistical Intervals* (1991), section 5.2.
    """
    found: dict[str, list[float]] = {}
    for case in cases:
        if case.duet.unit == _UNIT and case.first.worse is not None:
            found.setdefault(case.duet.benchmark, []).append(case.first.worse.centre)
    moves = sorted(map(median, found.values()))
    if len(moves) < _BENCHMARKS_MIN:
        return None
    cut = _outside(len(moves))
    low, centre, high = moves[cut], median(moves), moves[-1 - cut]
    if abs(centre) < _SHIFT_MIN or low <= 0 <= high:
        return None
    return SuiteShift(
        change_ratio=math.expm1(centre),
        interval=(math.expm1(low), math.expm1(high)),
        benchmark_count=len(moves),
        standing_out=tuple(
            (case.duet.benchmark, case.duet.metric)
            for case in cases
            if case.limit is not None and case.first.low - _shared(case, centre) > case.limit
        ),
    )


def _shared(case: SampledCase, move: float) -> float:
    """Return what of *move* a metric has part in: memory does not follow the time of others."""
    return move if case.duet.unit == _UNIT else 0.0


def _outside(count: int) -> int:
    """Return how many of *count* values on either side the interval of the median leaves out."""
    out, below = -1, 0.0
    while (below := below + math.comb(count, out + 1) / 2**count) <= _MISS:
        out += 1
    return out
