"""
The chart of a sampled benchmark: the change in each interleaved round.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Final

from agent_perf.records import Comparison, DuetRun, RoundConditions
from agent_perf.report.axis import across_scale, bottom_axis, left_axis, scale_over
from agent_perf.report.drawing import Box, Chart, Dot, Key, Line, Table, percent, pixels
from agent_perf.report.text import (
    capital,
    change,
    interval,
    limit,
    limit_change,
    plural,
    quantity,
)
from agent_perf.report.wording import metric_label

_HEIGHT_PX: Final = 200


def draw_confirmation(duet: DuetRun, comparison: Comparison) -> Chart | None:
    """
    Return the chart of the fresh rounds that were to confirm a regression; None without any.

    Args:
        duet: Its first rounds, with their confirmation.
        comparison: What they all came to.
    """
    again = comparison.confirmation
    if duet.confirmation is None or again is None:
        return None
    chart = draw_rounds(duet.confirmation, replace(comparison, interval=again.interval))
    title = f"{capital(metric_label(duet.metric))}, measured again: "
    return chart and replace(chart, title=f"{title}{plural(len(duet.confirmation.base), 'round')}")


def draw_rounds(duet: DuetRun, comparison: Comparison) -> Chart | None:
    """
    Return one mark for each round, over the interval and under the limit.

    Args:
        duet: Its rounds; those whose base is not above zero are left out.
        comparison: What the rounds came to.
    """
    changes = [
        head / base - 1
        for base, head in zip(duet.base, duet.head, strict=True)
        if base > 0 and math.isfinite(head / base)
    ]
    if not changes:
        return None
    allowed = limit_change(comparison)
    bounds = [*(comparison.interval or ()), *filter(None, [allowed])]
    scale = scale_over([*changes, *bounds, 0.0])
    lines, left = left_axis(scale, {value: _tick(value) for value in scale.ticks(5)}, _HEIGHT_PX)
    across = across_scale(len(changes))
    extra = [_across(_y(scale.share(0)), "zero")]
    keys = [Key(style="dot head", text="one round: head against base")]
    boxes: list[Box] = []
    if comparison.interval is not None:
        low, high = comparison.interval
        top, bottom = _y(scale.share(high)), _y(scale.share(low))
        boxes.append(
            Box(x="0", y=pixels(top), width="100%", height=pixels(bottom - top), style="interval")
        )
        keys.append(Key(style="interval", text=f"98 % interval: {interval(comparison)}"))
    if allowed is not None:
        extra.append(_across(_y(scale.share(allowed)), "limit"))
        keys.append(Key(style="limit", text=f"limit: {limit(comparison.limit_ratio)}"))
    return Chart(
        kind="axis",
        title=f"{capital(metric_label(duet.metric))}: {plural(len(changes), 'interleaved round')}",
        description=f"Change of head against base in each round, {change(min(changes))} to "
        f"{change(max(changes))}. " + "; ".join(key.text for key in keys[1:]),
        hint="Each mark is one fresh process of base and one of head, run side by side.",
        height=pixels(_HEIGHT_PX),
        lines=(*lines, *extra),
        boxes=tuple(boxes),
        dots=tuple(
            Dot(
                x=percent(across.share(index + 1)),
                y=pixels(_y(scale.share(value))),
                radius="4",
                style="head",
            )
            for index, value in enumerate(changes)
        ),
        labels=(
            *left,
            *bottom_axis(across, {i: str(i) for i in range(1, len(changes) + 1)}, _HEIGHT_PX),
        ),
        legend=tuple(keys),
        table=_table(duet),
    )


def _table(duet: DuetRun) -> Table:
    rows: list[tuple[str, ...]] = [
        (
            str(index + 1),
            quantity(base, duet.unit),
            quantity(head, duet.unit),
            change(head / base - 1 if base else None),
        )
        for index, (base, head) in enumerate(zip(duet.base, duet.head, strict=True))
    ]
    header: tuple[str, ...] = ("Round", "Base", "Head", "Change")
    if duet.conditions:
        header = (*header, "CPU awaited", "Stolen", "Switches")
        told = zip(rows, duet.conditions, strict=True)
        rows = [(*row, *_conditions(one)) for row, one in told]
    return Table(
        caption=f"{duet.metric} of each round, {duet.calls_per_round} calls a side",
        header=header,
        rows=tuple(rows),
    )


def _conditions(one: RoundConditions) -> tuple[str, str, str]:
    return (
        _share(one.pressure_ratio),
        _share(one.steal_ratio),
        "–" if one.switches_count is None else str(one.switches_count),
    )


def _share(ratio: float | None) -> str:
    return "–" if ratio is None else f"{ratio * 100:.0f}\u00a0%"


def _tick(ratio: float) -> str:
    return f"{ratio * 100:+.3g}\u00a0%".replace("-", "−") if ratio else "0"


def _across(y: float, style: str) -> Line:
    return Line(x1="0", y1=pixels(y), x2="100%", y2=pixels(y), style=style)


def _y(share: float) -> float:
    return _HEIGHT_PX * (1 - share)
