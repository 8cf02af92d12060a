"""
The chart of the verdict band: base and head from zero, against limit and target.
"""

from __future__ import annotations

from typing import Final

from agent_perf.records import Comparison
from agent_perf.report.drawing import Box, Chart, Label, Line, percent, pixels
from agent_perf.report.text import limit_change, quantity, shorten
from agent_perf.report.wording import bare_values, metric_label

_BAR_PX: Final = 16
_STEP_PX: Final = 26
_VALUE_COLUMNS: Final = 13
_HEIGHT_PX: Final = 2 * _STEP_PX


def draw_bars(comparison: Comparison, target: float | None) -> Chart | None:
    """
    Return base and head as two bars; None if either is missing or below zero.

    Args:
        comparison: What the verdict speaks of.
        target: Largest value allowed for its metric, in its unit; None without one.
    """
    base, head = comparison.base, comparison.head
    if base is None or head is None or min(base, head) < 0 or max(base, head) == 0:
        return None
    unit = comparison.unit
    bounds: list[tuple[str, float, str]] = []
    exact_work = comparison.metric.startswith("work.")
    allowed = limit_change(comparison)
    if allowed and not exact_work:
        bounds.append(("limit", base * max(0.0, 1 + allowed), "limit"))
    if target is not None and not exact_work:
        bounds.append(("target", target, "target"))
    # A bound far outside would press both bars flat against the edge.
    bounds = [bound for bound in bounds if bound[1] <= 4 * max(base, head)]
    widest = max(base, head, *(value for _, value, _ in bounds))
    lines, labels = _bounds(bounds, widest, unit)
    before, after = bare_values(comparison)
    rows = (("base", base, before, "base"), ("head", head, after, _head_style(comparison)))
    boxes = tuple(
        Box(
            x="0",
            y=pixels(index * _STEP_PX),
            width=percent(value / widest),
            height=pixels(_BAR_PX),
            style=style,
        )
        for index, (_, value, _, style) in enumerate(rows)
    )
    for index, (name, _, text, _) in enumerate(rows):
        y = pixels(index * _STEP_PX + 12)
        labels.append(Label(x="0", y=y, text=name, anchor="end", shift="-8"))
        labels.append(
            Label(
                x="100%",
                y=y,
                text=shorten(text, _VALUE_COLUMNS),
                anchor="start",
                shift="8",
                style="strong",
            )
        )
    words = [
        *(f"{name} {text}" for name, _, text, _ in rows),
        *(f"{name} {quantity(value, unit)}" for name, value, _ in bounds),
    ]
    return Chart(
        kind="bars",
        size="full",
        title=f"{comparison.benchmark}: {metric_label(comparison.metric)}",
        description="Bars from zero: " + ", ".join(words) + ".",
        height=pixels(_HEIGHT_PX + 17 * len(bounds)),
        boxes=boxes,
        lines=tuple(lines),
        labels=tuple(labels),
    )


def _bounds(
    bounds: list[tuple[str, float, str]], widest: float, unit: str
) -> tuple[list[Line], list[Label]]:
    lines: list[Line] = []
    labels: list[Label] = []
    for index, (name, value, style) in enumerate(bounds):
        share = value / widest
        # Each bound's label has a line of its own, on the roomier side of its mark.
        bottom = _HEIGHT_PX + 17 * index + 10
        lines.append(
            Line(x1=percent(share), y1="-5", x2=percent(share), y2=pixels(bottom), style=style)
        )
        labels.append(
            Label(
                x=percent(share),
                y=pixels(bottom),
                text=f"{name} {quantity(value, unit)}",
                anchor="end" if share > 0.5 else "start",
                shift="-6" if share > 0.5 else "6",
                style="tick",
            )
        )
    return lines, labels


def _head_style(comparison: Comparison) -> str:
    return "head worse" if comparison.verdict.name == "REGRESSED" else "head"
