"""
A rate limiter: the generic cell rate algorithm, in one number.

Source: ITU-T I.371 (2004), annex A, virtual scheduling.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable

from agent_perf.errors import ConfigError


class RateLimiter:
    """
    Spaces turns out to *rate_per_s*, with up to *burst* at once after a pause.

    Turns are given in order of asking. One loop or thread at a time.

    Args:
        rate_per_s: Turns per second in the long run, > 0 and finite.
        burst: Turns at once after a pause, >= 1.
        clock: Monotonic seconds; ``time.monotonic`` if not given.

    Example::

        limiter = RateLimiter(50, burst=10)
        await limiter.acquire()
    """

    __slots__ = ("_clock", "_due_s", "_interval_s", "_tolerance_s")

    def __init__(
        self, rate_per_s: float, *, burst: int = 1, clock: Callable[[], float] | None = None
    ) -> None:
        if not 0 < rate_per_s < math.inf or burst < 1:
            raise ConfigError(
                f"rate_per_s={rate_per_s}, burst={burst}; want a finite rate > 0 and a burst >= 1"
            )
        self._interval_s = 1.0 / rate_per_s
        self._tolerance_s = (burst - 1) / rate_per_s
        self._clock = time.monotonic if clock is None else clock
        # When the next turn falls due if turns were evenly spaced: the "theoretical arrival time".
        self._due_s = -math.inf

    def reserve(self) -> float:
        """Take a turn, and return how many seconds from now it comes; 0 for at once."""
        now_s = self._clock()
        due_s = self._due_s
        if due_s <= now_s:
            self._due_s = now_s + self._interval_s
            return 0.0
        self._due_s = due_s + self._interval_s
        return max(0.0, due_s - now_s - self._tolerance_s)

    def try_acquire(self) -> bool:
        """Take a turn if one can be had at once, and return whether that was so."""
        before_s = self._due_s
        if self.reserve() == 0.0:
            return True
        self._due_s = before_s
        return False

    async def acquire(self) -> None:
        """Take a turn, waiting for it; a cancelled wait gives the turn back."""
        wait_s = self.reserve()
        if wait_s:
            try:
                await asyncio.sleep(wait_s)
            except asyncio.CancelledError:
                self._due_s -= self._interval_s
                raise
