"""
Student's t for whole degrees of freedom, in closed form.
"""

from __future__ import annotations

import math
from functools import lru_cache

from agent_perf.errors import SampleError


@lru_cache(maxsize=256)
def t_quantile(probability: float, freedom: int) -> float:
    """
    Return the *probability*-quantile of Student's t with *freedom* degrees of freedom.

    Args:
        probability: 0 < probability < 1. Right to 12 digits between .0005 and .9995, to
            7 at 1e-9 from either end.
        freedom: >= 1.

    Raises:
        SampleError: If an argument is out of its range.
    """
    if not 0 < probability < 1 or freedom < 1:
        raise SampleError(
            f"t quantile at {probability} with {freedom} degrees of freedom; "
            "want a probability in (0, 1) and at least one degree"
        )
    if probability < 0.5:
        return -t_quantile(1 - probability, freedom)
    # The mass within ±t rises with the angle atan(t / sqrt(freedom)): bisect that, for it
    # is bounded. 64 halvings of [0, π/2] use up a float's digits.
    within = 2 * probability - 1
    low, high = 0.0, math.pi / 2
    for _ in range(64):
        middle = (low + high) / 2
        if _mass_within(middle, freedom) < within:
            low = middle
        else:
            high = middle
    return math.sqrt(freedom) * math.tan((low + high) / 2)


def _mass_within(angle: float, freedom: int) -> float:
    """
    Return P(|T| <= sqrt(freedom) tan(angle)).

    Source: Abramowitz & Stegun, *Handbook of Mathematical Functions*, 26.7.3 and 26.7.4.
    """
    sine, cosine = math.sin(angle), math.cos(angle)
    odd = freedom % 2
    term = cosine if odd else 1.0
    total = term if freedom > 1 else 0.0
    for k in range(2 + odd, freedom - 1, 2):
        term *= cosine * cosine * (k - 1) / k
        total += term
    return 2 / math.pi * (angle + sine * total) if odd else sine * total
