"""
A rate limiter: the generic cell rate algorithm, in one number.

Source: ITU-T I.371 (2004), annex A, virtual scheduling.
"""

from __future__ import annotations

import asyncio
import heapq
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from agent_perf.components.errors import RateLimitedError
from agent_perf.components.resilience.deadline import time_left_s
from agent_perf.errors import ConfigError


@dataclass(frozen=True, slots=True, kw_only=True)
class RateStats:
    """
    What a limiter has done.

    Attributes:
        waited: Callers that had to wait.
        refused: Callers that were told at once that their turn comes too late.
        given_back: Turns of callers that were cancelled while they waited.
        waiting: Callers that wait now.
    """

    LEVELS: ClassVar[frozenset[str]] = frozenset({"waiting"})

    waited: int
    refused: int
    given_back: int
    waiting: int


class RateLimiter:
    """
    Spaces turns out to *rate_per_s*, with up to *burst* at once after a pause.

    In any stretch of time there are at most burst + rate x length turns, cancelled waits
    and clocks that jump back included. Turns are given in order of asking; one that is
    given back goes to the next who asks. One loop or thread at a time.

    Args:
        rate_per_s: Turns per second in the long run, > 0 and finite.
        burst: Turns at once after a pause, >= 1.
        clock: Monotonic seconds; ``time.monotonic`` if not given.

    Example::

        limiter = RateLimiter(50, burst=10)
        await limiter.acquire()
    """

    __slots__ = (
        "_clock",
        "_due_s",
        "_freed_s",
        "_given_back",
        "_interval_s",
        "_last_s",
        "_refused",
        "_tolerance_s",
        "_waited",
        "_waiting",
    )

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
        self._last_s = -math.inf
        # Such times of turns that were given back; a heap.
        self._freed_s: list[float] = []
        self._waited = self._waiting = self._refused = self._given_back = 0

    def reserve(self) -> float:
        """Take a turn, and return how many seconds from now it comes; 0 for at once."""
        now_s = self._clock()
        return max(0.0, self._take(now_s) - now_s - self._tolerance_s)

    def try_acquire(self) -> bool:
        """Take a turn if one can be had at once, and return whether that was so."""
        now_s = self._clock()
        due_s = self._take(now_s)
        if due_s - now_s <= self._tolerance_s:
            return True
        self._give_back(due_s)
        self._refused += 1
        return False

    async def acquire(self) -> None:
        """
        Take a turn, waiting for it; a cancelled wait gives the turn back.

        Raises:
            RateLimitedError: If it would come after the caller's `Deadline`; it is not taken.
        """
        now_s = self._clock()
        due_s = self._take(now_s)
        wait_s = due_s - now_s - self._tolerance_s
        if wait_s > 0:
            await self._wait(due_s, wait_s)

    def stats(self) -> RateStats:
        """Return what happened to those who asked."""
        return RateStats(
            waited=self._waited,
            refused=self._refused,
            given_back=self._given_back,
            waiting=self._waiting,
        )

    async def _wait(self, due_s: float, wait_s: float) -> None:
        if wait_s > (left_s := time_left_s()):
            self._give_back(due_s)
            self._refused += 1
            raise RateLimitedError(
                f"the next turn comes in {wait_s:.3g} s; the deadline in {left_s:.3g} s",
                retry_after_s=wait_s,
            )
        self._waited += 1
        self._waiting += 1
        try:
            await asyncio.sleep(wait_s)
        except asyncio.CancelledError:
            self._give_back(due_s)
            self._given_back += 1
            raise
        finally:
            self._waiting -= 1

    def _take(self, now_s: float) -> float:
        """Return when the turn taken falls due; it may be had a tolerance earlier."""
        if now_s < self._last_s:
            self._follow_clock_back(now_s - self._last_s)
        self._last_s = now_s
        due_s = self._due_s
        if due_s <= now_s:
            self._due_s = now_s + self._interval_s
            if self._freed_s:
                self._freed_s.clear()
            return now_s
        freed_s = self._freed_s
        while freed_s:
            # One that has passed is gone: what it would have carried is in the burst.
            if (earliest_s := heapq.heappop(freed_s)) >= now_s:
                return earliest_s
        self._due_s = due_s + self._interval_s
        return due_s

    def _give_back(self, due_s: float) -> None:
        # By shortening the queue only if it is the last: else those behind keep their times,
        # and the next to come would get the time of the last of them.
        if due_s + self._interval_s == self._due_s:
            self._due_s = due_s
        # After a jump of the clock the time may be of another day.
        elif due_s < self._due_s:
            heapq.heappush(self._freed_s, due_s)

    def _follow_clock_back(self, jump_s: float) -> None:
        # Kept as they were, turns would not fall due until the clock is where it has been.
        self._due_s += jump_s
        self._freed_s = [freed_s + jump_s for freed_s in self._freed_s]
