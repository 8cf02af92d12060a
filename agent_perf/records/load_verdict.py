"""
What becomes of a load: its targets, when they were missed, what holds it back.
"""

from __future__ import annotations

from dataclasses import dataclass

from agent_perf.records.incidents import CheckResult
from agent_perf.records.judgement import Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertWindow:
    """
    A stretch of time in which a target was missed.

    Attributes:
        start_ns: Begin, counted from the begin of what was measured.
        end_ns: End, likewise.
        worst: Worst value of a bucket in it, in the target's unit.
    """

    start_ns: int
    end_ns: int
    worst: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetResult:
    """
    Whether a load keeps a target, over all and along its time.

    Attributes:
        metric: As in Metric.name.
        unit: As in units.format_value.
        limit: Worst value allowed, in *unit*.
        observed: Over the whole load; None: the load does not tell.
        passed: None if *observed* is.
        windows: When it was missed, in order, whether or not it holds over all.
        text: Why it does not tell; else empty.
    """

    metric: str
    unit: str
    limit: float
    observed: float | None
    passed: bool | None
    windows: tuple[AlertWindow, ...] = ()
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bottleneck:
    """
    What a load waits for most, or what limits its rate.

    Attributes:
        kind: ``full`` (a bounded resource that requests waited for), ``queue`` (something
            whose time per request grew with the rate) or ``slow`` (where most time goes).
        name: Of the operation or resource, ``db.wait``, ``db_in_use``.
        text: The fact with its figures, one clause.
        ceiling_hz: Rate that it cannot exceed; None: not known.
        brief: The fact alone, ``all 50 database connections are in use``; may be empty.
    """

    kind: str
    name: str
    text: str
    ceiling_hz: float | None = None
    brief: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadDecision:
    """
    What becomes of a load or of a search for capacity.

    Attributes:
        outcome: As of a gate.
        targets: In the order in which they were given, missed ones first.
        checks: Of the faults.
        lines: One per failure: ``FAIL shop.answer latency.p95 observed=… limit=…``.
        notes: What else is to be known: targets that say nothing about a load.
    """

    outcome: Outcome
    targets: tuple[TargetResult, ...] = ()
    checks: tuple[CheckResult, ...] = ()
    lines: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
