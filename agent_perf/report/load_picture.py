"""
A load along its virtual time, as one picture: what was asked and answered, how late, how wrong.

A picture of its own, not a page: it stands in documents and in pull requests as it is.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import jinja2

from agent_perf.records import Bucket, FaultWindow, LoadRun
from agent_perf.report.axis import LogScale, Scale, scale_over, unit_ticks
from agent_perf.report.drawing import TEXT_WIDTH_PX
from agent_perf.report.load_words import clock
from agent_perf.report.text import quantity, scrub
from agent_perf.units import NS

WIDTH_PX: Final = 960
_LEFT_PX: Final = 72
_RIGHT_PX: Final = 16
_HEAD_PX: Final = 92
_PANEL_PX: Final = 120
_GAP_PX: Final = 38
_KEY_ROW_PX: Final = 20
_KEY_COLUMNS: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """A mark on an axis: where, in pixels, and its text."""

    at: float
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """One path of a panel: how it is drawn, what it is called."""

    style: str
    path: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """What a colour of a panel stands for, and where that is said."""

    style: str
    x: float
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One of the plots above each other; positions in pixels of the picture."""

    title: str
    top: float
    ticks: tuple[Tick, ...]
    traces: tuple[Trace, ...]

    @property
    def keys(self) -> tuple[Key, ...]:
        """The legend, from the right edge leftwards, last trace rightmost."""
        keys, right = [], float(WIDTH_PX - _RIGHT_PX)
        for trace in reversed(self.traces):
            right -= len(trace.name) * TEXT_WIDTH_PX + 36
            keys.append(Key(style=trace.style, x=round(right + 16, 1), name=trace.name))
        return tuple(reversed(keys))


@dataclass(frozen=True, slots=True, kw_only=True)
class Shade:
    """A fault's window: where, its number, and what it is called in the key."""

    x: float
    width: float
    number: int
    key_x: float
    key_y: float
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Frame:
    """The buckets to draw, and where time lies."""

    buckets: Sequence[Bucket]
    bucket_s: float
    across: Scale

    def x(self, at_s: float) -> float:
        share = min(max(self.across.share(at_s), 0.0), 1.0)
        return round(_LEFT_PX + share * (WIDTH_PX - _LEFT_PX - _RIGHT_PX), 1)


def draw_load(run: LoadRun) -> str:
    """
    Return *run*'s timeline as an SVG document, its fault windows shaded.

    Three plots over the same time: requests offered and answered well per second, P50 and
    P95 of what ended, and what failed or was dropped per second.
    """
    timeline = run.timeline
    length_s = max(1, len(timeline.buckets)) * timeline.bucket_ns / NS
    frame = _Frame(
        buckets=timeline.buckets,
        bucket_s=timeline.bucket_ns / NS,
        across=Scale(low=0.0, high=length_s),
    )
    panels = (_rates(frame, 0), _latencies(frame, 1), _failures(frame, 2))
    bottom = _top(2) + _PANEL_PX
    windows = run.fault_windows
    rows = math.ceil(len(windows) / _KEY_COLUMNS)
    return _template().render(
        width=WIDTH_PX,
        height=bottom + 44 + rows * _KEY_ROW_PX,
        left=_LEFT_PX,
        right=WIDTH_PX - _RIGHT_PX,
        top=_top(0),
        bottom=bottom,
        panel=_PANEL_PX,
        title=scrub(" + ".join(run.scenarios)),
        subtitle=scrub(_subtitle(run)),
        panels=panels,
        across=_time_ticks(frame),
        shades=[_shade(frame, window, index, bottom + 52) for index, window in enumerate(windows)],
    )


def _subtitle(run: LoadRun) -> str:
    good = f"{run.good_ratio:.2%} good"
    if run.good_within_ns is not None:
        good += f" within {quantity(run.good_within_ns / NS, 's')}"
    return (
        f"{run.shape} · {run.offered:,} requests, {good} · P50 "
        f"{quantity(run.latency.p50_ns / NS, 's')}, P95 {quantity(run.latency.p95_ns / NS, 's')} "
        f"· tier {run.tier.value}, seed {run.seed}"
    )


def _top(place: int) -> int:
    return _HEAD_PX + place * (_PANEL_PX + _GAP_PX)


def _rates(frame: _Frame, place: int) -> Panel:
    def offered(bucket: Bucket) -> float:
        return (bucket.started + bucket.dropped) / frame.bucket_s

    def good(bucket: Bucket) -> float:
        return bucket.good / frame.bucket_s

    scale = scale_over([offered(b) for b in frame.buckets] + [good(b) for b in frame.buckets])
    return Panel(
        title="requests per second",
        top=_top(place),
        ticks=_ticks(scale, {tick: f"{tick:,g}" for tick in scale.ticks(4)}, place),
        traces=(
            Trace(style="good", path=_area(frame, scale, good, place), name="answered well"),
            Trace(style="offered", path=_line(frame, scale, offered, place), name="offered"),
        ),
    )


def _latencies(frame: _Frame, place: int) -> Panel:
    def p95(bucket: Bucket) -> float:
        return bucket.latency.p95_ns / NS if bucket.latency.count else math.nan

    def p50(bucket: Bucket) -> float:
        return bucket.latency.p50_ns / NS if bucket.latency.count else math.nan

    known = [value for b in frame.buckets for value in (p50(b), p95(b)) if value > 0]
    low, high = min(known, default=0.001), max(known, default=1.0)
    scale = LogScale(low=low * 0.8, high=max(high, low * 2) * 1.25)
    return Panel(
        title="seconds from the intended start (logarithmic)",
        top=_top(place),
        ticks=_ticks(scale, {tick: quantity(tick, "s") for tick in scale.ticks()}, place),
        traces=(
            Trace(style="p50", path=_line(frame, scale, p50, place), name="P50"),
            Trace(style="p95", path=_line(frame, scale, p95, place), name="P95"),
        ),
    )


def _failures(frame: _Frame, place: int) -> Panel:
    def failed(bucket: Bucket) -> float:
        return (sum(bucket.errors.values()) + bucket.dropped) / frame.bucket_s

    def late(bucket: Bucket) -> float:
        return (bucket.ended - bucket.good + bucket.dropped) / frame.bucket_s

    scale = scale_over([late(b) for b in frame.buckets] + [failed(b) for b in frame.buckets])
    return Panel(
        title="not answered well, per second",
        top=_top(place),
        ticks=_ticks(scale, {tick: f"{tick:,g}" for tick in scale.ticks(4)}, place),
        traces=(
            Trace(style="late", path=_area(frame, scale, late, place), name="too late"),
            Trace(style="failed", path=_area(frame, scale, failed, place), name="failed, dropped"),
        ),
    )


_Value = Callable[[Bucket], float]


def _line(frame: _Frame, scale: Scale | LogScale, value: _Value, place: int) -> str:
    """Return a path through the buckets' middles, interrupted where there is no value."""
    parts, pen_is_down = [], False
    for index, bucket in enumerate(frame.buckets):
        found = value(bucket)
        if math.isnan(found):
            pen_is_down = False
            continue
        x = frame.x((index + 0.5) * frame.bucket_s)
        parts.append(f"{'L' if pen_is_down else 'M'}{x:g} {_y(scale, found, place):g}")
        pen_is_down = True
    return "".join(parts)


def _area(frame: _Frame, scale: Scale, value: _Value, place: int) -> str:
    """Return the closed path of a bar per bucket, side by side."""
    floor = _y(scale, 0.0, place)
    parts = [f"M{frame.x(0):g} {floor:g}"]
    for index, bucket in enumerate(frame.buckets):
        parts.append(f"V{_y(scale, value(bucket), place):g}")
        parts.append(f"H{frame.x((index + 1) * frame.bucket_s):g}")
    return "".join(parts) + f"V{floor:g}Z"


def _y(scale: Scale | LogScale, value: float, place: int) -> float:
    return round(_top(place) + _PANEL_PX * (1 - min(max(scale.share(value), 0.0), 1.0)), 1)


def _ticks(scale: Scale | LogScale, names: dict[float, str], place: int) -> tuple[Tick, ...]:
    return tuple(Tick(at=_y(scale, value, place), text=text) for value, text in names.items())


def _time_ticks(frame: _Frame) -> tuple[Tick, ...]:
    length_s = frame.across.high
    if length_s < 180:
        marks = unit_ticks(frame.across, "s", 8)
        return tuple(Tick(at=frame.x(at_s), text=text) for at_s, text in marks.items())
    minutes = Scale(low=0.0, high=length_s / 60)
    return tuple(Tick(at=frame.x(tick * 60), text=f"{tick:g} min") for tick in minutes.ticks(8))


def _shade(frame: _Frame, window: FaultWindow, index: int, key_top: float) -> Shade:
    begin, end = frame.x(window.start_ns / NS), frame.x(window.end_ns / NS)
    column, row = index % _KEY_COLUMNS, index // _KEY_COLUMNS
    when = f"{clock(window.start_ns)}–{clock(window.end_ns)}"
    return Shade(
        x=begin,
        width=max(1.5, round(end - begin, 1)),
        number=index + 1,
        key_x=_LEFT_PX + column * (WIDTH_PX - _LEFT_PX) / _KEY_COLUMNS,
        key_y=key_top + row * _KEY_ROW_PX,
        text=scrub(f"{window.name}, {when}"),
    )


def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("agent_perf.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("load.svg.j2")
