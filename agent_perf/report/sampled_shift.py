"""
The chart of a sampled benchmark's statistics: how each moved, with its interval.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from agent_perf.records import Comparison, Evidence, Verdict
from agent_perf.report.axis import across_scale, bottom_axis, left_axis, scale_over
from agent_perf.report.drawing import Chart, Dot, Key, Line, Table, percent, pixels
from agent_perf.report.text import change, deciding_interval, limit
from agent_perf.report.wording import metric_label

_HEIGHT_PX: Final = 200
_ORDER: Final = ("median", "mean", "p95")
_CLOCKS: Final = ("cpu", "wall")


def draw_sampled_shift(comparisons: Sequence[Comparison]) -> Chart | None:
    """
    Return the change of each statistic of a sampled time, each with its interval.

    A rise of the P95 alone means that slow calls became slower; of all of them, that every
    call pays.

    Args:
        comparisons: All of one benchmark.

    Returns:
        None with fewer than two statistics that have an interval.
    """
    found = sorted(filter(_is_drawn, comparisons), key=_place)
    if len(found) < 2:
        return None
    moves = [_move(one) for one in found]
    limits = {one.limit_ratio for one in found}
    bound = next(iter(limits)) if len(limits) == 1 else None
    scale = scale_over([*(value for move in moves for value in move), bound or 0.0])
    clocks = {one.metric.partition(".")[0] for one in found}
    ticks = {value: _tick(value) for value in scale.ticks(5)}
    lines, left = left_axis(scale, ticks, _HEIGHT_PX)
    across = across_scale(len(found))

    def y(value: float) -> str:
        return pixels(_HEIGHT_PX * (1 - scale.share(value)))

    drawn = [Line(x1="0", y1=y(0), x2="100%", y2=y(0), style="zero")]
    keys: list[Key] = []
    if bound:
        drawn.append(Line(x1="0", y1=y(bound), x2="100%", y2=y(bound), style="limit"))
        keys.append(Key(style="limit", text=f"limit: {limit(bound)}"))
    dots = []
    for index, (low, middle, high) in enumerate(moves, 1):
        x = percent(across.share(index))
        drawn.append(Line(x1=x, y1=y(low), x2=x, y2=y(high), style="whisker"))
        style = "worse" if low > 0 else "better" if high < 0 else "head"
        dots.append(Dot(x=x, y=y(middle), radius="4.5", style=style))
    most = max(found, key=lambda one: abs(one.change_ratio or 0))
    return Chart(
        kind="axis",
        title="What changed, statistic by statistic",
        description=f"Head against base with 98 % intervals; the most for {most.metric}: "
        f"{change(most.change_ratio)} ({deciding_interval(most)}).",
        hint="Head against base: above the line is slower. A line over zero: no change is sure.",
        height=pixels(_HEIGHT_PX),
        lines=(*lines, *drawn),
        dots=tuple(dots),
        labels=(
            *left,
            *bottom_axis(
                across,
                {
                    float(place): _short(one, several=len(clocks) > 1)
                    for place, one in enumerate(found, 1)
                },
                _HEIGHT_PX,
            ),
        ),
        legend=tuple(keys),
        table=Table(
            caption="Change of each statistic",
            header=("Statistic", "Change", "98 % interval"),
            rows=tuple(
                (metric_label(one.metric), change(one.change_ratio), deciding_interval(one))
                for one in found
            ),
        ),
    )


def _tick(ratio: float) -> str:
    return f"{ratio * 100:+.3g}\u00a0%".replace("-", "−") if ratio else "0"


def _is_drawn(one: Comparison) -> bool:
    clock, _, which = one.metric.partition(".")
    return (
        one.evidence is Evidence.SAMPLED
        and clock in _CLOCKS
        and which in _ORDER
        and one.interval is not None
        and one.change_ratio is not None
    )


def _move(one: Comparison) -> tuple[float, float, float]:
    """Return lower end, change and upper end, of the rounds that the verdict stands on."""
    again = one.confirmation
    if one.verdict is Verdict.REGRESSED and again is not None and again.interval is not None:
        low, high = again.interval
        return low, again.change_ratio or 0.0, high
    assert one.interval is not None
    assert one.change_ratio is not None
    return one.interval[0], one.change_ratio, one.interval[1]


def _place(one: Comparison) -> tuple[int, int]:
    clock, _, which = one.metric.partition(".")
    return _CLOCKS.index(clock), _ORDER.index(which)


def _short(one: Comparison, *, several: bool) -> str:
    """Return its statistic, and its clock if there are *several*."""
    clock, _, which = one.metric.partition(".")
    word = which.upper() if which == "p95" else which
    return f"{word}, {clock}" if several else word
