"""
What went wrong in a run on purpose, and whether the run bore it as promised.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultWindow:
    """
    A time in which something was made to go wrong.

    Attributes:
        name: What the scenario calls it, as ``redis outage``.
        service: Where; of a partition both sides, ``app-redis``.
        kind: ``outage``, ``slow``, ``errors``, ``reset``, ``hang``, ``partition``,
            ``crash``, ``drop_first``.
        start_ns: Begin, counted from the begin of what was measured.
        end_ns: End, likewise: the run's if it lasted longer.
    """

    name: str
    service: str
    kind: str
    start_ns: int
    end_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StateChange:
    """A named thing, as ``breaker.llm``, came to *state* at *at_ns*, counted likewise."""

    at_ns: int
    name: str
    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """
    Whether a run keeps a promise about its faults.

    Attributes:
        name: ``check.recovery.redis_outage``.
        passed: None: the run does not tell.
        observed: In *unit*; None if *passed* is.
        limit: Likewise: the largest, of a ``check.goodput`` the smallest value allowed.
        unit: As in units.format_value.
        text: What was seen, in words.
    """

    name: str
    passed: bool | None
    observed: float | None
    limit: float
    unit: str
    text: str
