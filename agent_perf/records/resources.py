"""
What a process and its children took from the machine while they ran.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from agent_perf.errors import SampleError

COUNTERS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "cpu": "s",
        "disk_read": "bytes",
        "disk_written": "bytes",
        "network_sent": "bytes",
        "network_received": "bytes",
    }
)
"""Resources that are used up, with the unit of their total; their series are per second."""

LEVELS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "memory": "bytes",
        "memory_pss": "bytes",
        "db_connections": "count",
        "connections": "count",
        "files": "count",
        "threads": "count",
        "processes": "count",
    }
)
"""Resources that are held, with their unit."""

P95_SAMPLES_MIN: Final = 20
"""Below this, the largest sample would be the P95."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceSeries:
    """
    One resource along a recording, in equal stretches of time.

    A counter's samples are rates between two ticks: CPU seconds or bytes per second. A
    level's are what was held at a tick.

    Attributes:
        name: Key of COUNTERS or LEVELS.
        mean: One per stretch, weighted by time; None where nothing was sampled.
        peak: Largest sample of each, likewise.
        sample_count: Samples in all, >= 1.
        sample_mean: Of the whole recording, weighted by time.
        sample_p95: Nearest rank, within 2^-8; None below P95_SAMPLES_MIN samples.
        sample_peak: Largest of all.
        total: Seconds or bytes used in all; None for a level.
    """

    name: str
    mean: tuple[float | None, ...]
    peak: tuple[float | None, ...]
    sample_count: int
    sample_mean: float
    sample_p95: float | None
    sample_peak: float
    total: float | None = None

    def __post_init__(self) -> None:
        if self.name not in COUNTERS and self.name not in LEVELS:
            known = ", ".join((*COUNTERS, *LEVELS))
            raise SampleError(f"resource {self.name!r}; want one of {known}")
        if len(self.mean) != len(self.peak):
            raise SampleError(
                f"resource {self.name}: {len(self.mean)} means and {len(self.peak)} peaks; "
                "want one of each per stretch"
            )
        told = (self.sample_mean, self.sample_peak, self.sample_p95 or 0.0, self.total or 0.0)
        if self.sample_count < 1 or not all(0 <= value < math.inf for value in told):
            raise SampleError(
                f"resource {self.name}: {self.sample_count} samples that come to {told}; want at "
                "least one sample, and numbers that are finite and >= 0"
            )

    @property
    def is_counter(self) -> bool:
        """Whether it is used up rather than held."""
        return self.name in COUNTERS

    @property
    def unit(self) -> str:
        """Unit of a sample: CPU seconds per second are a ratio of one core."""
        if self.name == "cpu":
            return "ratio"
        return "bytes_per_s" if self.is_counter else LEVELS[self.name]


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceRun:
    """
    A process and its children, sampled while they ran.

    Attributes:
        name: What is compared under it: a benchmark, ``server``.
        command: What ran, in words; empty for a benchmark.
        commit: As in Run; empty if not known.
        started_s: When sampling began, Unix time.
        interval_s: Between two ticks, > 0.
        duration_s: From the first tick to the last, >= 0.
        tick_count: Ticks at which it was looked at.
        missed_count: Ticks left out, because the sampler came late.
        bucket_s: Length of a stretch of the series.
        series: By name; what could not be sampled is missing, and told in *notes*.
        cpu_account_s: CPU seconds by the system's own account at the end, exact however few
            ticks there were; None: only the ticks know.
        memory_high_bytes: Largest resident set that one of the processes ever had, by the
            system's account, ticks or not; None: it does not tell.
        sampler_cpu_s: CPU seconds that sampling itself took.
        cores: Cores that the process could use, >= 1.
        db_pool_size: Connections that the pool may hold; None: not told.
        requests: Requests that were answered meanwhile; None: not told.
        end: How it ended: ``exit 0``, ``signal 9``, ``stopped``, ``gone``.
        notes: What was not measured, and why.
    """

    name: str
    command: str = ""
    commit: str = ""
    started_s: float
    interval_s: float
    duration_s: float
    tick_count: int
    missed_count: int
    bucket_s: float
    series: Mapping[str, ResourceSeries] = field(default_factory=dict)
    cpu_account_s: float | None = None
    memory_high_bytes: int | None = None
    sampler_cpu_s: float
    cores: int
    db_pool_size: int | None = None
    requests: int | None = None
    end: str
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not 0 < self.interval_s < math.inf or not 0 < self.bucket_s < math.inf:
            raise SampleError(
                f"{self.name}: sampled every {self.interval_s} s, in stretches of "
                f"{self.bucket_s} s; want both finite and > 0"
            )
        if self.cores < 1:
            raise SampleError(f"{self.name}: {self.cores} cores; want at least 1")
        for name, one in self.series.items():
            if name != one.name:
                raise SampleError(f"{self.name}: series {one.name!r} stands under {name!r}")

    @property
    def sampler_ratio(self) -> float:
        """What sampling took of one core; 0 for a recording without length."""
        return self.sampler_cpu_s / self.duration_s if self.duration_s else 0.0

    @property
    def cpu_s(self) -> float | None:
        """CPU seconds used: the system's account, or what the ticks saw; None: not known."""
        if self.cpu_account_s is not None:
            return self.cpu_account_s
        cpu = self.series.get("cpu")
        return None if cpu is None else cpu.total

    @property
    def memory_peak_bytes(self) -> float | None:
        """Most memory held: at any tick, or by one process in between; None: not known."""
        memory = self.series.get("memory")
        at_ticks = None if memory is None else memory.sample_peak
        known = (at_ticks, self.memory_high_bytes)
        return max((value for value in known if value is not None), default=None)
