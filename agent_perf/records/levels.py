"""
What a run holds at a time: connections of a pool in use.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelTotal:
    """
    What a run held of something: connections of a pool in use.

    Attributes:
        peak: Most at an instant, >= 0.
        held_ns: Sum over time: two held for 3 ns are 6.
        length_ns: Virtual time that *held_ns* is the sum over, >= 0.
        most: As many as could be held, of all pools together; None if there is no bound.
    """

    peak: int
    held_ns: int
    length_ns: int
    most: int | None = None

    @property
    def mean(self) -> float:
        """Held on average; 0 over no time."""
        return self.held_ns / self.length_ns if self.length_ns else 0.0
