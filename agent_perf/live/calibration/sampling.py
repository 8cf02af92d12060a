"""
Questions to a service at a bounded rate, and how long each was waited for.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final, Protocol

from agent_perf.units import NS

WARM_UP_COUNT: Final = 5
"""Questions of each kind that come first and are forgotten: caches and pools fill."""


class Clock(Protocol):
    """What time it is, and how much of it this thread spent on a CPU."""

    def now_ns(self) -> int:
        """Return the time in ns since some fixed instant."""

    def cpu_ns(self) -> int:
        """Return the CPU time of the calling thread in ns."""

    async def sleep(self, ns: int) -> None:
        """Wait for *ns* >= 0."""


class RealClock:
    """The machine's clocks."""

    def now_ns(self) -> int:
        """As in Clock."""
        return time.perf_counter_ns()

    def cpu_ns(self) -> int:
        """As in Clock."""
        return time.thread_time_ns()

    async def sleep(self, ns: int) -> None:
        """As in Clock."""
        await asyncio.sleep(ns / NS)


class Pace:
    """
    Lets questions begin no sooner than 1 / *rate_hz* after each other.

    One that is late is not made up for: there is never a burst.

    Args:
        rate_hz: Finite, > 0.
        clock: Whose time it is.
    """

    def __init__(self, rate_hz: float, clock: Clock) -> None:
        # Rounded up, so that the rate is never exceeded.
        self._gap_ns = -int(-NS // rate_hz)
        self._clock = clock
        self._last_ns: int | None = None

    async def turn(self) -> None:
        """Wait until the next question may begin."""
        if self._last_ns is not None:
            due_ns = self._last_ns + self._gap_ns
            # A timer may be early by its resolution.
            while (wait_ns := due_ns - self._clock.now_ns()) > 0:
                await self._clock.sleep(wait_ns)
        self._last_ns = self._clock.now_ns()


class Sampler:
    """
    Asks one question after the other, each at its turn.

    Args:
        rate_hz: Questions a second at most.
        count: Latencies of each kind.
        clock: Whose time it is; the machine's if None.
        tell: Called with what is asked and how many of *count* are done.

    Attributes:
        rate_hz: As given.
        count: As given.
        clock: As given.
    """

    def __init__(
        self,
        *,
        rate_hz: float,
        count: int,
        clock: Clock | None = None,
        tell: Callable[[str, int], None] = lambda *_: None,
    ) -> None:
        self.rate_hz = rate_hz
        self.count = count
        self.clock: Clock = clock or RealClock()
        self._pace = Pace(rate_hz, self.clock)
        self._tell = tell

    async def collect(
        self,
        name: str,
        ask: Callable[[], Awaitable[None]],
        *,
        before: Callable[[], Awaitable[None]] | None = None,
        after: Callable[[], Awaitable[None]] | None = None,
    ) -> tuple[int, ...]:
        """
        Return how long *ask* was waited for, in ns, each time.

        CPU time of our own is not in it: simulations charge for that by themselves.

        Args:
            name: What is asked, for *tell*.
            ask: Asks once.
            before: What each question needs first, untimed.
            after: What it leaves to be done, untimed, whatever became of it.
        """
        found = []
        for number in range(-WARM_UP_COUNT, self.count):
            await self.turn()
            if before is not None:
                await before()
            try:
                waited_ns = await self._waited_ns(ask)
            finally:
                if after is not None:
                    await after()
            if number >= 0:
                found.append(waited_ns)
                self._tell(name, len(found))
        return tuple(found)

    async def turn(self) -> None:
        """Wait until the next question may begin, of whatever kind."""
        await self._pace.turn()

    def told(self, name: str, count: int) -> None:
        """Tell that *count* latencies of *name* are there."""
        self._tell(name, count)

    async def _waited_ns(self, ask: Callable[[], Awaitable[None]]) -> int:
        clock = self.clock
        cpu_ns, begin_ns = clock.cpu_ns(), clock.now_ns()
        await ask()
        end_ns = clock.now_ns()
        return max(0, end_ns - begin_ns - (clock.cpu_ns() - cpu_ns))
