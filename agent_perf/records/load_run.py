"""
What a load came to.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from agent_perf.records.incidents import CheckResult, FaultWindow, StateChange
from agent_perf.records.levels import LevelTotal
from agent_perf.records.live_load import LiveLoad
from agent_perf.records.measurement import (
    Environment,
    Exemplar,
    OperationTotal,
    Tier,
)
from agent_perf.records.timeline import LatencySummary, Timeline


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadRun:
    """
    One or more scenarios under one shape of load, in virtual time, in bounded memory.

    Of a running service, *scenarios* are requests by name, *commit* is empty, and time is real.

    Attributes:
        scenarios: Name to weight; the shares in which requests were dealt.
        shape: The load, in words: ``poisson 20/s for 60 s``.
        users: Among how many users requests were dealt.
        seed: Of all draws.
        tier: How much of the real code ran.
        commit: As in Run.
        environment: As in Run.
        duration_ns: From the end of the warm-up to the last answer.
        offered: Requests that the shape asked for.
        dropped: Of those, refused by a limit of the load: in no other number.
        good: Answered without error and within *good_within_ns*.
        good_within_ns: What counts as good; None: any answer without error.
        errors: Category to number.
        latency: Of all requests that were not dropped, failed ones too.
        paths: Path to the latencies of requests answered that way.
        counts: As in Run.
        operations: As in Run.
        timeline: The same along time.
        exemplars: The slowest requests, then some by chance, with their spans.
        trace_digest: As in Run.
        first_failure: What the first failed request raised; empty if none failed.
        fault_windows: What was made to go wrong, by its begin.
        states: Changes of state that the scenarios told of, in order.
        checks: Whether it keeps what the scenarios promise of their faults.
        levels: As in Run.
        targets: Metric to the worst value allowed, in the metric's base unit.
        stopped: Why no more requests were sent before the load's end; empty if all were.
        live: How it was put on a running service; None: it is simulated.
    """

    scenarios: Mapping[str, int]
    shape: str
    users: int
    seed: int
    tier: Tier
    commit: str
    environment: Environment
    duration_ns: int
    offered: int
    dropped: int
    good: int
    good_within_ns: int | None
    errors: Mapping[str, int]
    latency: LatencySummary
    paths: Mapping[str, LatencySummary]
    counts: Mapping[str, int]
    operations: Mapping[str, OperationTotal]
    timeline: Timeline
    exemplars: tuple[Exemplar, ...]
    trace_digest: str
    first_failure: str = ""
    fault_windows: tuple[FaultWindow, ...] = ()
    states: tuple[StateChange, ...] = ()
    checks: tuple[CheckResult, ...] = ()
    levels: Mapping[str, LevelTotal] = field(default_factory=dict)
    targets: Mapping[str, float] = field(default_factory=dict)
    stopped: str = ""
    live: LiveLoad | None = None

    @property
    def throughput_hz(self) -> float:
        """Requests ended per second of virtual time, failed ones too."""
        return self.latency.count * 1e9 / self.duration_ns if self.duration_ns else 0.0

    @property
    def goodput_hz(self) -> float:
        """Good answers per second of virtual time."""
        return self.good * 1e9 / self.duration_ns if self.duration_ns else 0.0

    @property
    def good_ratio(self) -> float:
        """Share of offered requests that were answered well, in [0, 1]."""
        return self.good / self.offered if self.offered else 0.0
