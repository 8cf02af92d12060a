"""
How many rounds an answer takes, by how much rounds differ.
"""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import Final

from agent_perf.errors import SampleError
from agent_perf.stats.duet import LOOKS
from agent_perf.stats.student_t import t_quantile

_MISS_PROBABILITY: Final = 0.01 / len(LOOKS)
_TRIMMED_EXCESS: Final = 1.14
"""
Variance of a 20 % trimmed mean of normal values over that of their mean, for many values.

Source: Wilcox, *Introduction to Robust Estimation and Hypothesis Testing* (2012), section 3.3.
"""


def rounds_needed(noise_ratio: float, limit_ratio: float, power: float = 0.9) -> int | None:
    """
    Return the rounds after which equal code is known to be within its limit.

    Those are the rounds of a look: nothing is decided between two. With as many, a change by
    twice the limit is suspected as often.

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
    for look in LOOKS:
        error = noise_ratio * math.sqrt(_TRIMMED_EXCESS / look)
        freedom = look - 2 * (look // 5) - 1
        quantile = t_quantile(1 - _MISS_PROBABILITY, freedom)
        if _power(math.log1p(limit_ratio), error, quantile, freedom) >= power:
            return look
    return None


def _power(distance: float, error: float, quantile: float, freedom: int) -> float:
    """
    Return how often a t interval of *quantile* around 0 stays below *distance*.

    Source: Abramowitz & Stegun, *Handbook of Mathematical Functions*, 26.7.10, for the
    noncentral t distribution: the interval's length varies, too.
    """
    if error == 0:
        return 1.0
    reach = distance / error - quantile * (1 - 1 / (4 * freedom))
    return NormalDist().cdf(reach / math.sqrt(1 + quantile**2 / (2 * freedom)))
