"""
Commands: what is to be executed, and what each execution took.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from statistics import median

from agent_perf.errors import SampleError
from agent_perf.records.measurement import Environment, Evidence, Metric


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandSpec:
    """
    A command as it is to be executed in a tree.

    Attributes:
        name: ``family.name``.
        command: Program and arguments.
        env: Variables over those of the process that starts it.
        cwd: Where it runs, relative to the tree's root.
        stdin: What it reads from standard input.
        timeout_s: Seconds after which it counts as broken, and is killed.
        warmup: Executions that come first and are forgotten, >= 0.
        executions: How many `run` measures, >= 1.
        exit_codes: Those with which it counts as done.
        targets: Metric to the worst value allowed, in base units.
        environment: What its results are comparable under.
    """

    name: str
    command: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    cwd: str = "."
    stdin: str = ""
    timeout_s: float
    warmup: int
    executions: int
    exit_codes: tuple[int, ...] = (0,)
    targets: Mapping[str, float] = field(default_factory=dict)
    environment: Environment

    @property
    def key(self) -> str:
        """Name under which its runs are stored."""
        return f"{self.name}-{self.environment.key}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """
    One execution of a command, by the system's account of it and its children.

    Attributes:
        wall_s: Seconds from its start to its end.
        cpu_s: CPU seconds.
        memory_bytes: Largest resident set of one of its processes.
    """

    wall_s: float
    cpu_s: float
    memory_bytes: int

    def __post_init__(self) -> None:
        for name, value in (("wall_s", self.wall_s), ("cpu_s", self.cpu_s)):
            if not 0 <= value < math.inf:
                raise SampleError(f"execution: {name}={value}; want it finite, >= 0")

    def value(self, metric: str) -> float:
        """Return *metric*, one of COMMAND_METRICS."""
        return {
            "wall.total": self.wall_s,
            "cpu.total": self.cpu_s,
            "memory.peak": float(self.memory_bytes),
        }[metric]


COMMAND_METRICS: Mapping[str, str] = {"wall.total": "s", "cpu.total": "s", "memory.peak": "bytes"}
"""What is measured of a command, with its unit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandRun:
    """
    A command, executed several times on one commit.

    Attributes:
        benchmark: Its name.
        commit: As in Run.
        command: Program and arguments.
        executions: In order, at least one.
        environment: As in CommandSpec.
    """

    benchmark: str
    commit: str
    command: tuple[str, ...]
    executions: tuple[Execution, ...]
    environment: Environment

    def __post_init__(self) -> None:
        if not self.executions:
            raise SampleError(f"command {self.benchmark}: no execution; want at least one")

    @property
    def key(self) -> str:
        """Name under which it is stored."""
        return f"{self.benchmark}-{self.environment.key}"

    def metrics(self) -> tuple[Metric, ...]:
        """Return the median of each of COMMAND_METRICS."""
        return tuple(
            Metric(
                name=name,
                value=median(one.value(name) for one in self.executions),
                unit=unit,
                evidence=Evidence.SAMPLED,
                sample_count=len(self.executions),
            )
            for name, unit in COMMAND_METRICS.items()
        )
