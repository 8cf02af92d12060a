"""
What a canary is to do: its steps, its limits, and how often it is looked at.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from agent_perf.errors import UsageError
from agent_perf.live.canary.blocks import Step
from agent_perf.live.canary.rule import Limit


@dataclass(frozen=True, slots=True, kw_only=True)
class CanaryPlan:
    """
    What a canary is to do.

    Attributes:
        steps: In order; at least one.
        limits: At least one, each metric once.
        only: Number of the one step to make, from 1; None: all.
        warm_up_s: So long both are asked before anything counts.
        seed: Of the order in which they are asked.
    """

    steps: tuple[Step, ...]
    limits: tuple[Limit, ...]
    only: int | None = None
    warm_up_s: float = 5.0
    seed: int = 0

    def __post_init__(self) -> None:
        if not self.steps:
            raise UsageError("no steps; want some, as --steps 5,25,50,100")
        if not self.limits:
            raise UsageError("no limit is left to hold the candidate to; give one, as --p95 +20%")
        if self.only is not None and not 1 <= self.only <= len(self.steps):
            raise UsageError(f"--step {self.only}; want one of the {len(self.steps)} steps, from 1")

    @property
    def tests(self) -> int:
        """How many steps and metrics share the error of rolling back."""
        return len(self.steps) * len(self.limits)

    @property
    def chosen(self) -> Sequence[tuple[int, Step]]:
        """The steps to make, each with its number from 1."""
        numbered = list(enumerate(self.steps, start=1))
        return numbered if self.only is None else [numbered[self.only - 1]]
