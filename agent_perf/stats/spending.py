"""
How sure each look must be, so that all looks together are as sure as they should.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Final

from agent_perf.errors import SampleError

_INTERVALS: Final = 128
"""Of Simpson's rule; with twice as many, our looks' levels change by three millionths."""

_FAR: Final = 8.0
"""Standard deviations beyond which there is nothing."""


@lru_cache(maxsize=256)
def look_levels(miss_probability: float, looks: tuple[int, ...]) -> tuple[float, ...]:
    """
    Return the one-sided level of the interval at each look.

    A bound that is looked at again and again is crossed by chance sooner or later. With
    these levels the chance is *miss_probability* over all looks: at look n of N, a share
    of sqrt(n / N) of it is spent. That spends much at the first looks, where equal code
    is settled: with noise of 5 % a round and a limit of 15 % it takes 6.4 rounds, with
    shares of n / N 7.5; and with the same level at each look, by Bonferroni's inequality,
    a slow-down by 20 % would be found in 98.4 % of cases instead of 99.2 %. The levels
    are those of a normal mean with known variance; as levels of a t interval they hold
    nearly (Pocock, *Biometrika* 64 (1977), the significance level approach).

    Args:
        miss_probability: Of the bound to be wrong at any look; in (0, 0.5).
        looks: Observations at each look, ascending, >= 1.

    Raises:
        SampleError: If an argument is out of its range.

    Source: Lan & DeMets, *Biometrika* 70 (1983), for spending; Kim & DeMets, *Biometrika*
    74 (1987), for powers of n / N; Armitage, McPherson & Rowe, *JRSS A* 132 (1969), for
    the recursion; Jennison & Turnbull, *Group Sequential Methods* (2000), chapters 7, 19.
    """
    if not 0 < miss_probability < 0.5:
        raise SampleError(f"miss probability {miss_probability}; want one in (0, 0.5)")
    if not looks or any(after <= before for before, after in pairwise((0, *looks))):
        raise SampleError(f"looks {looks}; want ascending numbers of observations, from 1")
    levels = []
    spent = 0.0
    # Where the sum of all observations so far lies, with the bound not yet crossed.
    places: Sequence[tuple[float, float]] = ((0.0, 1.0),)
    for before, look in pairwise((0, *looks)):
        due = miss_probability * math.sqrt(look / looks[-1])
        step = math.sqrt(look - before)
        bound = _bound(places, step, math.sqrt(look) * _FAR, due - spent)
        levels.append(_above(bound / math.sqrt(look)))
        places = _below(places, step, -math.sqrt(look) * _FAR, bound)
        spent = due
    return tuple(levels)


def _bound(
    places: Sequence[tuple[float, float]], step: float, top: float, probability: float
) -> float:
    """Return the bound that is crossed with *probability* by one step from *places*."""
    low, high = 0.0, top
    for _ in range(60):
        middle = (low + high) / 2
        crossed = math.fsum(mass * _above((middle - place) / step) for place, mass in places)
        if crossed > probability:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def _below(
    places: Sequence[tuple[float, float]], step: float, low: float, bound: float
) -> Sequence[tuple[float, float]]:
    """Return where one step from *places* leads, as far as that is below *bound*."""
    width = (bound - low) / _INTERVALS
    factor = width / 3 / (step * math.sqrt(2 * math.pi))
    found = []
    for index in range(_INTERVALS + 1):
        weight = 1 if index in {0, _INTERVALS} else 4 if index % 2 else 2
        to = low + index * width
        density = math.fsum(
            mass * math.exp(-(((to - place) / step) ** 2) / 2) for place, mass in places
        )
        found.append((to, weight * factor * density))
    return found


def _above(z: float) -> float:
    return math.erfc(z / math.sqrt(2)) / 2
