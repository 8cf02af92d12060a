"""
A load along its virtual time: rates, latencies, failures, what was under way and held.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from agent_perf.records import Bucket, LoadRun
from agent_perf.report.axis import LogScale, Scale, left_axis, scale_over, unit_ticks
from agent_perf.report.drawing import Chart, Curve, Key, Label, Line, Table, pixels
from agent_perf.report.load_frame import BucketValue, TimeFrame, frame_of, known
from agent_perf.report.load_words import level_label
from agent_perf.report.text import plural, quantity
from agent_perf.units import NS

_HEIGHT_PX: Final = 130
_TARGETED: Final = ("latency.p95", "latency.p50", "latency.p99")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Trace:
    """
    One curve of a chart.

    Attributes:
        style: Its class.
        name: What it is called.
        value: What it shows.
        is_area: Whether it is filled down to the floor.
    """

    style: str
    name: str
    value: BucketValue
    is_area: bool = False


def draw_timeline(run: LoadRun) -> tuple[Chart, ...]:
    """Return the charts of *run* along its time, all over the same; none if it has no bucket."""
    frame = frame_of(run)
    if frame is None:
        return ()
    charts = [_rates(frame), _latencies(frame, run)]
    if any(_failed(bucket) + bucket.dropped + _late(bucket) for bucket in frame.buckets):
        charts.append(_failures(frame))
    charts.append(_in_flight(frame))
    charts.extend(_level(frame, name, run) for name in run.levels if _is_told(frame, name))
    return tuple(charts)


def _rates(frame: TimeFrame) -> Chart:
    def offered(bucket: Bucket) -> float:
        return (bucket.started + bucket.dropped) / frame.bucket_s

    def good(bucket: Bucket) -> float:
        return bucket.good / frame.bucket_s

    traces = (
        _Trace(style="good", name="answered well", value=good, is_area=True),
        _Trace(style="offered", name="offered", value=offered),
    )
    return _chart(frame, "Offered and answered well, requests per second", traces, "per_s")


def _latencies(frame: TimeFrame, run: LoadRun) -> Chart:
    traces = tuple(
        _Trace(style=name, name=name.upper(), value=_quantile(name)) for name in ("p50", "p95")
    )
    if any(bucket.ended >= 100 for bucket in frame.buckets):
        traces = (*traces, _Trace(style="p99", name="P99", value=_quantile("p99")))
    name = next((name for name in _TARGETED if name in run.targets), "")
    return _chart(
        frame,
        "Latency from the intended start",
        traces,
        "s",
        target=(name.removeprefix("latency.").upper(), run.targets[name]) if name else None,
        hint="Each mark is a multiple of the one below; where nothing ended there is no line.",
    )


def _failures(frame: TimeFrame) -> Chart:
    def failed(bucket: Bucket) -> float:
        return (_failed(bucket) + bucket.dropped) / frame.bucket_s

    def not_well(bucket: Bucket) -> float:
        return failed(bucket) + _late(bucket) / frame.bucket_s

    traces = [_Trace(style="failed", name="failed or dropped", value=failed, is_area=True)]
    if any(map(_late, frame.buckets)):
        # Drawn behind the other: what is seen of it came too late.
        every = "failed, dropped or too late"
        traces.insert(0, _Trace(style="late", name=every, value=not_well, is_area=True))
    return _chart(frame, "Not answered well, requests per second", traces, "per_s")


def _in_flight(frame: TimeFrame) -> Chart:
    trace = _Trace(style="head", name="at most", value=lambda bucket: float(bucket.in_flight_max))
    return _chart(frame, "Requests under way", (trace,), "count")


def _level(frame: TimeFrame, name: str, run: LoadRun) -> Chart:
    def mean(bucket: Bucket) -> float | None:
        level = bucket.levels.get(name)
        return None if level is None else level.mean

    def peak(bucket: Bucket) -> float | None:
        level = bucket.levels.get(name)
        return None if level is None else float(level.peak)

    traces = (
        _Trace(style="base", name="at most", value=peak),
        _Trace(style="head", name="mean", value=mean),
    )
    limit = run.targets.get(f"resources.{name}.peak") or run.targets.get(f"resources.{name}.mean")
    return _chart(
        frame,
        level_label(name),
        traces,
        "count",
        target=None if limit is None else ("target", limit),
    )


def _chart(
    frame: TimeFrame,
    title: str,
    traces: Sequence[_Trace],
    unit: str,
    *,
    target: tuple[str, float] | None = None,
    hint: str = "",
) -> Chart:
    values = known(trace.value(bucket) for trace in traces for bucket in frame.buckets)
    scale, lines, labels = _across(values, unit, target)
    keys = [
        Key(style=trace.style, text=f"{trace.name}{_extreme(frame, trace, unit)}")
        for trace in traces
    ]
    if target is not None:
        name, limit = target
        y = pixels(_HEIGHT_PX * (1 - min(max(scale.share(limit), 0.0), 1.0)))
        lines = (*lines, Line(x1="0", y1=y, x2="100%", y2=y, style="target"))
        of = "" if name == "target" else f" for {name}"
        keys.append(Key(style="target", text=f"target{of}: {quantity(limit, unit)}"))
    if frame.windows:
        keys.append(Key(style="fault", text=plural(len(frame.windows), "fault window")))
    return Chart(
        kind="trend",
        size="full",
        title=title,
        description=f"{title}, over {quantity(frame.across.high, 's')}. "
        + "; ".join(key.text for key in keys)
        + ".",
        hint=hint,
        height=pixels(_HEIGHT_PX),
        lines=lines,
        boxes=frame.shades(_HEIGHT_PX),
        curves=tuple(
            Curve(
                path=frame.area(trace.value, scale, _HEIGHT_PX)
                if trace.is_area and isinstance(scale, Scale)
                else frame.line(trace.value, scale, _HEIGHT_PX),
                style=trace.style,
            )
            for trace in traces
        ),
        labels=(*labels, *frame.time_labels(_HEIGHT_PX), *frame.numbers()),
        legend=tuple(keys),
        table=_figures(frame, title, traces, unit),
    )


def _across(
    values: Sequence[float], unit: str, target: tuple[str, float] | None
) -> tuple[Scale | LogScale, tuple[Line, ...], tuple[Label, ...]]:
    limits = [] if target is None else [target[1]]
    if unit != "s":
        scale = scale_over([*values, *limits])
        return scale, *left_axis(scale, unit_ticks(scale, unit, 4), _HEIGHT_PX)
    found = [value for value in (*values, *limits) if value > 0]
    low, high = min(found, default=0.001), max(found, default=1.0)
    log = LogScale(low=low * 0.8, high=max(high, low * 2) * 1.25)
    return log, *left_axis(log, {tick: quantity(tick, "s") for tick in log.ticks()}, _HEIGHT_PX)


def _figures(frame: TimeFrame, title: str, traces: Sequence[_Trace], unit: str) -> Table:
    return Table(
        caption=title,
        header=("From", *(trace.name.capitalize() for trace in traces)),
        rows=tuple(
            (
                quantity(at_s, "s"),
                *(quantity(trace.value(bucket), unit) for trace in traces),
            )
            for at_s, bucket in frame.moments()
        ),
    )


def _extreme(frame: TimeFrame, trace: _Trace, unit: str) -> str:
    values = known(trace.value(bucket) for bucket in frame.buckets)
    return f", up to {quantity(max(values), unit)}" if values else ""


def _quantile(name: str) -> BucketValue:
    def value(bucket: Bucket) -> float | None:
        value_ns: int = getattr(bucket.latency, f"{name}_ns")
        return value_ns / NS if bucket.latency.count else None

    return value


def _failed(bucket: Bucket) -> int:
    return sum(bucket.errors.values())


def _late(bucket: Bucket) -> int:
    return bucket.ended - bucket.good - _failed(bucket)


def _is_told(frame: TimeFrame, name: str) -> bool:
    return any(name in bucket.levels for bucket in frame.buckets)
