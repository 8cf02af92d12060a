"""
From series of measured values, over commits or versions of a library, to their report.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from agent_perf import records
from agent_perf.records import Comparison, Shift, Step, Verdict
from agent_perf.report.history_view import build_history_view
from agent_perf.report.past import Commit
from agent_perf.report.text import short_commit
from agent_perf.report.trend import Series, SeriesPoint
from agent_perf.report.view import Command, View

_METRICS: Final = {"s": "time", "bytes": "memory"}


def build_series_view(
    series: Sequence[records.Series],
    shifts: Sequence[Shift],
    *,
    title: str = "agent-perf",
    commands: Sequence[Command] = (),
    notes: Sequence[str] = (),
) -> View:
    """
    Return the report on *series*: where each changed its level, and its chart.

    Args:
        series: All over the same axis, oldest point first.
        shifts: Found along them.
        title: Of what was measured.
        commands: What to type next, as it stands.
        notes: On the evidence.
    """
    labels = dict.fromkeys(point.label for one in series for point in one.points)
    return build_history_view(
        _steps(list(labels), series, shifts),
        [
            Series(
                name=one.benchmark,
                unit=one.unit,
                points=tuple(
                    SeriesPoint(label=point.label, value=point.value, interval=point.interval)
                    for point in one.points
                ),
            )
            for one in series
        ],
        what="commit" if all(one.axis == "commit" for one in series) else "version",
        commits=[Commit(name=label) for label in labels],
        title=title,
        commands=commands,
        notes=notes,
    )


def _steps(
    labels: Sequence[str], series: Sequence[records.Series], shifts: Sequence[Shift]
) -> tuple[Step, ...]:
    """Return one step for each label at which any series shifts."""
    steps = []
    for index, label in enumerate(labels):
        found = [shift for shift in shifts if shift.after.label == label]
        if found:
            ordered = sorted(found, key=lambda shift: -shift.change_ratio)
            steps.append(
                Step(
                    commit=label,
                    parent=labels[index - 1] if index else "",
                    subject="",
                    comparisons=tuple(_comparison(shift, series) for shift in ordered),
                    causes={},
                )
            )
    return tuple(steps)


def _comparison(shift: Shift, series: Sequence[records.Series]) -> Comparison:
    of = next(one for one in series if one.benchmark == shift.benchmark)
    worse = shift.change_ratio > 0
    since = short_commit(shift.before.label)
    return Comparison(
        benchmark=shift.benchmark,
        metric=_METRICS.get(of.unit, "value"),
        unit=of.unit,
        evidence=of.evidence,
        base=shift.before.value,
        head=shift.after.value,
        change_ratio=shift.change_ratio,
        interval=None,
        limit_ratio=None,
        verdict=Verdict.REGRESSED if worse else Verdict.IMPROVED,
        reason=f"{'dearer' if worse else 'cheaper'} than {since}",
        sample_count=shift.after.sample_count,
    )
