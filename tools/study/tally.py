"""
How often something was told.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """
    How often a rule told a regression.

    Attributes:
        told: Of *trials*.
        trials: How many there were.
        undecided: Of *trials*; 0 for rules that know no such answer.
        seconds: Real seconds spent for a verdict, on average.
    """

    told: int
    trials: int
    undecided: int = 0
    seconds: float = 0.0

    @property
    def ratio(self) -> float:
        """Share of trials in which it told one; NaN without trials."""
        return self.told / self.trials if self.trials else math.nan


def joined(tallies: Mapping[str, Tally]) -> Tally:
    """Return all workloads together."""
    parts = list(tallies.values())
    trials = sum(part.trials for part in parts)
    return Tally(
        told=sum(part.told for part in parts),
        trials=trials,
        undecided=sum(part.undecided for part in parts),
        seconds=sum(part.seconds * part.trials for part in parts) / max(1, trials),
    )
