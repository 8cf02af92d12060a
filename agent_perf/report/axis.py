"""
Axes: round numbers to mark, and where a value lies.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from agent_perf.report.drawing import (
    MARGIN_RIGHT_PX,
    NARROW_PX,
    TEXT_WIDTH_PX,
    TICK_COLUMNS,
    Label,
    Line,
    percent,
    pixels,
)
from agent_perf.report.text import columns, quantity
from agent_perf.units import KIB


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """
    A range of values laid on a length.

    Attributes:
        low: Value at the begin; finite.
        high: Value at the end; > *low*.
    """

    low: float
    high: float

    def share(self, value: float) -> float:
        """Return where *value* lies, 0 at *low* and 1 at *high*."""
        return (value - self.low) / (self.high - self.low)

    def ticks(self, count_max: int) -> tuple[float, ...]:
        """Return at most *count_max* round values inside, ascending; at least one."""
        for step in _round_steps((self.high - self.low) / count_max / 2):
            first = math.ceil(self.low / step - 1e-9)
            last = math.floor(self.high / step + 1e-9)
            if last - first < count_max:
                return tuple(index * step for index in range(first, last + 1)) or (self.low,)
        raise AssertionError("steps grow without end")


@dataclass(frozen=True, slots=True, kw_only=True)
class LogScale:
    """
    A range of positive values laid on a length, equal ratios on equal lengths.

    Attributes:
        low: Value at the begin; > 0.
        high: Value at the end; > *low*.
    """

    low: float
    high: float

    def share(self, value: float) -> float:
        """Return where *value* lies, 0 at *low* and below it, 1 at *high*."""
        if value <= self.low:
            return 0.0
        return math.log(value / self.low) / math.log(self.high / self.low)

    def ticks(self) -> tuple[float, ...]:
        """Return the powers of ten inside, or 1, 2 and 5 times them if they are few."""
        first, last = math.floor(math.log10(self.low)), math.ceil(math.log10(self.high))
        for factors in ((1.0,), (1.0, 2.0, 5.0)):
            found = [factor * 10.0**power for power in range(first, last + 1) for factor in factors]
            inside = tuple(tick for tick in found if self.low <= tick <= self.high)
            if len(inside) >= 3:
                break
        return inside


def scale_over(values: Iterable[float], *, room: float = 0.06) -> Scale:
    """
    Return a scale from zero that holds *values*: lengths compare as the values do.

    Args:
        values: Finite; there may be none.
        room: Share of the range to leave free above the largest value.
    """
    known = [0.0, *values]
    low, high = min(known), max(known)
    free = (high - low) * room or 1.0
    return Scale(low=low - free if low < 0 else low, high=high + free)


def across_scale(count: int) -> Scale:
    """Return a scale for *count* things side by side, each in the middle of its share."""
    return Scale(low=0.5, high=count + 0.5)


def bottom_axis(
    scale: Scale | LogScale, names: dict[float, str], height: float
) -> tuple[Label, ...]:
    """
    Return labels under the plot, so few that they do not touch in a narrow window.

    Args:
        scale: Of the plot's width.
        names: Value to its text, ascending.
        height: Of the plot in pixels.
    """
    items = list(names.items())
    # Every second, every third: a regular choice reads better than the most that fit.
    every = next(
        (
            stride
            for stride in range(1, len(items) + 1)
            if not _touch([_reach(scale, item) for item in items[::stride]])
        ),
        1,
    )
    return tuple(
        Label(
            x=percent(scale.share(value)),
            y=pixels(height + 17),
            text=text,
            anchor="middle",
            style="tick",
        )
        for value, text in items[::every]
        if _reach(scale, (value, text))[1] <= NARROW_PX + MARGIN_RIGHT_PX
    )


def left_axis(
    scale: Scale | LogScale, names: dict[float, str], height: float
) -> tuple[tuple[Line, ...], tuple[Label, ...]]:
    """Return grid lines across the plot and their labels on its left."""
    lines: list[Line] = []
    labels: list[Label] = []
    for value, text in names.items():
        y = height * (1 - scale.share(value))
        lines.append(Line(x1="0", y1=pixels(y), x2="100%", y2=pixels(y), style="grid"))
        labels.append(
            Label(x="0", y=pixels(y + 4), text=text, anchor="end", shift="-8", style="tick")
        )
    return tuple(lines), tuple(labels)


def _reach(scale: Scale | LogScale, item: tuple[float, str]) -> tuple[float, float]:
    """Return where a label under a narrow plot begins and ends, in pixels."""
    value, text = item
    center, half = scale.share(value) * NARROW_PX, columns(text) * TEXT_WIDTH_PX / 2
    return center - half, center + half


def _touch(reaches: Sequence[tuple[float, float]]) -> bool:
    return any(
        begin < end + TEXT_WIDTH_PX / 2 for (_, end), (begin, _) in itertools.pairwise(reaches)
    )


def unit_ticks(scale: Scale, unit: str, count_max: int) -> dict[float, str]:
    """
    Return at most *count_max* round values on *scale*, each with its text.

    Args:
        scale: In *unit*.
        unit: As in units.format_value; bytes are round in multiples of 1024.
        count_max: At least 2.
    """
    step = 1
    while unit == "bytes" and scale.high / step >= KIB:
        step *= KIB
    inner = Scale(low=scale.low / step, high=scale.high / step)
    return {tick * step: tick_text(tick * step, unit) for tick in inner.ticks(count_max)}


def tick_text(value: float, unit: str) -> str:
    """Return *value* for an axis: zero needs no unit, and a long one gives way."""
    text = quantity(value, unit) if value else "0"
    return text if columns(text) <= TICK_COLUMNS else f"{value:.3g}"


def _round_steps(at_least: float) -> Iterator[float]:
    """Yield 1, 2, 2.5 and 5 times the powers of ten, ascending without end."""
    magnitude = 10.0 ** math.floor(math.log10(at_least))
    while True:
        for factor in (1, 2, 2.5, 5):
            if factor * magnitude >= at_least * (1 - 1e-9):
                yield factor * magnitude
        magnitude *= 10
