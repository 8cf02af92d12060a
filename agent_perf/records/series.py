"""
What changes along an axis: commits, or the versions of a library.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from agent_perf.errors import SampleError
from agent_perf.records.measurement import Evidence


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """
    One measured value along a series.

    Attributes:
        label: Where on the axis: a version, ``8.0.0``, or the first digits of a commit.
        value: Finite, in the series' unit.
        interval: 99 % interval of *value* from its samples; None if they do not carry one.
        sample_count: Samples behind *value*; 1 if only the value was kept.
    """

    label: str
    value: float
    interval: tuple[float, float] | None = None
    sample_count: int = 1

    def __post_init__(self) -> None:
        if not math.isfinite(self.value):
            raise SampleError(f"point {self.label!r} is {self.value}; want a finite number")


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """
    One benchmark along an axis other than our own commits, or along them.

    Attributes:
        benchmark: Its asv name with its parameters, ``redis_client.Get.time_one``.
        axis: What varies: the name of a required package, ``redis``, or ``commit``.
        unit: As in units.format_value.
        evidence: Exact or sampled.
        points: Oldest first.
    """

    benchmark: str
    axis: str
    unit: str
    evidence: Evidence
    points: tuple[Point, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shift:
    """
    A step along a series, beyond the limit it was looked for with.

    Attributes:
        benchmark: As in Series.
        axis: As in Series.
        before: The last point of the old level.
        after: The first point of the new one.
        change_ratio: after / before - 1; positive: dearer.
    """

    benchmark: str
    axis: str
    before: Point
    after: Point
    change_ratio: float
