"""
Latency against offered rate: where it turns upwards, and what is promised.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from agent_perf.records import Capacity, LoadRun
from agent_perf.report.axis import LogScale, bottom_axis, left_axis, scale_over, unit_ticks
from agent_perf.report.drawing import (
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
from agent_perf.report.text import quantity
from agent_perf.units import NS

_HEIGHT_PX: Final = 240
_CLIMBING: Final = ("ramp", "stress")
_STEPS_MIN: Final = 3
_POINTS_MAX: Final = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class _Dot:
    """One rate and what it came to; *style* is ``kept``, ``broken`` or ``scout``."""

    rate_hz: float
    latency_s: float
    style: str


def draw_curve(capacity: Capacity) -> Chart | None:
    """Return what each rate tried came to, with the promise and the knee; None if none was."""
    promise = capacity.promise
    name = f"{promise.quantile}_ns"
    dots = [
        _Dot(
            rate_hz=probe.rate_hz,
            latency_s=getattr(probe, name) / NS,
            style="scout" if probe in capacity.scouts else "kept" if probe.kept else "broken",
        )
        for probe in capacity.curve
    ]
    what = f"{promise.quantile.upper()}{f' of {promise.path}' * bool(promise.path)}"
    return _draw(
        dots,
        f"{what} against offered rate",
        limit_s=promise.within_s,
        knee_hz=capacity.knee_hz,
        table=_probes(capacity),
    )


def draw_climb(run: LoadRun) -> Chart | None:
    """
    Return P95 against the rate offered in each stretch of a climbing load.

    None if the load does not climb, or has fewer than three stretches with answers.
    """
    if not run.shape.startswith(_CLIMBING):
        return None
    bucket_s = run.timeline.bucket_ns / NS
    limit_s = run.targets.get("latency.p95")
    dots = [
        _Dot(
            rate_hz=(bucket.started + bucket.dropped) / bucket_s,
            latency_s=bucket.latency.p95_ns / NS,
            style="broken"
            if limit_s is not None and bucket.latency.p95_ns / NS > limit_s
            else "kept",
        )
        for bucket in run.timeline.buckets
        if bucket.ended and bucket.started
    ]
    if len(dots) < _STEPS_MIN:
        return None
    every = -(-len(dots) // _POINTS_MAX)
    shown = sorted(dots[::every], key=lambda dot: dot.rate_hz)
    return _draw(
        shown,
        "P95 of what ended against the rate offered, stretch by stretch",
        limit_s=limit_s,
        knee_hz=None,
        table=_stretches(shown),
        joined=False,
    )


def _draw(
    dots: Sequence[_Dot],
    title: str,
    *,
    limit_s: float | None,
    knee_hz: float | None,
    table: Table,
    joined: bool = True,
) -> Chart | None:
    if not dots:
        return None
    across = scale_over(dot.rate_hz for dot in dots)
    up = _up([dot.latency_s for dot in dots], limit_s)
    lines, labels = left_axis(up, {tick: quantity(tick, "s") for tick in up.ticks()}, _HEIGHT_PX)
    keys = [Key(style=f"dot {style}", text=text) for style, text in _words(dots)]
    marks: list[Line] = []
    texts: list[Label] = []
    if limit_s is not None:
        y = pixels(_y(up, limit_s))
        marks.append(Line(x1="0", y1=y, x2="100%", y2=y, style="target"))
        keys.append(Key(style="target", text=f"target: {quantity(limit_s, 's')}"))
    if knee_hz is not None:
        x = percent(across.share(knee_hz))
        marks.append(Line(x1=x, y1="0", x2=x, y2=pixels(_HEIGHT_PX), style="knee"))
        texts.append(Label(x=x, y="-6", text="knee", anchor="middle", style="strong"))
        keys.append(Key(style="knee", text=f"knee: {quantity(knee_hz, 'per_s')}"))
    path = "L".join(path_point(across.share(dot.rate_hz), _y(up, dot.latency_s)) for dot in dots)
    return Chart(
        kind="trend",
        size="full",
        title=title,
        description=f"{title}: "
        + ", ".join(
            f"{quantity(dot.latency_s, 's')} at {quantity(dot.rate_hz, 'per_s')}"
            for dot in dots[:: -(-len(dots) // 12)]
        )
        + ".",
        hint="Each mark on the left is a multiple of the one below."
        + ("" if knee_hz is None else " At the knee latency turns upwards."),
        height=pixels(_HEIGHT_PX),
        lines=(*lines, *marks),
        curves=(Curve(path=f"M{path}", style="head"),) if joined else (),
        dots=tuple(
            Dot(
                x=percent(across.share(dot.rate_hz)),
                y=pixels(_y(up, dot.latency_s)),
                radius="4.5",
                style=dot.style,
            )
            for dot in dots
        ),
        labels=(
            *labels,
            *bottom_axis(across, unit_ticks(across, "per_s", 8), _HEIGHT_PX),
            *texts,
        ),
        legend=tuple(keys),
        table=table,
    )


def _up(latencies_s: Sequence[float], limit_s: float | None) -> LogScale:
    found = [value for value in latencies_s if value > 0]
    if limit_s is not None:
        found.append(limit_s)
    low, high = min(found, default=0.001), max(found, default=1.0)
    return LogScale(low=low * 0.8, high=max(high, low * 2) * 1.25)


def _y(scale: LogScale, value: float) -> float:
    return _HEIGHT_PX * (1 - min(max(scale.share(value), 0.0), 1.0))


def _words(dots: Sequence[_Dot]) -> list[tuple[str, str]]:
    found = {dot.style for dot in dots}
    words = {
        "kept": "keeps the target",
        "broken": "does not",
        "scout": "tried for a shorter time",
    }
    return [(style, text) for style, text in words.items() if style in found]


def _probes(capacity: Capacity) -> Table:
    tried = sorted(
        (*capacity.scouts, *capacity.probes), key=lambda probe: (probe.rate_hz, probe.for_s)
    )
    return Table(
        caption="Every rate tried",
        header=(
            "Offered",
            "For",
            "Requests",
            "P50",
            "P95",
            "P99",
            "Good",
            "Goodput",
            "Verdict",
        ),
        rows=tuple(
            (
                quantity(probe.rate_hz, "per_s"),
                quantity(probe.for_s, "s") if probe.for_s else "–",
                f"{probe.offered:,}",
                *(quantity(ns / NS, "s") for ns in (probe.p50_ns, probe.p95_ns, probe.p99_ns)),
                quantity(probe.good_ratio, "ratio"),
                quantity(probe.goodput_hz, "per_s"),
                "✓ kept" if probe.kept else "✗ broken",
            )
            for probe in tried
        ),
        words=(8,),
    )


def _stretches(dots: Sequence[_Dot]) -> Table:
    return Table(
        caption="Rate and P95",
        header=("Offered", "P95"),
        rows=tuple((quantity(dot.rate_hz, "per_s"), quantity(dot.latency_s, "s")) for dot in dots),
    )
