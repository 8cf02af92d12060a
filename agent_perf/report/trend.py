"""
Series over commits or versions, and their chart.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from agent_perf.report.axis import (
    Scale,
    across_scale,
    bottom_axis,
    left_axis,
    scale_over,
    unit_ticks,
)
from agent_perf.report.drawing import (
    NARROW_PX,
    TEXT_WIDTH_PX,
    Chart,
    Curve,
    Dot,
    Key,
    Label,
    Line,
    Table,
    path_point,
    percent,
    pixels,
)
from agent_perf.report.mark import Mark
from agent_perf.report.text import change, columns, quantity, short_commit, shorten

_HEIGHT_PX: Final = 200
_MARK_PX: Final = 18


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesPoint:
    """
    One value of a series.

    Attributes:
        label: The commit or version it belongs to.
        value: Finite, in the series' unit; None where nothing could be measured.
        interval: Of *value*, in its unit; None if it is exact or the interval unknown.
    """

    label: str
    value: float | None
    interval: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """
    One metric over commits or versions.

    Attributes:
        name: What it is, as in ``agent.chat@200 latency.p95``.
        unit: As in units.format_value.
        points: Oldest first.
        target: Largest value allowed, in *unit*; None without one.
    """

    name: str
    unit: str
    points: tuple[SeriesPoint, ...]
    target: float | None = None


def draw_trend(series: Series, marks: Mapping[str, Mark], *, hint: str = "") -> Chart | None:
    """
    Return the series as a step line with a mark at each value.

    Args:
        series: What to draw.
        marks: Full label of a point to what is said of the step that begins there.
        hint: How to read it, a sentence; may be empty.

    Returns:
        None if the series has no value.
    """
    known = [point for point in series.points if point.value is not None]
    if not known:
        return None
    reach = [
        value
        for point in known
        for value in (point.value, *(point.interval or ()))
        if value is not None
    ]
    bounds = (
        [series.target] if series.target is not None and series.target <= 2 * max(reach) else []
    )
    told = _are_told(series)
    scale = scale_over([*reach, *bounds], room=0.18 if told else 0.06)
    lines, left = left_axis(scale, unit_ticks(scale, series.unit, 5), _HEIGHT_PX)
    keys: list[Key] = []
    extra: list[Line] = []
    if bounds:
        y = pixels(_y(scale, bounds[0]))
        extra.append(Line(x1="0", y1=y, x2="100%", y2=y, style="target"))
        keys.append(Key(style="target", text=f"target {quantity(bounds[0], series.unit)}"))
    across = across_scale(len(series.points))
    moved = {
        index
        for index, point in enumerate(series.points)
        if index and point.label in marks and point.value != series.points[index - 1].value
    }
    steps, marked = _steps(series, across, marks)
    labels = [
        *left,
        *marked,
        *_names(series, across, marks),
        *(_values(series, scale, across) if told else ()),
    ]
    return Chart(
        kind=_kind(marked),
        title=series.name,
        description=_description(series, known),
        hint=hint,
        height=pixels(_HEIGHT_PX),
        lines=(*lines, *extra, *steps, *_intervals(series, scale, across)),
        curves=(Curve(path=_path(series, scale, across), style="head"),),
        dots=tuple(
            Dot(
                x=percent(across.share(index + 1)),
                y=pixels(_y(scale, point.value)),
                radius="4.5" if index in moved else "3.5",
                style=marks[point.label].dot_style if index in moved else "head",
            )
            for index, point in enumerate(series.points)
            if point.value is not None
        ),
        labels=tuple(labels),
        legend=tuple(keys),
        table=_table(series, marks),
    )


def _path(series: Series, scale: Scale, across: Scale) -> str:
    """Return a line that holds each value until the next commit or version."""
    path: list[str] = []
    drawing = False
    for index, point in enumerate(series.points):
        if point.value is None:
            drawing = False
            continue
        at = path_point(across.share(index + 1), _y(scale, point.value))
        x, y = at.split()
        path.append(f"H{x}V{y}" if drawing else f"M{at}")
        drawing = True
    return "".join(path)


def _kind(marked: Sequence[Label]) -> str:
    """Return the kind that leaves room for so many rows of numbers over the plot."""
    rows = len({label.y for label in marked})
    return ("axis", "trend", "trend tall", "trend tall")[rows]


def _steps(
    series: Series, across: Scale, marks: Mapping[str, Mark]
) -> tuple[list[Line], list[Label]]:
    """Return a line and a text for each step, in rows if they would touch."""
    lines: list[Line] = []
    labels: list[Label] = []
    row_ends = [-1.0] * 3
    for index, point in enumerate(series.points):
        mark = marks.get(point.label)
        if mark is None:
            continue
        share = across.share(index + 1)
        half = (columns(mark.text) + 1) * TEXT_WIDTH_PX / 2
        free = [row for row, end in enumerate(row_ends) if share * NARROW_PX - half > end]
        lines.append(
            Line(
                x1=percent(share),
                y1="0",
                x2=percent(share),
                y2=pixels(_HEIGHT_PX),
                style=mark.line_style,
            )
        )
        if not free:
            continue
        row_ends[free[0]] = share * NARROW_PX + half
        labels.append(
            Label(
                x=percent(share),
                y=pixels(-6 - _MARK_PX * free[0]),
                text=mark.text,
                anchor="middle",
                style=mark.line_style,
            )
        )
    return lines, labels


def _names(series: Series, across: Scale, marks: Mapping[str, Mark]) -> tuple[Label, ...]:
    """Return names under the plot: both ends first, then the steps, then what fits."""
    count = len(series.points)
    steps = [index for index, point in enumerate(series.points) if point.label in marks]
    taken: list[tuple[float, float]] = []
    chosen: dict[float, str] = {}
    for index in dict.fromkeys([0, count - 1, *steps, *range(count)]):
        text = shorten(short_commit(series.points[index].label), 12)
        center = across.share(index + 1) * NARROW_PX
        half = (columns(text) + 0.5) * TEXT_WIDTH_PX / 2
        if all(center - half >= end or center + half <= begin for begin, end in taken):
            taken.append((center - half, center + half))
            chosen[index + 1] = text
    return bottom_axis(across, dict(sorted(chosen.items())), _HEIGHT_PX)


def _are_told(series: Series) -> bool:
    """Return whether there is room for the values themselves over their marks."""
    texts = [quantity(point.value, series.unit) for point in series.points]
    cell_px = (max(map(columns, texts)) + 1) * TEXT_WIDTH_PX
    return cell_px * len(texts) <= NARROW_PX + 2 * TEXT_WIDTH_PX


def _values(series: Series, scale: Scale, across: Scale) -> list[Label]:
    return [
        Label(
            x=percent(across.share(index + 1)),
            y=pixels(_y(scale, max(point.value, *(point.interval or (point.value,)))) - 10),
            text=quantity(point.value, series.unit),
            anchor="middle",
            style="strong",
        )
        for index, point in enumerate(series.points)
        if point.value is not None
    ]


def _intervals(series: Series, scale: Scale, across: Scale) -> list[Line]:
    return [
        Line(
            x1=percent(across.share(index + 1)),
            x2=percent(across.share(index + 1)),
            y1=pixels(_y(scale, point.interval[0])),
            y2=pixels(_y(scale, point.interval[1])),
            style="whisker",
        )
        for index, point in enumerate(series.points)
        if point.value is not None and point.interval is not None
    ]


def _table(series: Series, marks: Mapping[str, Mark]) -> Table:
    rows: list[tuple[str, ...]] = []
    before: float | None = None
    for point in series.points:
        moved = "–"
        if point.value is not None and before:
            moved = change(point.value / before - 1)
        low_high = "–"
        if point.interval is not None:
            low_high = " … ".join(quantity(value, series.unit) for value in point.interval)
        mark = marks.get(point.label)
        name = short_commit(point.label) + (f" ({mark.name})" if mark else "")
        rows.append((name, quantity(point.value, series.unit), low_high, moved))
        before = point.value if point.value is not None else before
    return Table(
        caption=series.name,
        header=("Commit or version", "Value", "Interval", "Change"),
        rows=tuple(rows),
    )


def _description(series: Series, known: list[SeriesPoint]) -> str:
    first, last = known[0], known[-1]
    return (
        f"{len(known)} values, from {quantity(first.value, series.unit)} at "
        f"{short_commit(first.label)} to {quantity(last.value, series.unit)} at "
        f"{short_commit(last.label)}."
    )


def _y(scale: Scale, value: float | None) -> float:
    assert value is not None
    return _HEIGHT_PX * (1 - scale.share(value))
