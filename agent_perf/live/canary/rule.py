"""
When a candidate is surely worse than the stable service, and when it is surely fine.

With a limit of 20 %: *worse* is surely above the half of it, *fine* surely below the whole. What
lies between may be called either; the gap is what makes an answer possible in a bounded time.
"""

from __future__ import annotations

import enum
import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from agent_perf.errors import ConfigError
from agent_perf.stats import (
    BATCHES_MIN,
    Shift,
    Side,
    failed_shift,
    look_levels,
    quantile_shift,
)

FALSE_ROLLBACK: Final = 0.01
"""
Probability at most that a candidate which is worse by no more than half of each limit is rolled
back: over all steps, metrics and looks of a canary together.
"""

FALSE_PROMOTION: Final = 0.01
"""Probability at most, over all looks of a step, that what is beyond a limit is called fine."""

BATCH_S_MIN: Final = 2.0
"""Shorter batches would hide that one pause of a second slows many requests."""

BATCHES_MAX: Final = 40
"""Longer batches are less alike; with more than forty, Student's t is hardly narrower."""

_LOOKS_GROW_BY: Final = 1.6


class Answer(enum.Enum):
    """What was found out of one metric."""

    WORSE = "worse"
    FINE = "fine"
    OPEN = "open"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """
    How much worse one metric of the candidate may be.

    Attributes:
        metric: ``latency.p95``, of any percentile; or ``error_ratio``.
        most: Largest change: of a latency candidate / stable - 1, of the errors candidate -
            stable; > 0.
    """

    metric: str
    most: float

    def __post_init__(self) -> None:
        if not 0 < self.most < math.inf:
            raise ConfigError(f"limit of {self.metric} = {self.most}; want finite, > 0")

    @property
    def quantile(self) -> float | None:
        """Of the latency; None for errors."""
        _, found, percent = self.metric.partition("latency.p")
        return float(percent) / 100 if found else None

    @property
    def tolerated(self) -> float:
        """Change up to which the candidate is not rolled back: half of *most*."""
        return self.most / 2 if self.quantile is None else math.sqrt(1 + self.most) - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """
    What one look told of one metric.

    Attributes:
        limit: What it was held against.
        shift: How far apart both sides are.
        answer: What that comes to.
    """

    limit: Limit
    shift: Shift
    answer: Answer


def look_times(length_s: float) -> tuple[float, ...]:
    """
    Return when a step of *length_s* seconds is looked at: soon at first, then seldom.

    Raises:
        ConfigError: If it is too short to be looked at even once.
    """
    first_s = BATCHES_MIN * BATCH_S_MIN
    if length_s < first_s:
        raise ConfigError(
            f"a step of {length_s:g} s is too short to tell anything; want at least {first_s:g} s"
        )
    times = [length_s]
    while times[-1] / _LOOKS_GROW_BY >= first_s:
        times.append(times[-1] / _LOOKS_GROW_BY)
    return tuple(reversed(times))


def batch_count(length_s: float) -> int:
    """Return into how many batches *length_s* seconds are cut."""
    return max(1, min(BATCHES_MAX, int(length_s / BATCH_S_MIN + 1e-9)))


@lru_cache(maxsize=64)
def look_misses(times: tuple[float, ...], tests: int) -> tuple[tuple[float, float], ...]:
    """
    Return for each look the probabilities of its lower and upper limits to be wrong.

    Args:
        times: Of the looks at a step, in seconds.
        tests: How many steps and metrics share the error of rolling back.
    """
    places = tuple(round(time * 1000) for time in times)
    lows = look_levels(FALSE_ROLLBACK / tests, places)
    highs = look_levels(FALSE_PROMOTION, places)
    return tuple(zip(lows, highs, strict=True))


def find(limit: Limit, stable: Side, candidate: Side, misses: tuple[float, float]) -> Finding:
    """
    Return what batches of both sides tell of *limit*.

    Args:
        limit: To hold them against.
        stable: What was seen of it, batch by batch.
        candidate: Likewise, in the same batches.
        misses: Of this look.
    """
    if limit.quantile is None:
        shift = failed_shift(stable, candidate, misses)
    else:
        shift = quantile_shift(stable, candidate, limit.quantile, misses)
    if shift.low > limit.tolerated:
        answer = Answer.WORSE
    elif shift.high < limit.most:
        answer = Answer.FINE
    else:
        answer = Answer.OPEN
    return Finding(limit=limit, shift=shift, answer=answer)
