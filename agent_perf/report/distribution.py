"""
Charts of all latencies of base and head: their distribution, and how each part moved.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Final

from agent_perf.records import Run
from agent_perf.report.axis import (
    LogScale,
    Scale,
    bottom_axis,
    left_axis,
    scale_over,
    tick_text,
    unit_ticks,
)
from agent_perf.report.drawing import (
    CURVE_WIDTH,
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
from agent_perf.report.text import difference, duration, quantity
from agent_perf.stats import nearest_rank, samples_needed
from agent_perf.units import NS

_HEIGHT_PX: Final = 200
_LOG_FROM: Final = 30
"""Ratio of slow to fast requests from which an axis from zero would hide the fast ones."""

_PERCENTILES: Final = (10, 20, 30, 40, 50, 60, 70, 80, 90, 95, 99)


def draw_distribution(base: Run | None, head: Run | None, target_s: float | None) -> Chart | None:
    """
    Return the share of requests answered within each time, for base and head.

    Args:
        base: None if the base has no run.
        head: None if the head has none.
        target_s: Largest P95 allowed, in seconds; None without a target.
    """
    sides = [
        (name, sorted(run.latency_ns)) for name, run in (("base", base), ("head", head)) if run
    ]
    sides = [side for side in sides if side[1]]
    if not sides:
        return None
    who = {"base": "base", "head": "head"}
    if len(sides) == 2 and sides[0][1] == sides[1][1]:
        sides = sides[1:]
        who["head"] = "base and head alike"
    scale, ticks = _time_axis([ordered for _, ordered in sides])
    grid, left = _share_axis()
    lines = list(grid)
    keys = [
        Key(style=name, text=f"{who[name]}: {_middle_and_tail(ordered)}") for name, ordered in sides
    ]
    if target_s is not None and scale.low <= target_s <= scale.high:
        x = percent(scale.share(target_s))
        lines.append(Line(x1=x, y1="0", x2=x, y2=pixels(_HEIGHT_PX), style="target"))
        keys.append(Key(style="target", text=f"target for P95: {quantity(target_s, 's')}"))
    return Chart(
        kind="axis",
        title="How long requests take",
        description="Share of requests answered within a time. "
        + "; ".join(key.text for key in keys)
        + ".",
        hint="Share of requests answered within a time: further right is slower."
        + (" Each mark is a multiple of the one before." if isinstance(scale, LogScale) else ""),
        height=pixels(_HEIGHT_PX),
        lines=tuple(lines),
        curves=tuple(Curve(path=_steps(ordered, scale), style=name) for name, ordered in sides),
        labels=(*left, *bottom_axis(scale, ticks, _HEIGHT_PX)),
        legend=tuple(keys),
    )


def draw_shift(base: Run, head: Run) -> Chart | None:
    """Return how far each percentile moved from base to head; None if none did."""
    before, after = sorted(base.latency_ns), sorted(head.latency_ns)
    if not before or not after or before == after:
        return None
    found = [
        (which, nearest_rank(before, share), nearest_rank(after, share))
        for which, share in ((which, Fraction(which, 100)) for which in _PERCENTILES)
        if samples_needed(share) <= min(len(before), len(after))
    ]
    scale = scale_over((new - old) / NS for _, old, new in found)
    ticks = {value: difference(value, "s") if value else "0" for value in scale.ticks(5)}
    lines, left = left_axis(scale, ticks, _HEIGHT_PX)
    zero_y = _HEIGHT_PX * (1 - scale.share(0))
    stems: list[Line] = [
        Line(x1="0", y1=pixels(zero_y), x2="100%", y2=pixels(zero_y), style="zero")
    ]
    dots: list[Dot] = []
    names: list[Label] = []
    for index, (which, old, new) in enumerate(found):
        x = percent((index + 0.5) / len(found))
        y = _HEIGHT_PX * (1 - scale.share((new - old) / NS))
        style = "worse" if new > old else "better" if new < old else "same"
        stems.append(Line(x1=x, y1=pixels(zero_y), x2=x, y2=pixels(y), style=f"stem {style}"))
        dots.append(Dot(x=x, y=pixels(y), radius="4.5", style=style))
        names.append(
            Label(x=x, y=pixels(_HEIGHT_PX + 17), text=str(which), anchor="middle", style="tick")
        )
    most = max(found, key=lambda item: abs(item[2] - item[1]))
    return Chart(
        kind="axis",
        title="What changed, percentile by percentile",
        description=f"Head minus base at {len(found)} percentiles; the most at P{most[0]}: "
        f"{difference((most[2] - most[1]) / NS, 's')}.",
        hint="Head minus base: above the line is slower. Exact, so without intervals.",
        height=pixels(_HEIGHT_PX),
        lines=(*lines, *stems),
        dots=tuple(dots),
        labels=(*left, *names),
        table=Table(
            caption="Latency by percentile",
            header=("Percentile", "Base", "Head", "Difference"),
            rows=tuple(
                (f"P{which}", duration(old), duration(new), difference((new - old) / NS, "s"))
                for which, old, new in found
            ),
        ),
    )


def _share_axis() -> tuple[list[Line], list[Label]]:
    """Return the grid of shares, 0 to 100 per cent, with P95 marked."""
    lines: list[Line] = []
    labels: list[Label] = []
    for share, text, style in ((0.0, "0 %", "zero"), (0.5, "50 %", "grid"), (0.95, "P95", "mark")):
        y = _HEIGHT_PX * (1 - share)
        lines.append(Line(x1="0", y1=pixels(y), x2="100%", y2=pixels(y), style=style))
        labels.append(
            Label(x="0", y=pixels(y + 4), text=text, anchor="end", shift="-8", style="tick")
        )
    return lines, labels


def _time_axis(sides: Sequence[Sequence[int]]) -> tuple[Scale | LogScale, dict[float, str]]:
    """Return the axis of latencies, logarithmic if hits and misses lie far apart."""
    # The last half per cent would squeeze everything else to the left.
    highest = max(ordered[len(ordered) * 995 // 1000] for ordered in sides) / NS
    lowest = min(ordered[len(ordered) // 100] for ordered in sides) / NS
    if lowest > 0 and highest / lowest > _LOG_FROM:
        scale = LogScale(low=lowest / 1.2, high=highest * 1.2)
        return scale, {value: tick_text(value, "s") for value in scale.ticks()}
    linear = scale_over([highest])
    return linear, unit_ticks(linear, "s", 5)


def _steps(ordered: Sequence[int], scale: Scale | LogScale) -> str:
    """Return the distribution as a path of at most 200 steps, up to the scale's end."""
    count = len(ordered)
    every = max(1, count // 200)
    kept = sorted({*range(0, count, every), count - 1})
    path = [f"M{path_point(scale.share(ordered[0] / NS), _HEIGHT_PX)}"]
    for index in kept:
        at = path_point(scale.share(ordered[index] / NS), _HEIGHT_PX * (1 - (index + 1) / count))
        x, y = at.split()
        path.append(f"H{x}V{y}")
        if ordered[index] / NS > scale.high:
            break
    return "".join([*path, f"H{CURVE_WIDTH}"])


def _middle_and_tail(ordered: Sequence[int]) -> str:
    """Return the median, and the P95 if there are requests enough to speak of one."""
    words = [f"P50 {duration(nearest_rank(ordered, '0.5'))}"]
    if len(ordered) >= samples_needed("0.95"):
        words.append(f"P95 {duration(nearest_rank(ordered, '0.95'))}")
    return ", ".join(words)
