"""
What another tool has measured: one file for each process, or each run of a load.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from agent_perf.errors import SampleError

_UNITS: Final = {
    "latency": "s",
    "wall": "s",
    "cpu": "s",
    "memory": "bytes",
    "success_ratio": "ratio",
    "throughput": "per_s",
    "goodput": "per_s",
}


class Subject(enum.Enum):
    """What was measured, and so what is expected of it unless the project says otherwise."""

    CODE = "code"
    """Calls or commands: nothing."""
    SERVICE = "service"
    """Requests to a service, as its users wait for them."""
    MODEL = "model"
    """Requests to a model: how long one takes follows from what was asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """
    One benchmark in one process, or one kind of request in one run of a load.

    Attributes:
        benchmark: Its name, as its tool spells it.
        metrics: Metric to its value in the unit of metric_unit: ``wall.median``,
            ``latency.p95``, ``success_ratio``. Times and bytes are > 0, all others >= 0.
        call_count: Calls or requests behind them, >= 1.
        withheld: Metric to why it cannot be told of these calls.
        settings: What should be the same on both sides, in words.
        subject: What it is that was measured.
        targets: Metric to the worst value allowed that the tool itself was told of.
        failure: Why there is no value at all, as ``20 of 20 requests failed``; empty if
            there is one.
    """

    benchmark: str
    metrics: Mapping[str, float]
    call_count: int
    withheld: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, str] = field(default_factory=dict)
    subject: Subject = Subject.CODE
    targets: Mapping[str, float] = field(default_factory=dict)
    failure: str = ""

    def __post_init__(self) -> None:
        for metric, value in self.metrics.items():
            unit = metric_unit(metric)
            if unit in {"s", "bytes"} and not 0 < value < math.inf:
                words = "seconds" if unit == "s" else "bytes"
                raise SampleError(
                    f"{self.benchmark} {metric} is {value}; want {words} > 0: time more calls"
                )
            if not 0 <= value < math.inf or (unit == "ratio" and value > 1):
                raise SampleError(
                    f"{self.benchmark} {metric} is {value}; want a finite number >= 0, of a "
                    "share 1 at most: measure again"
                )


@dataclass(frozen=True, slots=True, kw_only=True)
class TimingFile:
    """
    What one process, or one run of a load, has measured.

    Attributes:
        source: The file, for messages. One that holds several processes is the source of
            several.
        tool: Name and version of what wrote it, with a space between.
        at_s: When, in seconds since 1970; None if the file does not tell.
        machine: What must be equal for two files to be comparable.
        commit: 40 hex digits; empty if unknown.
        is_dirty: Whether there were uncommitted changes.
        timings: One for each benchmark.
        round_word: What this is, in one word: ``process`` or ``run``.
        notes: What the tool itself found worth telling.
    """

    source: str
    tool: str
    at_s: float | None
    machine: Mapping[str, str]
    commit: str
    is_dirty: bool
    timings: tuple[Timing, ...]
    round_word: str = "process"
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        seen: set[str] = set()
        for timing in self.timings:
            if timing.benchmark in seen:
                raise SampleError(f"{timing.benchmark!r} is timed twice; want each benchmark once")
            seen.add(timing.benchmark)


def metric_unit(metric: str) -> str:
    """Return the unit in which *metric* is kept, as in units.format_value."""
    return _UNITS.get(metric.partition(".")[0], "count")
