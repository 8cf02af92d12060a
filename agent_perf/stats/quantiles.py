"""
Quantiles that are real observations, found with integers only.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import TypeVar

from agent_perf.errors import SampleError, TooFewSamplesError

_Number = TypeVar("_Number", int, float)


def nearest_rank(ordered: Sequence[_Number], q: str | Fraction) -> _Number:
    """
    Return the *q*-quantile of *ordered*: its element of rank ceil(q n), counted from 1.

    Args:
        ordered: n >= 1 observations, ascending, in any unit.
        q: 0 < q < 1, exact: ``"0.95"`` or a Fraction. A float is refused, because
            0.95 * 20 or 0.07 * 100 need not be the whole number that they look like.

    Raises:
        TooFewSamplesError: If n < samples_needed(q).
        SampleError: If *q* is no quantile.

    Source: Hyndman & Fan, "Sample Quantiles in Statistical Packages" (1996), definition 1.
    """
    share = exact_share(q)
    needed = samples_needed(share)
    if len(ordered) < needed:
        raise TooFewSamplesError(
            f"P{float(share) * 100:g} of {len(ordered)} samples would be their maximum; "
            f"want at least {needed}: make more requests, or ask for a lower quantile"
        )
    return ordered[rank_of(share, len(ordered)) - 1]


def rank_of(q: str | Fraction, count: int) -> int:
    """
    Return the rank of the *q*-quantile of *count* >= 1 observations, counted from 1: ceil(q n).

    Raises:
        SampleError: If *q* is no quantile.
    """
    return _ceil(count * exact_share(q))


def samples_needed(q: str | Fraction) -> int:
    """
    Return how many observations carry the *q*-quantile: 20 for P95, 100 for P99.

    With fewer than 1 / (1 - q) of them a tail quantile is the maximum under another
    name. Up to the median one observation will do.
    """
    share = exact_share(q)
    return _ceil(1 / (1 - share)) if share > Fraction(1, 2) else 1


def exact_share(q: str | Fraction) -> Fraction:
    """
    Return *q* as an exact fraction, 0 < q < 1.

    Raises:
        SampleError: If it is not.
    """
    if not isinstance(q, str | Fraction):
        raise SampleError(f'quantile {q!r} is not exact; write it as "{q}" or as a Fraction')
    try:
        share = Fraction(q)
    except (ValueError, ZeroDivisionError):
        share = Fraction(0)
    if not 0 < share < 1:
        raise SampleError(f"quantile {q!s}; want 0 < q < 1, such as 0.95")
    return share


def _ceil(value: Fraction) -> int:
    return -(-value.numerator // value.denominator)
