"""
The rounds of one duet against its limit, at a few fixed looks.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from agent_perf.errors import SampleError
from agent_perf.records import DuetRun
from agent_perf.stats.direction import Direction, direction
from agent_perf.stats.spending import look_levels
from agent_perf.stats.trimmed import TrimmedMean, trimmed_mean

LOOKS: Final = (4, 6, 9, 14, 22, 34, 52)
"""
Rounds after which a duet is judged: a clear case ends early, and none goes on for ever.

Each look is about half as much again as the one before. Without the last one, a slow-down
by 20 % with noise of 5 % a round would be found in 90.5 instead of 99.2 % of 10,000 cases.
"""

MISS: Final = 0.008
"""
Probability that a bound of an interval is wrong, over all looks, by t quantiles.

They are a little too short for trimmed means of a few rounds: it comes to 1 %.
"""


class Answer(enum.Enum):
    """What rounds say of a change for the worse."""

    WITHIN = "within"
    """It is surely below the limit."""
    BEYOND = "beyond"
    """It is surely above the limit, as sure as was asked for."""
    OPEN = "open"
    """Neither."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stand:
    """
    What rounds say at the look that settled it, or else at the last look they reached.

    Attributes:
        answer: What they say.
        round_count: Rounds behind it: those up to that look; 0 before the first.
        worse: Log ratio of the change for the worse; None before the first look.
        reach: How far the true value may lie from it, with MISS to either side.
    """

    answer: Answer
    round_count: int
    worse: TrimmedMean | None
    reach: float = math.inf

    @property
    def low(self) -> float:
        """Lower bound of the change for the worse, as a log ratio."""
        return -math.inf if self.worse is None else self.worse.centre - self.reach

    @property
    def high(self) -> float:
        """Upper bound likewise."""
        return math.inf if self.worse is None else self.worse.centre + self.reach


def stand(worse: Sequence[float], limit: float | None, beyond_miss: float) -> Stand:
    """
    Return what rounds say of a change for the worse.

    The looks are taken in turn, and the first that settles it counts: rounds after it,
    and rounds between two looks, change nothing, for each further look would add to the
    chance of an error.

    Args:
        worse: Log ratio of each round, positive for the worse, finite, in order.
        limit: Log of the largest ratio allowed; None if there is none, or nothing shall
            settle it: then the answer stays open.
        beyond_miss: Probability of BEYOND, at any look, if the limit is kept; in (0, 0.5).
            That of WITHIN if it is not kept is MISS.
    """
    found = Stand(answer=Answer.OPEN, round_count=0, worse=None)
    levels = zip(LOOKS, look_levels(MISS, LOOKS), look_levels(beyond_miss, LOOKS), strict=True)
    for look, miss, beyond in levels:
        if look > len(worse):
            break
        mean = trimmed_mean(worse[:look])
        answer = Answer.OPEN
        reach = mean.reach(miss)
        if limit is not None:
            if mean.centre + reach < limit:
                answer = Answer.WITHIN
            elif mean.centre - mean.reach(beyond) > limit:
                answer = Answer.BEYOND
        found = Stand(answer=answer, round_count=look, worse=mean, reach=reach)
        if answer is not Answer.OPEN:
            break
    return found


def worse_log_ratios(duet: DuetRun) -> tuple[float, ...]:
    """
    Return the log ratio of head to base in each round, positive if the head is worse.

    Raises:
        SampleError: If a sample is not finite and > 0.
    """
    for side, values in (("base", duet.base), ("head", duet.head)):
        for index, value in enumerate(values, 1):
            if not (math.isfinite(value) and value > 0):
                raise SampleError(
                    f"{duet.benchmark} {duet.metric}: {side} gave {value} in round {index}; "
                    "want finite, > 0: measure more calls a round, or mend the benchmark"
                )
    sign = 1 if direction(duet.metric) is Direction.LESS_IS_BETTER else -1
    return tuple(
        sign * math.log(head / base) for base, head in zip(duet.base, duet.head, strict=True)
    )
