"""
Finds where a series changed its level.
"""

from __future__ import annotations

from agent_perf.records import Evidence, Point, Series, Shift


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
