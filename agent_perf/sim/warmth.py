"""
What work costs on a busy loop: less than on one that has just been woken.

A process that sleeps and wakes finds its caches cold, and one thing to do each time; a busy one
finds several, and does the same work for less. In a burst that is so at once, and it is what
keeps a backlog from growing: with one cost for all moments, the mean of a rate, the P95 at 70 %
of the limit came out up to twice too long (docs/validation.md).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from typing import Final

from agent_perf.errors import ConfigError

MEMORY_NS: Final = 5_000_000
"""How far back a loop's being busy counts: about as long as the work of one request takes."""

Factors = tuple[tuple[float, float], ...]


def check_factors(factors: Factors) -> None:
    """
    Raises:
        ConfigError: If *factors* are not pairs of a share, ascending from 0 to 1, and a number
            above 0.
    """
    if not factors:
        return
    shares = [share for share, _ in factors]
    if shares != sorted(set(shares)) or (shares[0], shares[-1]) != (0.0, 1.0):
        raise ConfigError(f"shares {shares} of a busy loop; want them to ascend from 0 to 1")
    for _, factor in factors:
        if not 0 < factor < float("inf"):
            raise ConfigError(f"factor {factor} of a busy loop's costs; want a number above 0")


class Warmth:
    """
    How busy a loop was of late, and so what work on it costs.

    Sums, products and quotients alone, whose last bits are the same on every machine.

    Args:
        factors: Share of the last `MEMORY_NS` that the loop was busy, to how many times its cost
            alone work takes; as `check_factors` wants them, and not empty.
        now_ns: Reads the loop's clock.
    """

    def __init__(self, factors: Factors, now_ns: Callable[[], int]) -> None:
        self._shares = [share for share, _ in factors]
        self._factors = [factor for _, factor in factors]
        self._now_ns = now_ns
        self._busy = 0.0
        self._until_ns = now_ns()

    def priced(self, ns: int) -> int:
        """Return what work that takes *ns* alone costs now, and take note that it is done."""
        now_ns = self._now_ns()
        idle_ns = max(0, now_ns - self._until_ns)
        self._busy *= MEMORY_NS / (MEMORY_NS + idle_ns)
        spent_ns = round(ns * _between(self._busy, self._shares, self._factors))
        self._busy = 1 - (1 - self._busy) * MEMORY_NS / (MEMORY_NS + spent_ns)
        self._until_ns = now_ns + spent_ns
        return spent_ns


def _between(x: float, xs: Sequence[float], ys: Sequence[float]) -> float:
    """Return the value at *x* of the line through the points *xs*, ascending, and *ys*."""
    last = min(max(bisect_right(xs, x), 1), len(xs) - 1)
    low, high = xs[last - 1], xs[last]
    return ys[last - 1] + (ys[last] - ys[last - 1]) * (x - low) / (high - low)
