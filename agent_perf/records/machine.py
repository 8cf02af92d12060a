"""
The machine that measures, and how much it adds to what it measures.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from agent_perf.errors import SampleError


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """
    What shapes measurements on a machine; None for what it does not tell.

    Attributes:
        name: As stored results have it.
        system: Kernel's name and release.
        processor: Model of the CPU; may be empty.
        core_count: CPUs that this process may use.
        is_virtual: Whether a hypervisor runs it.
        governor: Of CPU 0's frequency: ``performance``, ``powersave``...
        is_turbo: Whether the frequency may rise beyond the nominal one.
        cores_allowed: CPU time that the control group may take, in cores.
        load_count: Tasks running or waiting, mean of the last minute.
        pressure_ratio: Share of the last ten seconds in which some task waited for a CPU.
        steal_ratio: Share of the CPUs' time since boot that the hypervisor gave to others.
        memory_bytes: That can be had without swapping.
        swap_used_bytes: Swapped out.
        disk_free_bytes: Where results are stored.
        cpu_clock_step_s: Resolution of the process's CPU clock.
        wall_clock_step_s: Of the monotonic clock.
    """

    name: str
    system: str
    processor: str
    core_count: int
    is_virtual: bool | None = None
    governor: str | None = None
    is_turbo: bool | None = None
    cores_allowed: float | None = None
    load_count: float | None = None
    pressure_ratio: float | None = None
    steal_ratio: float | None = None
    memory_bytes: int
    swap_used_bytes: int
    disk_free_bytes: int
    cpu_clock_step_s: float
    wall_clock_step_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundsNeeded:
    """
    How long an answer takes at a limit.

    Attributes:
        limit_ratio: Largest change for the worse allowed, 0.15 for 15 %.
        round_count: Rounds that answer in nine of ten cases; None if more than are ever run.
    """

    limit_ratio: float
    round_count: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricNoise:
    """
    How one metric of one benchmark varies where nothing changed.

    Attributes:
        benchmark: Its name.
        metric: As in DuetRun.metric.
        round_count: Rounds it was found in, >= 2.
        noise_ratio: Robust standard deviation of log(head / base) between rounds, >= 0.
        bias_ratio: Median of the rounds' head / base - 1: far from 0, order or layout of memory
            favours a side.
        beyond_count: Rounds in which head was more than 15 % above base: false alarms of a
            rule that looks at one round.
        rounds_needed: For 15, 10 and 5 %, in this order.
        design_effect: Variance between rounds over what it were if all calls of a process were
            independent, >= 0; None if nobody took the calls down, or they did not vary.
        round_s: Real seconds of a round of the benchmark, >= 0; 0 if nobody took them down.
    """

    benchmark: str
    metric: str
    round_count: int
    noise_ratio: float
    bias_ratio: float
    beyond_count: int
    rounds_needed: tuple[RoundsNeeded, ...]
    design_effect: float | None = None
    round_s: float = 0.0

    def __post_init__(self) -> None:
        if self.round_count < 2 or not 0 <= self.noise_ratio < math.inf:
            raise SampleError(
                f"{self.benchmark} {self.metric}: noise {self.noise_ratio} of "
                f"{self.round_count} rounds; want finite, >= 0, of two rounds or more"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineNoise:
    """
    What a machine adds to what it measures: HEAD against itself.

    Attributes:
        machine: Where.
        measured_at: Time in UTC, as ``2026-01-31T12:00:00Z``.
        commit: What was measured, 40 hex digits or ``worktree``.
        python: Version of the interpreter, ``3.11.7``.
        metrics: The noisiest first.
        spent_s: Real seconds that it took.
    """

    machine: Machine
    measured_at: str
    commit: str
    python: str
    metrics: tuple[MetricNoise, ...]
    spent_s: float
