"""
A token bucket in virtual time, in whole numbers.
"""

from __future__ import annotations


class Bucket:
    """
    Full at first, filled evenly.

    Args:
        size: What it holds, and what flows in during *window_ns*, >= 1.
        window_ns: > 0.
    """

    def __init__(self, size: int, window_ns: int) -> None:
        self.size = size
        self._window_ns = window_ns
        # Counted in 1 / window_ns, so that what flows in per ns is a whole number.
        self._level = size * window_ns
        self._at_ns = 0

    def wait_ns(self, amount: int, now_ns: int) -> int | None:
        """Return in how many ns there is *amount*: 0 if now, None if never."""
        if amount > self.size:
            return None
        full = self.size * self._window_ns
        self._level = min(full, self._level + (now_ns - self._at_ns) * self.size)
        self._at_ns = now_ns
        return max(0, -((self._level - amount * self._window_ns) // self.size))

    def take(self, amount: int) -> None:
        """Take *amount*, for which `wait_ns` is 0 now."""
        self._level -= amount * self._window_ns

    def left(self) -> int:
        """Return how much there was when it was looked at or taken from last, whole ones."""
        return self._level // self._window_ns
