"""
A load in real time, and what its process took of the machine.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from agent_perf.errors import NothingMeasuredError
from agent_perf.load import Course, Poisson
from agent_perf.records import LoadRun, Tier
from agent_perf.suite.declaration import Scenario
from agent_perf.suite.loading import run_load

_SCHEDSTAT: Final = Path("/proc/self/schedstat")


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveRound:
    """
    A run, and what its process took from the first arrival to the last.

    Attributes:
        run: What came of the load.
        cpu_ns: CPU time, until the last one's answer; without the warm-up.
        busy_ratio: Share of a core.
        waited_ratio: Share of the time in which it could have run, and others did.
    """

    run: LoadRun
    cpu_ns: int
    busy_ratio: float
    waited_ratio: float


def live_round(scenario: Scenario, rate_hz: float, requests: int, seed: int) -> LiveRound:
    """
    Return what came of some *requests* of *scenario* that arrived at *rate_hz*.

    Raises:
        NothingMeasuredError: If none arrived.
        BrokenError: As in run_load.
    """
    meter = _Meter()
    run = run_load(
        scenario,
        Poisson(rate_hz=rate_hz, for_s=requests / rate_hz),
        tier=Tier.LIVE,
        seed=seed,
        course=Course(is_enough=meter.read, at_end=meter.end),
    )
    if len(meter.first) == 0 or not run.latency.count:
        raise NothingMeasuredError(f"{scenario.name}: no request arrived at {rate_hz:g}/s")
    wall_ns, cpu_ns, waited_ns = (
        last - first for first, last in zip(meter.first, meter.last, strict=True)
    )
    return LiveRound(
        run=run,
        cpu_ns=meter.end_cpu_ns - meter.first[1],
        busy_ratio=cpu_ns / max(1, wall_ns),
        waited_ratio=waited_ns / max(1, wall_ns),
    )


@dataclass(slots=True)
class _Meter:
    """Reads the clocks at each arrival; the first and the last reading stay, and the end's."""

    first: tuple[int, ...] = ()
    last: tuple[int, ...] = ()
    end_cpu_ns: int = 0

    def read(self) -> bool:
        self.last = time.perf_counter_ns(), time.process_time_ns(), _waited_ns()
        self.first = self.first or self.last
        return False

    def end(self) -> None:
        self.end_cpu_ns = time.process_time_ns()


def _waited_ns() -> int:
    """Return how long this process could have run, and did not; 0 where nobody tells."""
    # Source: Linux, Documentation/scheduler/sched-stats, /proc/<pid>/schedstat.
    try:
        return int(_SCHEDSTAT.read_text(encoding="ascii").split()[1])
    except (OSError, IndexError):
        return 0
