"""
How often something succeeded, minute by minute, for the last hour or whatever is wanted.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from agent_perf.errors import ConfigError


@dataclass(frozen=True, slots=True, kw_only=True)
class SuccessSlot:
    """
    One stretch of time.

    Attributes:
        age_s: Seconds from its beginning until now, >= 0.
        successes: What succeeded in it.
        failures: What did not.
    """

    age_s: float
    successes: int
    failures: int

    @property
    def ratio(self) -> float | None:
        """Successes among all, 0 to 1; None if there was nothing."""
        total = self.successes + self.failures
        return self.successes / total if total else None


class SuccessHistory:
    """
    A ring of equal stretches of time, the oldest forgotten; for any thread.

    Time never runs backwards in it: if the clock is set back, it goes on from where it was.

    Args:
        slot_s: Seconds of a stretch, > 0.
        slots: How many are kept, the present one included; 1 to 100,000.
        clock: Seconds; ``time.monotonic`` if not given.

    Example::

        history = SuccessHistory(slot_s=60, slots=60)
        history.add(success=True)
        history.ratio()  # 1.0: of the last hour
    """

    def __init__(
        self,
        *,
        slot_s: float = 60.0,
        slots: int = 60,
        clock: Callable[[], float] | None = None,
    ) -> None:
        if not 0 < slot_s < math.inf or not 1 <= slots <= 100_000:
            raise ConfigError(f"slot_s={slot_s}, slots={slots}; want finite, > 0, and 1 to 100,000")
        self._slot_s = slot_s
        self._now_s = time.monotonic if clock is None else clock
        self._lock = threading.Lock()
        self._successes = [0] * slots
        self._failures = [0] * slots
        self._last_s = self._now_s()
        # What the clock was set back by, in all; and the number of the present slot.
        self._lag_s = 0.0
        self._newest = self._number(self._last_s)
        self._next_s = self._end_s()

    def add(self, *, success: bool) -> None:
        """Take note of one success or failure now."""
        with self._lock:
            clock_s = self._now_s()
            # Nearly always: the clock goes on, within the same slot.
            if self._last_s <= clock_s < self._next_s:
                self._last_s = clock_s
            else:
                self._advance(clock_s)
            counts = self._successes if success else self._failures
            counts[self._newest % len(counts)] += 1

    def slots(self) -> tuple[SuccessSlot, ...]:
        """Return all stretches, the oldest first; the last one is still running."""
        with self._lock:
            now_s = self._advance(self._now_s())
            kept = len(self._successes)
            return tuple(
                SuccessSlot(
                    age_s=max(0.0, now_s - number * self._slot_s),
                    successes=self._successes[number % kept],
                    failures=self._failures[number % kept],
                )
                for number in range(self._newest - kept + 1, self._newest + 1)
            )

    def ratio(self, *, last: int | None = None) -> float | None:
        """
        Return successes among all, 0 to 1; None if there was nothing.

        Args:
            last: Of so many stretches, the present one included, >= 1; by default of all.

        Raises:
            ConfigError: If *last* is below 1.
        """
        if last is not None and last < 1:
            raise ConfigError(f"last={last}; want >= 1, or None for all")
        slots = self.slots()[-last if last else None :]
        successes = sum(slot.successes for slot in slots)
        total = successes + sum(slot.failures for slot in slots)
        return successes / total if total else None

    def _advance(self, clock_s: float) -> float:
        """Go to the slot of *clock_s*, and return the time that it is; the lock is held."""
        if clock_s < self._last_s:
            self._lag_s += self._last_s - clock_s
        self._last_s = clock_s
        now_s = clock_s + self._lag_s
        # The sum of two floats may come out a hair lower than the one before.
        number = max(self._newest, self._number(now_s))
        kept = len(self._successes)
        for passed in range(self._newest + 1, min(number, self._newest + kept) + 1):
            self._successes[passed % kept] = self._failures[passed % kept] = 0
        self._newest = number
        self._next_s = self._end_s()
        return now_s

    def _end_s(self) -> float:
        """Return when the present slot ends, on the clock as it goes now."""
        return (self._newest + 1) * self._slot_s - self._lag_s

    def _number(self, now_s: float) -> int:
        return math.floor(now_s / self._slot_s)
