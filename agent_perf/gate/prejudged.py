"""
What is judged before the gate is asked, and counts in its decision.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from agent_perf.records import Breach, Comparison


@dataclass(frozen=True, slots=True, kw_only=True)
class Prejudged:
    """
    Findings that need no other measurement to be judged.

    Attributes:
        comparisons: Each with its verdict.
        breaches: Targets that the head misses.
        unanswered: Comparisons for targets that nothing was measured for.
    """

    comparisons: tuple[Comparison, ...] = ()
    breaches: tuple[Breach, ...] = ()
    unanswered: tuple[Comparison, ...] = ()

    def __add__(self, other: Prejudged) -> Prejudged:
        """Return the findings of both."""
        return Prejudged(
            comparisons=(*self.comparisons, *other.comparisons),
            breaches=(*self.breaches, *other.breaches),
            unanswered=(*self.unanswered, *other.unanswered),
        )


NO_PREJUDGED: Final = Prejudged()
