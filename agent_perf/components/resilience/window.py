"""
The share of calls that failed lately, in a ring of ten buckets.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from agent_perf.errors import ConfigError

_BUCKETS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureRatio:
    """
    Which share of failures is too large.

    Attributes:
        ratio: Failed calls per call, 0 < ratio <= 1, at which it is.
        calls_min: Calls below which nothing is said, >= 1.
        window_s: How long a call counts, > 0 and finite; resolved to a tenth.
    """

    ratio: float = 0.5
    calls_min: int = 20
    window_s: float = 10.0

    def __post_init__(self) -> None:
        if not 0 < self.ratio <= 1 or self.calls_min < 1 or not 0 < self.window_s < math.inf:
            raise ConfigError(f"{self}; want 0 < ratio <= 1, calls_min >= 1, finite window_s > 0")


class FailureWindow:
    """
    Counts calls and failures of the last *window_s* seconds.

    Example::

        window = FailureWindow(FailureRatio(ratio=0.5, calls_min=20, window_s=10))
        window.add(now_s, failed=True)
    """

    __slots__ = ("_bucket", "_bucket_s", "_calls", "_failures", "_limit", "calls", "failures")

    def __init__(self, limit: FailureRatio) -> None:
        self._limit = limit
        self._bucket_s = limit.window_s / _BUCKETS
        self.clear()

    def clear(self) -> None:
        """Forget all calls."""
        self._bucket: float = -math.inf
        self._calls = [0] * _BUCKETS
        self._failures = [0] * _BUCKETS
        self.calls = self.failures = 0

    def add(self, now_s: float, *, failed: bool) -> None:
        """Count a call that ended at *now_s*."""
        bucket = now_s // self._bucket_s
        if bucket != self._bucket:
            self._advance(bucket)
        index = int(bucket) % _BUCKETS
        self.calls += 1
        self._calls[index] += 1
        if failed:
            self.failures += 1
            self._failures[index] += 1

    @property
    def is_too_bad(self) -> bool:
        """Whether the share of failures has reached the limit."""
        limit = self._limit
        return self.calls >= limit.calls_min and self.failures >= limit.ratio * self.calls

    def _advance(self, bucket: float) -> None:
        gap = bucket - self._bucket
        if not 0 < gap < _BUCKETS:
            # A long pause, or a clock that jumped back: what is known is of another time.
            self.clear()
        else:
            for passed in range(1, int(gap) + 1):
                index = int(self._bucket + passed) % _BUCKETS
                self.calls -= self._calls[index]
                self.failures -= self._failures[index]
                self._calls[index] = self._failures[index] = 0
        self._bucket = bucket
