"""
Charts of what a process took along its time, base and head on one axis.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from agent_perf.records import ResourceRun, ResourceSeries
from agent_perf.report.axis import Scale, bottom_axis, left_axis, scale_over, unit_ticks
from agent_perf.report.drawing import (
    Chart,
    Curve,
    Key,
    Table,
    path_point,
    pixels,
)
from agent_perf.report.text import capital, plural, quantity

_HEIGHT_PX: Final = 120
_TITLES: Final = {
    "cpu": "CPU, cores busy",
    "memory": "Memory held",
    "disk_read": "Read from disk, per second",
    "disk_written": "Written to disk, per second",
    "network_sent": "Sent over the network by all processes, per second",
    "network_received": "Received over the network by all processes, per second",
    "db_connections": "Database connections",
    "connections": "TCP connections",
    "files": "Open files",
    "threads": "Threads",
    "processes": "Processes",
}
_ALWAYS: Final = frozenset({"cpu", "memory", "db_connections"})
"""What is drawn though it does not change; of the rest, the figures tell."""

_Side = tuple[str, ResourceRun]


def draw_resources(base: ResourceRun | None, head: ResourceRun) -> tuple[Chart, ...]:
    """
    Return a chart for each resource that moved, all over the same time.

    Args:
        base: None if there is no other side.
        head: The recording to show.
    """
    sides: list[_Side] = [("head", head)] if base is None else [("base", base), ("head", head)]
    # Never of no length: a process may end at the first look.
    length_s = max(*(_length_s(run) for _, run in sides), 0.001)
    return tuple(
        _chart(name, sides, Scale(low=0.0, high=length_s))
        for name in _TITLES
        if _is_drawn(name, [run.series[name] for _, run in sides if name in run.series])
    )


def resource_table(base: ResourceRun | None, head: ResourceRun) -> Table:
    """Return the figures of all resources of both recordings, and what sampling them cost."""
    names = [name for name in _TITLES if name in head.series]
    rows = []
    for name in names:
        one, other = head.series[name], None if base is None else base.series.get(name)
        told = [("mean", "sample_mean"), ("P95", "sample_p95"), ("peak", "sample_peak")]
        rows += [
            (
                f"{_TITLES[name]}: {word}",
                *(() if base is None else (_told(other, field),)),
                _told(one, field),
            )
            for word, field in told
        ]
    columns = ("Head",) if base is None else ("Base", "Head")
    return Table(
        caption="Resources",
        header=("Resource", *columns),
        rows=tuple(rows),
        note=" ".join([*_costs(base, head), *(f"{note}." for note in head.notes)]),
        first_rows=6,
    )


def _told(series: ResourceSeries | None, field: str) -> str:
    value = None if series is None else getattr(series, field)
    if series is None or value is None:
        return "–"
    return quantity(value, "count" if series.name == "cpu" else series.unit)


def _costs(base: ResourceRun | None, head: ResourceRun) -> list[str]:
    sides = [("Base: ", base), ("Head: ", head)] if base is not None else [("", head)]
    told = []
    for name, run in sides:
        assert run is not None
        missed = f", {run.missed_count:,} missed" if run.missed_count else ""
        told.append(
            capital(
                f"{name}sampled {plural(run.tick_count, 'time')} in "
                f"{quantity(run.duration_s, 's')}{missed}; that took "
                f"{quantity(run.sampler_ratio, 'ratio')} of a core."
            )
        )
    return told


def _is_drawn(name: str, found: Sequence[ResourceSeries]) -> bool:
    if not found or not any(one.sample_peak for one in found):
        return False
    values = {value for one in found for value in (*one.mean, *one.peak) if value is not None}
    return name in _ALWAYS or len(values) > 1


def _chart(name: str, sides: Sequence[_Side], across: Scale) -> Chart:
    known = [(side, run, run.series[name]) for side, run in sides if name in run.series]
    unit = "count" if name == "cpu" else known[0][2].unit
    scale = scale_over(value for _, _, one in known for value in one.mean if value is not None)
    lines, left = left_axis(scale, unit_ticks(scale, unit.removesuffix("_per_s"), 4), _HEIGHT_PX)
    keys = tuple(
        Key(
            style=side,
            text=f"{side}: mean {quantity(one.sample_mean, unit)}, "
            f"peak {quantity(one.sample_peak, unit)}",
        )
        for side, _, one in known
    )
    return Chart(
        kind="axis",
        title=_TITLES[name],
        description=f"{_TITLES[name]} over {quantity(across.high, 's')}. "
        + "; ".join(key.text for key in keys)
        + ".",
        height=pixels(_HEIGHT_PX),
        lines=lines,
        curves=tuple(
            Curve(path=_path(one.mean, run.bucket_s, across, scale), style=side)
            for side, run, one in known
        ),
        labels=(*left, *bottom_axis(across, unit_ticks(across, "s", 5), _HEIGHT_PX)),
        legend=keys,
        table=_figures(name, [(side, run.bucket_s, one) for side, run, one in known], unit),
    )


def _figures(name: str, known: Sequence[tuple[str, float, ResourceSeries]], unit: str) -> Table:
    """Return at most twelve moments of the chart as figures."""
    bucket_s = max(bucket_s for _, bucket_s, _ in known)
    count = max(len(one.mean) * own_s for _, own_s, one in known) / bucket_s
    every = max(1, -(-round(count) // 12))
    moments = [(index + 0.5) * bucket_s for index in range(0, round(count), every)]
    return Table(
        caption=_TITLES[name],
        header=("Time", *(side.capitalize() for side, _, _ in known)),
        rows=tuple(
            (
                quantity(at_s, "s"),
                *(_at(one.mean, int(at_s / own_s), unit) for _, own_s, one in known),
            )
            for at_s in moments
        ),
    )


def _at(values: Sequence[float | None], index: int, unit: str) -> str:
    return quantity(values[index], unit) if index < len(values) else "–"


def _path(values: Iterable[float | None], bucket_s: float, across: Scale, scale: Scale) -> str:
    """Return steps, one for each stretch, interrupted where nothing was sampled."""
    parts: list[str] = []
    pen_is_down = False
    for index, value in enumerate(values):
        if value is None:
            pen_is_down = False
            continue
        y = _HEIGHT_PX * (1 - scale.share(value))
        begin, end = (
            min(1.0, across.share(at_s)) for at_s in (index * bucket_s, (index + 1) * bucket_s)
        )
        parts.append(f"{'L' if pen_is_down else 'M'}{path_point(begin, y)}L{path_point(end, y)}")
        pen_is_down = True
    return "".join(parts)


def _length_s(run: ResourceRun) -> float:
    stretches = max((len(one.mean) for one in run.series.values()), default=0)
    return min(run.duration_s, stretches * run.bucket_s) or run.duration_s
