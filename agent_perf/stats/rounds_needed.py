"""
How many rounds an answer takes, by how much rounds differ.
"""

from __future__ import annotations

import math
from typing import Final

from agent_perf.errors import SampleError
from agent_perf.stats.duet import LOOKS, MISS
from agent_perf.stats.spending import look_levels
from agent_perf.stats.student_t import t_quantile
from agent_perf.stats.trimmed import kept_count

_TRIMMED_EXCESS: Final = 1.14
"""
Variance of a 20 % trimmed mean of normal values over that of their mean, for many values.

Source: Wilcox, *Introduction to Robust Estimation and Hypothesis Testing* (2012), section 3.3.
"""

_INTERVALS: Final = 200
"""Of Simpson's rule."""


def rounds_needed(noise_ratio: float, limit_ratio: float, power: float = 0.9) -> int | None:
    """
    Return the rounds after which equal code is known to be within its limit.

    Those are the rounds of a look: nothing is decided between two. With as many, a change by
    twice the limit on the log scale is suspected as often, or more.

    Args:
        noise_ratio: Standard deviation between rounds of log(head / base), >= 0, finite.
        limit_ratio: Largest change for the worse, > 0.
        power: Share of cases that are to be settled, in (0.5, 1).

    Returns:
        None if the last look is too early.

    Raises:
        SampleError: If an argument is out of its range.
    """
    if not (0 <= noise_ratio < math.inf and 0 < limit_ratio < math.inf and 0.5 < power < 1):
        raise SampleError(
            f"rounds for noise {noise_ratio}, limit {limit_ratio}, power {power}; want noise >= 0, "
            "a limit > 0 and a power between 0.5 and 1"
        )
    # No noise at all takes as many rounds as hardly any, and cannot be divided by.
    noise = max(noise_ratio, 1e-9)
    for look, miss in zip(LOOKS, look_levels(MISS, LOOKS), strict=True):
        kept = kept_count(look)
        excess = _TRIMMED_EXCESS if kept < look else 1.0
        room = math.log1p(limit_ratio) / (noise * math.sqrt(excess / look))
        if _beyond(t_quantile(1 - miss, kept - 1), kept - 1, room) >= power:
            return look
    return None


def _beyond(quantile: float, freedom: int, shift: float) -> float:
    """
    Return the probability that a noncentral t exceeds *quantile*.

    It is that of (Z + shift) / U > quantile, over U, the root of a mean of *freedom* squares
    of standard normal values: Johnson, Kotz & Balakrishnan, *Continuous Univariate
    Distributions* 2 (1995), section 31.4.
    """
    top = 1 + 9 / math.sqrt(2 * freedom)
    width = top / _INTERVALS
    scale = math.log(2) + freedom / 2 * math.log(freedom / 2) - math.lgamma(freedom / 2)
    total = 0.0
    for index in range(1, _INTERVALS + 1):
        u = index * width
        density = math.exp(scale + (freedom - 1) * math.log(u) - freedom * u * u / 2)
        weight = 1 if index == _INTERVALS else 4 if index % 2 else 2
        total += weight * density * math.erfc((quantile * u - shift) / math.sqrt(2)) / 2
    return total * width / 3
