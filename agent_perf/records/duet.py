"""
Sampled evidence: interleaved rounds of base and head, and what the machine did meanwhile.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from agent_perf.errors import SampleError

_PRESSURE_MAX: Final = 0.5
_STEAL_MAX: Final = 0.1
"""
Shares of a round beyond which the machine counts as busy.

Some task waited for more than half of the time, or each tenth moment went to other guests:
what a call then took on a wall clock is mostly what it waited.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundConditions:
    """
    What the machine did during one round; None for what it does not tell.

    Attributes:
        pressure_ratio: Share of the round in which some task waited for a CPU, 0 to 1, by
            the first line of /proc/pressure/cpu. Base and head take turns on one core, so
            that it is not 0 on an idle machine either.
        steal_ratio: Share of the CPUs' time that the hypervisor gave to others, 0 to 1.
        switches_count: Involuntary context switches of both sides, >= 0.

    Source: Linux, *PSI - Pressure Stall Information*; getrusage(2), ru_nivcsw.
    """

    pressure_ratio: float | None = None
    steal_ratio: float | None = None
    switches_count: int | None = None

    def __post_init__(self) -> None:
        for name, share in (("pressure", self.pressure_ratio), ("steal", self.steal_ratio)):
            if share is not None and not 0 <= share <= 1:
                raise SampleError(f"{name}_ratio={share} of a round; want a share from 0 to 1")
        if self.switches_count is not None and self.switches_count < 0:
            raise SampleError(f"switches_count={self.switches_count} of a round; want >= 0")

    @property
    def is_busy(self) -> bool:
        """Whether the machine was so busy that a wall clock tells little; False if unknown."""
        pressure, steal = self.pressure_ratio or 0.0, self.steal_ratio or 0.0
        return pressure > _PRESSURE_MAX or steal > _STEAL_MAX


@dataclass(frozen=True, slots=True, kw_only=True)
class DuetRun:
    """
    A sampled benchmark, measured in interleaved rounds of base and head.

    Attributes:
        benchmark: Its asv name, ``cache.Memory.time_get_hit``.
        metric: ``cpu.median`` and the like.
        unit: As in units.format_value.
        base: The statistic of each round, in order of rounds.
        head: Likewise; paired with *base*.
        calls_per_round: Calls behind each statistic.
        conditions: Of each round, in order of rounds; empty if nobody took them down.
        confirmation: Fresh rounds of the same benchmark and metric, measured because those
            of *base* and *head* called it regressed; None if there are none. Confirmation
            rounds are not confirmed in turn.
    """

    benchmark: str
    metric: str
    unit: str
    base: tuple[float, ...]
    head: tuple[float, ...]
    calls_per_round: int
    conditions: tuple[RoundConditions, ...] = ()
    confirmation: DuetRun | None = None

    def __post_init__(self) -> None:
        if len(self.base) != len(self.head):
            raise SampleError(
                f"{self.benchmark}: {len(self.base)} rounds of base, {len(self.head)} of head; "
                "want pairs"
            )
        if self.conditions and len(self.conditions) != len(self.base):
            raise SampleError(
                f"{self.benchmark}: conditions of {len(self.conditions)} rounds, samples of "
                f"{len(self.base)}; want one each, or no conditions"
            )
        again = self.confirmation
        if again is None:
            return
        if (again.benchmark, again.metric, again.unit) != (self.benchmark, self.metric, self.unit):
            raise SampleError(
                f"{self.benchmark} {self.metric} in {self.unit!r} is confirmed by rounds of "
                f"{again.benchmark} {again.metric} in {again.unit!r}; want the same"
            )
        if again.confirmation is not None:
            raise SampleError(
                f"{self.benchmark} {self.metric}: a confirmation has a confirmation; want one"
            )
