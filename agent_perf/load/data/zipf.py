"""
Keys as people ask for them: a few most of the time.
"""

from __future__ import annotations

from bisect import bisect_right
from fractions import Fraction
from itertools import accumulate
from math import isqrt
from typing import Final

from agent_perf.errors import ConfigError

KEYS_MAX: Final = 1_000_000
_U53_BITS: Final = 53


class Zipf:
    """
    Ranks 0 to *count* - 1, rank k drawn in proportion to 1 / (k + 1)^exponent.

    Weights are integers: powers in quarters are square roots of square roots, which
    integers have exactly, and floats not on every machine.

    Args:
        count: Number of keys, 1 to 1,000,000.
        exponent: 0 (all alike) to 4, a multiple of a quarter; 1 is Zipf's law.

    Raises:
        ConfigError: If one is out of range.

    Example::

        keys = Zipf(10_000, 1.25)
        key = f"product:{keys.at(world.draws.u53('product'))}"
    """

    def __init__(self, count: int, exponent: float = 1.0) -> None:
        if type(count) is not int or not 1 <= count <= KEYS_MAX:
            raise ConfigError(f"count={count}; want 1 to {KEYS_MAX:,} keys")
        quarters = exponent * 4
        if not 0 <= quarters <= 16 or quarters != int(quarters):
            raise ConfigError(f"exponent={exponent}; want a multiple of 0.25 from 0 to 4")
        power = int(quarters)
        self.count = count
        self._bounds = list(accumulate(_weight(rank, power) for rank in range(1, count + 1)))

    def at(self, u53: int) -> int:
        """Return the rank at cumulative probability *u53* / 2^53, 0 <= u53 < 2^53."""
        return bisect_right(self._bounds, u53 * self._bounds[-1] >> _U53_BITS)

    def share(self, rank: int) -> Fraction:
        """Return the probability of *rank*, exactly as it is drawn but for the 53 bits."""
        before = self._bounds[rank - 1] if rank else 0
        return Fraction(self._bounds[rank] - before, self._bounds[-1])


def _weight(rank: int, quarters: int) -> int:
    """Return 2^128 / (2^64 rank^(quarters / 4)), each rounded down."""
    return (1 << 128) // isqrt(isqrt(rank**quarters << 256))
