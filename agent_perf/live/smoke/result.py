"""
What a smoke test found.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class CheckOutcome(Enum):
    """What became of one check."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"
    UNREACHABLE = "unreachable"


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """
    One check. It holds no secret: it may be stored and shown.

    Attributes:
        name: ``health``, ``metrics``, or what the configuration calls the request.
        request: Method and path, without its query; empty if nothing was asked.
        outcome: What became of it.
        detail: What is wrong, or what was found; for people.
        status: Of HTTP; None if there was no answer.
        latency_s: Until the answer's last byte; None if nothing was asked.
        first_s: Of a stream, until its first event.
        within_s: What it was held to: the first event of a stream, else the whole answer.
        size_bytes: Of the body.
    """

    name: str
    request: str
    outcome: CheckOutcome
    detail: str
    status: int | None = None
    latency_s: float | None = None
    first_s: float | None = None
    within_s: float | None = None
    size_bytes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SmokeResult:
    """
    All checks of a service.

    Attributes:
        url: Its address, without user and password.
        waited_s: How long it was waited for, until it answered.
        checks: In the order in which they were made.
    """

    url: str
    waited_s: float
    checks: tuple[CheckResult, ...]

    @property
    def outcome(self) -> CheckOutcome:
        """Passed if no check failed; unreachable if the service gave no answer at all."""
        outcomes = {check.outcome for check in self.checks}
        for outcome in (CheckOutcome.UNREACHABLE, CheckOutcome.FAILED):
            if outcome in outcomes:
                return outcome
        return CheckOutcome.PASSED
