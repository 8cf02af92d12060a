"""
A load's time from left to right: where its buckets lie, and its fault windows.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from agent_perf.records import Bucket, FaultWindow, LoadRun
from agent_perf.report.axis import LogScale, Scale, bottom_axis, unit_ticks
from agent_perf.report.drawing import NARROW_PX, Box, Label, path_point, percent, pixels
from agent_perf.units import NS

BucketValue = Callable[[Bucket], float | None]
"""What to draw of a bucket; None where it does not tell."""

_MOMENTS: Final = 12
_NUMBER_PX: Final = 22
"""Room that the number of a fault window takes in the narrowest plot."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeFrame:
    """
    The buckets to draw, and where time lies.

    Attributes:
        buckets: In order; at least one.
        bucket_s: Length of each.
        across: Seconds from left to right.
        windows: Faults, by their begin.
    """

    buckets: Sequence[Bucket]
    bucket_s: float
    across: Scale
    windows: Sequence[FaultWindow]

    def line(self, value: BucketValue, scale: Scale | LogScale, height: float) -> str:
        """Return a path through the buckets' middles, interrupted where there is no value."""
        parts, pen_is_down = [], False
        for index, bucket in enumerate(self.buckets):
            found = value(bucket)
            if found is None:
                pen_is_down = False
                continue
            x = self.share((index + 0.5) * self.bucket_s)
            point = path_point(x, _y(scale, found, height))
            # A value alone between two gaps is a short stroke, or it would not be seen.
            parts.append(f"L{point}" if pen_is_down else f"M{point}h2")
            pen_is_down = True
        return "".join(parts)

    def area(self, value: BucketValue, scale: Scale, height: float) -> str:
        """Return the closed path of a bar per bucket, side by side."""
        parts = [f"M{path_point(0.0, height)}"]
        for index, bucket in enumerate(self.buckets):
            y = _y(scale, value(bucket) or 0.0, height)
            begin, end = (self.share(place * self.bucket_s) for place in (index, index + 1))
            parts.append(f"L{path_point(begin, y)}L{path_point(end, y)}")
        return "".join(parts) + f"L{path_point(1.0, height)}Z"

    def shades(self, height: float) -> tuple[Box, ...]:
        """Return a box for each fault window, as high as the plot."""
        boxes = []
        for window in self.windows:
            begin, end = (self.share(ns / NS) for ns in (window.start_ns, window.end_ns))
            boxes.append(
                Box(
                    x=percent(begin),
                    y="0",
                    # An instant is seen, too.
                    width=percent(max(end - begin, 0.003)),
                    height=pixels(height),
                    style="fault",
                )
            )
        return tuple(boxes)

    def numbers(self) -> tuple[Label, ...]:
        """Return the windows' numbers over the plot, so few that they do not touch."""
        return tuple(self._numbers())

    def time_labels(self, height: float) -> tuple[Label, ...]:
        """Return the labels of the time axis."""
        if self.across.high < 180:
            return bottom_axis(self.across, unit_ticks(self.across, "s", 8), height)
        minutes = Scale(low=0.0, high=self.across.high / 60)
        ticks = {tick * 60: f"{tick:g} min" if tick else "0" for tick in minutes.ticks(8)}
        return bottom_axis(self.across, ticks, height)

    def moments(self) -> Iterator[tuple[float, Bucket]]:
        """Yield at most a dozen buckets evenly spread, each with its begin in seconds."""
        every = max(1, -(-len(self.buckets) // _MOMENTS))
        for index in range(0, len(self.buckets), every):
            yield index * self.bucket_s, self.buckets[index]

    def share(self, at_s: float) -> float:
        """Return where *at_s* lies, 0 to 1."""
        return min(max(self.across.share(at_s), 0.0), 1.0)

    def _numbers(self) -> Iterator[Label]:
        last_px = -math.inf
        for number, window in enumerate(self.windows, start=1):
            middle = self.share((window.start_ns + window.end_ns) / 2 / NS)
            if middle * NARROW_PX - last_px < _NUMBER_PX:
                continue
            last_px = middle * NARROW_PX
            yield Label(
                x=percent(middle), y="-6", text=str(number), anchor="middle", style="strong"
            )


def frame_of(run: LoadRun) -> TimeFrame | None:
    """Return the frame of *run*; None if it has no bucket."""
    buckets = run.timeline.buckets
    if not buckets:
        return None
    bucket_s = run.timeline.bucket_ns / NS
    return TimeFrame(
        buckets=buckets,
        bucket_s=bucket_s,
        across=Scale(low=0.0, high=len(buckets) * bucket_s),
        windows=run.fault_windows,
    )


def known(values: Iterable[float | None]) -> list[float]:
    """Return *values* without those that are not told."""
    return [value for value in values if value is not None]


def _y(scale: Scale | LogScale, value: float, height: float) -> float:
    return height * (1 - min(max(scale.share(value), 0.0), 1.0))
