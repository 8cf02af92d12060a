"""
Instructions that a processor executes for a micro-benchmark, counted on base and head.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from agent_perf.errors import SampleError


@dataclass(frozen=True, slots=True, kw_only=True)
class InstructionCount:
    """
    One count of base and one of head, under the same hash seed.

    Attributes:
        base: Instructions per call; finite, > 0.
        head: Likewise.
        hash_seed: What both had as PYTHONHASHSEED.
    """

    base: float
    head: float
    hash_seed: int

    def __post_init__(self) -> None:
        for side, value in (("base", self.base), ("head", self.head)):
            if not 0 < value < math.inf:
                raise SampleError(f"{value} instructions per call on the {side}; want > 0, finite")

    @property
    def change_ratio(self) -> float:
        """Head / base - 1."""
        return self.head / self.base - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class InstructionRun:
    """
    A micro-benchmark whose instructions were counted.

    Attributes:
        benchmark: Its asv name, ``cache.Memory.time_get_hit``.
        first: What is told.
        again: Counted anew, in other processes and under another hash seed, because *first*
            is a change worth doubting; None if it is not.
        repetitions: Calls of the benchmark's function behind each count, >= 1.
    """

    benchmark: str
    first: InstructionCount
    again: InstructionCount | None = None
    repetitions: int
