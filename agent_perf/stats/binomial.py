"""
How far a share that was counted may be from the true one, exactly, also where little was counted.
"""

from __future__ import annotations

import math
from functools import lru_cache
from statistics import NormalDist
from typing import Final

from agent_perf.errors import SampleError

_TINY: Final = 1e-300
_STEPS_MAX: Final = 500


@lru_cache(maxsize=4096)
def share_limits(count: float, total: float, miss_probability: float) -> tuple[float, float]:
    """
    Return the one-sided lower and upper limits of a share, of which *count* in *total* were seen.

    Args:
        count: How many were, 0 <= count <= total; need not be whole, since what depends on each
            other counts for less.
        total: Of how many, > 0.
        miss_probability: Of each limit to be passed by the true share; in (0, 0.5).

    Raises:
        SampleError: If an argument is out of its range.

    Source: Clopper & Pearson, *Biometrika* 26 (1934); with effective counts as in Korn &
    Graubard, *Survey Methodology* 24 (1998).
    """
    if not 0 < total < math.inf or not 0 <= count <= total or not 0 < miss_probability < 0.5:
        raise SampleError(f"{count} of {total} at {miss_probability}; want a share, and (0, 0.5)")
    low = 0.0 if count == 0 else beta_quantile(miss_probability, count, total - count + 1)
    if count == total:
        return low, 1.0
    # From its other end, for its distance to 1 may be smaller than a number near 1 is known to.
    high = 1.0 - beta_quantile(miss_probability, total - count, count + 1)
    return low, high


def beta_quantile(probability: float, a: float, b: float) -> float:
    """
    Return the *probability*-quantile of the beta distribution with *a*, *b* > 0.
    """
    scale = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)
    low, high, x = 0.0, 1.0, a / (a + b)
    for _ in range(200):
        excess = _below(x, a, b, scale) - probability
        if excess > 0:
            high = x
        else:
            low = x
        density = math.exp(scale + (a - 1) * math.log(x) + (b - 1) * math.log1p(-x))
        step = excess / density if density > _TINY else math.inf
        # Newton's step, unless it leaves what is known to hold the quantile.
        after = x - step if low < x - step < high else (low + high) / 2
        if abs(after - x) <= 1e-12 * x or not low < after < high:
            return after
        x = after
    return x


def _below(x: float, a: float, b: float, scale: float) -> float:
    """Return the mass of the beta distribution below *x*: Abramowitz & Stegun, 26.5.8."""
    front = math.exp(scale + a * math.log(x) + b * math.log1p(-x))
    if x < (a + 1) / (a + b + 2):
        return front * _fraction(x, a, b) / a
    return 1 - front * _fraction(1 - x, b, a) / b


def _fraction(x: float, a: float, b: float) -> float:
    """Return the continued fraction of 26.5.8, by Lentz's method."""
    c, d = 1.0, 1 - (a + b) * x / (a + 1)
    d = 1 / (d if abs(d) > _TINY else _TINY)
    value = d
    for m in range(1, _STEPS_MAX):
        for term in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d = 1 + term * d
            d = 1 / (d if abs(d) > _TINY else _TINY)
            c = 1 + term / c
            c = c if abs(c) > _TINY else _TINY
            value *= c * d
        if abs(c * d - 1) < 1e-14:
            return value
    return value


@lru_cache(maxsize=4096)
def rank_limits(total: float, q: float, miss_probability: float) -> tuple[float, float]:
    """
    Return between which ranks of *total* observations the true *q*-quantile lies.

    Args:
        total: Observations, > 0; need not be whole.
        q: 0 < q < 1.
        miss_probability: Of each limit to be wrong; in (0, 0.5).

    Returns:
        The largest rank that is surely not above it, or -1 if there is none; and the smallest
        rank that is surely not below it, or infinity.
    """
    if not 0 < total < math.inf or not 0 < q < 1 or not 0 < miss_probability < 0.5:
        raise SampleError(f"{q}-quantile of {total} at {miss_probability}; want each in its range")
    low, high = -1.0, math.inf
    if (1 - q) ** total <= miss_probability:
        low = _rank_below(total, q, miss_probability)
    if q**total <= miss_probability:
        high = total - _rank_below(total, 1 - q, miss_probability)
    return low, high


def _rank_below(total: float, q: float, miss_probability: float) -> float:
    """Return the largest rank that as many of *total* or fewer reach with that probability."""
    spread = math.sqrt(total * q * (1 - q))
    rank = total * q + NormalDist().inv_cdf(miss_probability) * spread
    low, high = 0.0, total
    # By the secant of the logarithm, which is nearly straight there, within what is known.
    before: tuple[float, float] | None = None
    for _ in range(100):
        rank = rank if low < rank < high else (low + high) / 2
        value = math.log(max(_tail(total - rank, rank + 1, 1 - q), _TINY) / miss_probability)
        low, high = (rank, high) if value <= 0 else (low, rank)
        if abs(value) < 1e-9 or high - low < 1e-9 * total:
            break
        if before is None:
            before, rank = (rank, value), rank - 0.1 * spread * math.copysign(1.0, value)
            continue
        slope = (value - before[1]) / (rank - before[0]) if rank != before[0] else 0.0
        before, rank = (rank, value), rank - value / slope if slope > 0 else -1.0
    return rank


def _tail(a: float, b: float, x: float) -> float:
    return _below(x, a, b, math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b))
