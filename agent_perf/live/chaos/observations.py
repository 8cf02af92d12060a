"""
What became of each request of an experiment, by its number, in 9 bytes.
"""

from __future__ import annotations

import math
from array import array
from dataclasses import dataclass
from typing import Final

REQUESTS_MAX: Final = 5_000_000
"""45 MB; sixteen days at 3.6 a second, or an hour at 1,400."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """
    Requests that were to be sent in a stretch of time.

    Attributes:
        asked: How many, >= 0.
        good: Of those, how many were answered well.
        latencies_s: Of the good ones, ascending, from when each was to be sent.
    """

    asked: int
    good: int
    latencies_s: tuple[float, ...]


class Observations:
    """
    Requests at a constant rate: number n is to be sent at n / *rate_hz* seconds.

    Args:
        rate_hz: > 0.
        count: How many there will be, 1 to REQUESTS_MAX.
    """

    def __init__(self, rate_hz: float, count: int) -> None:
        assert 0 < count <= REQUESTS_MAX
        self.count = count
        self._rate_hz = rate_hz
        # NaN: nobody knows yet, or it failed.
        self._latency_s = array("d", [math.nan]) * count

    def at_s(self, index: int) -> float:
        """Return when request *index* is to be sent."""
        return index / self._rate_hz

    def end(self, index: int, latency_s: float, *, is_good: bool) -> None:
        """Take note that request *index* ended."""
        if is_good:
            self._latency_s[index] = latency_s

    def cut(self, count: int) -> None:
        """There will be no more than the first *count* requests."""
        self.count = min(self.count, count)

    def first_from(self, at_s: float) -> int:
        """Return the number of the first request at or after *at_s*, at most the count."""
        # A rate that is no power of two makes a whole number of n / rate * rate only nearly.
        return min(self.count, max(0, math.ceil(at_s * self._rate_hz - 1e-9)))

    def sample(self, low: int, high: int) -> Sample:
        """Return what became of the requests from *low* up to, and without, *high*."""
        latencies = sorted(one for one in self._latency_s[low:high] if not math.isnan(one))
        return Sample(asked=high - low, good=len(latencies), latencies_s=tuple(latencies))
