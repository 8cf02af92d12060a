"""
What came of a project's waivers when the gate judged.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from agent_perf.records.acceptance import Waiver


class Lapse(enum.Enum):
    """What would fail a gate if nobody had accepted it."""

    REGRESSED = "regressed"
    MISSED = "target missed"
    UNDECIDED = "undecided"
    """Measured, and perhaps beyond the limit: whoever accepts the one accepts the other."""


class WaiverState(enum.Enum):
    """What a waiver did for one decision."""

    USED = "used"
    UNUSED = "unused"
    """What it covers does not fail, or not within what it allows."""
    EXPIRED = "expired"
    """It accepts nothing any more, and fails the gate until it is renewed or removed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Covered:
    """
    A lapse that a waiver covers.

    Attributes:
        benchmark: ``agent.chat@200``.
        metric: As in Metric.name.
        lapse: What it is.
        text: What was observed against what, as in the line of a failure.
    """

    benchmark: str
    metric: str
    lapse: Lapse
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WaiverUse:
    """
    One waiver, and what it did.

    Attributes:
        waiver: As it stands in the file.
        state: What it did.
        days_left: Days after today on which it holds; negative once it expired.
        covered: What it accepts or, once expired, would have accepted.
    """

    waiver: Waiver
    state: WaiverState
    days_left: int
    covered: tuple[Covered, ...] = ()
