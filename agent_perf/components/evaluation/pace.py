"""
Requests and tokens per minute, as providers count them.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable

from agent_perf.components.resilience.rate import RateLimiter
from agent_perf.errors import ConfigError


class TokenBucket:
    """
    Lets *rate_per_min* tokens through, in calls of any size, in order of asking.

    A call takes at its beginning the most that it may need, and gives back afterwards what
    it did not. The bucket holds *burst* tokens, and is full at first; a larger call goes
    when it is full, and leaves a debt.

    Args:
        rate_per_min: Tokens per minute, > 0 and finite.
        burst: Tokens at once after a pause, > 0; by default those of one second.
        clock: Monotonic seconds; ``time.monotonic`` if not given.
    """

    def __init__(
        self,
        rate_per_min: float,
        *,
        burst: float | None = None,
        clock: Callable[[], float] | None = None,
    ) -> None:
        burst = rate_per_min / 60 if burst is None else burst
        if not 0 < rate_per_min < math.inf or not 0 < burst < math.inf:
            raise ConfigError(
                f"rate_per_min={rate_per_min}, burst={burst}; want both finite and > 0"
            )
        self._rate_per_s = rate_per_min / 60
        self._burst = burst
        self._clock = time.monotonic if clock is None else clock
        self._level = burst
        self._seen_s = self._clock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._turn = asyncio.Lock()
        self._refunded = asyncio.Event()

    async def acquire(self, tokens: float) -> None:
        """Take *tokens*, waiting for them and for those who asked before."""
        loop = asyncio.get_running_loop()
        if self._loop is not loop:
            # Locks belong to the loop that first waited for them; that one may be closed.
            self._loop, self._turn, self._refunded = loop, asyncio.Lock(), asyncio.Event()
        async with self._turn:
            while wait_s := self._wait_s(tokens):
                self._refunded.clear()
                try:
                    async with asyncio.timeout(wait_s):
                        await self._refunded.wait()
                except TimeoutError:
                    # Rounding may leave the bucket a hair short of full for ever.
                    self._fill()
                    self._level = max(self._level, min(tokens, self._burst))
            self._level -= tokens

    def give_back(self, tokens: float) -> None:
        """Return *tokens* that were taken and not used."""
        self._fill()
        self._level = min(self._burst, self._level + tokens)
        self._refunded.set()

    def _wait_s(self, tokens: float) -> float:
        self._fill()
        return max(0.0, min(tokens, self._burst) - self._level) / self._rate_per_s

    def _fill(self) -> None:
        # A clock that is set back gives nothing, and takes nothing.
        now_s = self._clock()
        gained = max(0.0, now_s - self._seen_s) * self._rate_per_s
        self._level = min(self._burst, self._level + gained)
        self._seen_s = now_s


class Pace:
    """
    Both limits together; either may be missing.

    Args:
        requests_per_min: Calls per minute, evenly spaced after a burst of one second's.
        tokens_per_min: Tokens per minute, likewise.
        clock: As in TokenBucket.
    """

    def __init__(
        self,
        *,
        requests_per_min: float | None = None,
        tokens_per_min: float | None = None,
        clock: Callable[[], float] | None = None,
    ) -> None:
        self._requests = self._tokens = None
        if requests_per_min is not None:
            if not 0 < requests_per_min < math.inf:
                raise ConfigError(f"requests_per_min={requests_per_min}; want finite, > 0")
            burst = max(1, int(requests_per_min / 60))
            self._requests = RateLimiter(requests_per_min / 60, burst=burst, clock=clock)
        if tokens_per_min is not None:
            self._tokens = TokenBucket(tokens_per_min, clock=clock)

    async def acquire(self, tokens: float) -> None:
        """Wait until a call of at most *tokens* may be made."""
        if self._tokens is not None:
            await self._tokens.acquire(tokens)
        if self._requests is not None:
            try:
                await self._requests.acquire()
            except BaseException:
                self.give_back(tokens)
                raise

    def give_back(self, tokens: float) -> None:
        """Return the tokens that a call did not use."""
        if self._tokens is not None:
            self._tokens.give_back(tokens)
