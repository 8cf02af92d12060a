"""
What another tool has timed: one file for each process that it ran.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from agent_perf.errors import SampleError


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """
    One benchmark in one process.

    Attributes:
        benchmark: Its name, as its tool spells it.
        metrics: Metric to seconds per call: ``wall.median``, ``cpu.p95``; finite, > 0.
        call_count: Calls behind them, >= 1.
        withheld: Metric to why it cannot be told of these calls.
        settings: What should be the same on both sides, in words.
    """

    benchmark: str
    metrics: Mapping[str, float]
    call_count: int
    withheld: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for metric, value in self.metrics.items():
            if not 0 < value < math.inf:
                raise SampleError(
                    f"{self.benchmark} {metric} is {value}; want seconds > 0: time more calls"
                )


@dataclass(frozen=True, slots=True, kw_only=True)
class TimingFile:
    """
    What one process has timed.

    Attributes:
        source: The file, for messages.
        tool: Name and version of what wrote it.
        at_s: When, in seconds since 1970.
        machine: What must be equal for two files to be comparable.
        commit: 40 hex digits; empty if unknown.
        is_dirty: Whether there were uncommitted changes.
        timings: One for each benchmark.
    """

    source: str
    tool: str
    at_s: float
    machine: Mapping[str, str]
    commit: str
    is_dirty: bool
    timings: tuple[Timing, ...]

    def __post_init__(self) -> None:
        seen: set[str] = set()
        for timing in self.timings:
            if timing.benchmark in seen:
                raise SampleError(f"{timing.benchmark!r} is timed twice; want each benchmark once")
            seen.add(timing.benchmark)
