"""
Finds where a series changed its level.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from agent_perf.records import Comparison, Evidence, Point, Series, Shift, Step, Verdict


def find_shifts(series: Series, limit_ratio: float = 0.15) -> tuple[Shift, ...]:
    """
    Return the steps of *series*, up and down, that exceed *limit_ratio*, oldest first.

    Each point is held against the one before it, and against the point at which the level
    was last set, so that small steps in one direction are found when they have added up.
    Sampled points must differ by more than their intervals: those must not touch.

    Args:
        series: Oldest point first.
        limit_ratio: Smallest change told, 0.15 for fifteen per cent; > 0.
    """
    shifts: list[Shift] = []
    if not series.points:
        return ()
    level = previous = series.points[0]
    for point in series.points[1:]:
        for before in (previous, level):
            change_ratio = _change(series, before, point)
            if change_ratio is not None and abs(change_ratio) > limit_ratio:
                shifts.append(
                    Shift(
                        benchmark=series.benchmark,
                        axis=series.axis,
                        before=before,
                        after=point,
                        change_ratio=change_ratio,
                    )
                )
                level = point
                break
        previous = point
    return tuple(shifts)


def version_steps(series: Sequence[Series], limit_ratio: float = 0.15) -> tuple[Step, ...]:
    """
    Return the versions at which any of *series* shifted, oldest first, as steps.

    Args:
        series: Along one axis.
        limit_ratio: As in find_shifts.
    """
    order: dict[str, None] = {}
    found: dict[str, list[tuple[str, Comparison]]] = {}
    for one in series:
        order |= dict.fromkeys(point.label for point in one.points)
        for shift in find_shifts(one, limit_ratio):
            row = (shift.before.label, _comparison(one, shift, limit_ratio))
            found.setdefault(shift.after.label, []).append(row)
    axis = series[0].axis if series else ""
    return tuple(
        Step(
            commit=label,
            parent=found[label][0][0],
            subject=f"{axis} {label}",
            comparisons=tuple(sorted((row[1] for row in found[label]), key=_gain)),
            causes={},
        )
        for label in order
        if label in found
    )


def _comparison(series: Series, shift: Shift, limit_ratio: float) -> Comparison:
    before, after = shift.before, shift.after
    interval = None
    if before.interval and after.interval:
        # The ends farthest apart: both intervals hold with 99 %. One that reaches down to
        # nothing bounds no ratio.
        least = before.interval[0]
        interval = (
            after.interval[0] / before.interval[1] - 1,
            after.interval[1] / least - 1 if least > 0 else math.inf,
        )
    apart = ", and the 99 % intervals do not touch"
    return Comparison(
        benchmark=series.benchmark,
        metric="median",
        unit=series.unit,
        evidence=series.evidence,
        base=before.value,
        head=after.value,
        change_ratio=shift.change_ratio,
        interval=interval,
        limit_ratio=limit_ratio,
        verdict=Verdict.REGRESSED if shift.change_ratio > 0 else Verdict.IMPROVED,
        reason=f"beyond {limit_ratio:.0%}{apart if series.evidence is Evidence.SAMPLED else ''}",
        sample_count=min(before.sample_count, after.sample_count),
    )


def _gain(comparison: Comparison) -> float:
    assert comparison.change_ratio is not None
    return -comparison.change_ratio


def _change(series: Series, before: Point, after: Point) -> float | None:
    """Return the relative change, or None if it is not established."""
    if before.value <= 0:
        return None
    if series.evidence is Evidence.SAMPLED:
        if before.interval is None or after.interval is None:
            return None
        if before.interval[0] <= after.interval[1] and after.interval[0] <= before.interval[1]:
            return None
    return after.value / before.value - 1
