"""
A table of quantiles, made of latencies that were seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from agent_perf.errors import TooFewSamplesError

SAMPLES_MIN: Final = 59
"""
With fewer, the largest of them is below the P95 with more than 5 % probability: 0.95 ** 59 < 0.05.

Source: Hahn & Meeker, *Statistical Intervals* (1991), 5.3.2.
"""


def quantiles(samples: Sequence[int], grid: Sequence[int], name: str) -> tuple[int, ...]:
    """
    Return the empirical quantiles of *samples* at each point of *grid*, in integers.

    Between two samples they are interpolated. Nothing is made up beyond the samples: the last
    quantile is the largest of them.

    Args:
        samples: In ns, >= 0, in any order.
        grid: Cumulative probabilities times 2**53, from 0 to 2**53, ascending.
        name: Of the table, for messages.

    Raises:
        TooFewSamplesError: If there are fewer than `SAMPLES_MIN`.

    Source: Hyndman & Fan, "Sample Quantiles in Statistical Packages" (1996), definition 7.
    """
    count = len(samples)
    if count < SAMPLES_MIN:
        raise TooFewSamplesError(
            f"table {name!r}: {count} latencies, and a P95 wants {SAMPLES_MIN}; ask more often, "
            "with a larger --count or --max-cost"
        )
    ordered = sorted(samples)
    return tuple(_at(ordered, point, grid[-1]) for point in grid)


def _at(ordered: Sequence[int], point: int, one: int) -> int:
    place, rest = divmod((len(ordered) - 1) * point, one)
    low = ordered[place]
    return low + (ordered[min(place + 1, len(ordered) - 1)] - low) * rest // one
