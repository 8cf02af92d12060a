"""asyncio's own loop with a virtual clock: slow, plain, and the reference for ours."""

from __future__ import annotations

import asyncio
import selectors
from typing import Any


class _ClockSelector(selectors.SelectSelector):
    """A selector that does not wait: it moves its loop's clock by the time-out."""

    loop: StdlibLoop

    def select(self, timeout: float | None = None) -> list[Any]:
        if timeout:
            self.loop.now_ns += max(1, round(timeout * 1e9))
        return []


class StdlibLoop(asyncio.SelectorEventLoop):
    """Its timers fire in the order of (instant, sequence), because its heap is made stable."""

    def __init__(self) -> None:
        self.now_ns = 0
        self._sequence = 0
        selector = _ClockSelector()
        selector.loop = self
        super().__init__(selector)
        # Timers within the clock's resolution are due together; ours are exact.
        self._clock_resolution = 0.1e-9

    def time(self) -> float:
        return self.now_ns / 1e9

    def call_at(self, when: float, *args: Any, **kwargs: Any) -> asyncio.TimerHandle:
        # A ten-thousandth of a ns per timer breaks ties by age, and vanishes in rounding.
        self._sequence += 1
        return super().call_at(round(when, 9) + self._sequence * 1e-13, *args, **kwargs)
