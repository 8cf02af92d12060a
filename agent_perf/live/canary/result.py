"""
What a canary came to.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass

from agent_perf.live.canary.rule import Answer, Finding


class CanaryOutcome(enum.Enum):
    """What to do with the candidate."""

    PROMOTE = "promote"
    """It is surely within each limit."""
    HOLD = "hold"
    """What was seen says neither."""
    ROLLBACK = "rollback"
    """It is surely worse."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SideSeen:
    """
    What was seen of one service in a step.

    Attributes:
        requests: How many were counted.
        failed: How many of them failed.
        errors: Category to how many, if categories are known.
        detail: Of the first that failed, for people, without secrets.
        p50_s: Half of the requests were answered by then; None if not known.
        p95_s: Likewise, 95 %.
        p99_s: Likewise, 99 %.
    """

    requests: int
    failed: int
    errors: Mapping[str, int]
    detail: str
    p50_s: float | None
    p95_s: float | None
    p99_s: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StepResult:
    """
    What one step came to.

    Attributes:
        number: Of the step in the plan, from 1.
        share: Of the rate that the candidate got; in (0, 1].
        answer: Worse, fine, or open to its end.
        length_s: How long it took.
        stable: What was seen of the stable service.
        candidate: Of the candidate.
        findings: One for each limit, of the last look; of what was fine before, of that look.
        late_s: How late the slowest of a hundred requests were sent; None if others sent them.
        notes: What else there is to know, for people.
    """

    number: int
    share: float
    answer: Answer
    length_s: float
    stable: SideSeen
    candidate: SideSeen
    findings: tuple[Finding, ...]
    late_s: float | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CanaryResult:
    """
    What a canary came to.

    Attributes:
        stable: Where the stable service is, without secrets.
        candidate: Likewise.
        steps: In order, up to the one that decided.
        planned: How many steps there might have been.
        is_interrupted: Whether it was ended from outside, before it had an answer.
    """

    stable: str
    candidate: str
    steps: tuple[StepResult, ...]
    planned: int
    is_interrupted: bool = False

    @property
    def outcome(self) -> CanaryOutcome:
        """
        What to do: the last step decides, and any that is worse is the last.

        One that was interrupted promotes nothing: a step before the last one knows too little.
        """
        match self.steps[-1].answer:
            case Answer.WORSE:
                return CanaryOutcome.ROLLBACK
            case Answer.FINE if not self.is_interrupted:
                return CanaryOutcome.PROMOTE
        return CanaryOutcome.HOLD
