"""
What requests took of connections, bytes and the machine, base against head.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Final

from agent_perf.records import Evidence, Run
from agent_perf.report.drawing import Table
from agent_perf.report.standing import Standing
from agent_perf.report.text import capital, change, quantity
from agent_perf.report.wording import count_label, metric_label
from agent_perf.units import NS

_ROWS_SHOWN: Final = 8
_ROWS_MAX: Final = 240

_PER_REQUEST: Final = ("bytes_sent", "bytes_received")
_IN_ALL: Final = (
    "redis_connects",
    "http_connects",
    "db_connects",
    "db_waits",
    "db_lock_waits",
    "requests_dropped",
)
_WAITS: Final = {
    "db.wait": "wait for a database connection, per request",
    "http.wait": "wait for an HTTP connection, per request",
}
_RECORDED: Final = ("memory.", "resources.")

_Figure = tuple[str, str, Callable[[Run], float | None]]


def resources_table(standings: Sequence[Standing]) -> Table | None:
    """Return what the requests of each benchmark took, what changed first; None without any."""
    found = [(one.benchmark, *cells, _changed(cells)) for one in standings for cells in _cells(one)]
    if not found:
        return None
    found.sort(key=lambda item: not item[-1])
    changed = sum(bool(item[-1]) for item in found)
    return Table(
        caption="Taken and waited for",
        header=("Benchmark", "What", "Base", "Head", "Change"),
        rows=tuple(tuple(map(str, item[:-1])) for item in found[:_ROWS_MAX]),
        words=(1,),
        note="Connections, waits and bytes are exact; memory and CPU time were sampled.",
        first_rows=min(max(changed, 1), _ROWS_SHOWN),
    )


def _changed(cells: tuple[str, str, str, str]) -> bool:
    return cells[-1] not in {"=", "–"}


def _cells(standing: Standing) -> Iterator[tuple[str, str, str, str]]:
    """Yield what was taken, base and head, and the change."""
    base, head = standing.base, standing.head
    levels = sorted({name for run in (base, head) if run is not None for name in run.levels})
    for label, unit, value in _figures(levels):
        before, after = (None if run is None else value(run) for run in (base, head))
        if before or after:
            sides = quantity(before, unit), quantity(after, unit)
            yield capital(label), *sides, _moved(before, after)
    for one in standing.comparisons:
        if one.evidence is Evidence.SAMPLED and one.metric.startswith(_RECORDED):
            sides = quantity(one.base, one.unit), quantity(one.head, one.unit)
            yield capital(metric_label(one.metric)), *sides, change(one.change_ratio)


def _figures(levels: Sequence[str]) -> Iterator[_Figure]:
    """Yield what is told of a run: its words, its unit, and how to find it."""
    for level in levels:
        label = metric_label(f"resources.{level}.mean")
        yield f"{label}, mean", "count", partial(_mean, name=level)
        yield f"{label}, most", "count", partial(_peak, name=level)
    for operation, label in _WAITS.items():
        yield label, "s", partial(_waited_s, operation=operation)
    for name in _PER_REQUEST:
        yield f"{count_label(name)} per request", "bytes", partial(_each, name=name)
    for name in _IN_ALL:
        yield f"{count_label(name)}, in all", "count", partial(_total, name=name)


def _moved(before: float | None, after: float | None) -> str:
    if before is None or after is None:
        return "–"
    if not before:
        return change(float("inf") if after else 0.0)
    return change(after / before - 1)


def _mean(run: Run, name: str) -> float | None:
    level = run.levels.get(name)
    return level.held_ns / level.length_ns if level is not None and level.length_ns else None


def _peak(run: Run, name: str) -> float | None:
    level = run.levels.get(name)
    return None if level is None else level.peak


def _waited_s(run: Run, operation: str) -> float | None:
    total = run.operations.get(operation)
    return total.busy_ns / NS / len(run.latency_ns) if total and run.latency_ns else 0.0


def _each(run: Run, name: str) -> float | None:
    return run.counts.get(name, 0) / len(run.latency_ns) if run.latency_ns else None


def _total(run: Run, name: str) -> float | None:
    return run.counts.get(name, 0)
