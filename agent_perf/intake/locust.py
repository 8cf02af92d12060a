"""
Files of Locust: ``--json``, ``--json-file``, and the ``_stats.csv`` of ``--csv``.

Locust keeps whole milliseconds up to 100, and two digits above: what it tells of latency is
no finer. Latencies of failed requests are among them.

Source: Locust, *locust/stats.py*, StatsEntry.serialize, _log_response_time and
StatsCSV.requests_csv_columns.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

from agent_perf.errors import StoreError
from agent_perf.intake.load_metrics import QUANTILES, LoadMetrics, all_failed
from agent_perf.intake.tree import Tree
from agent_perf.records import Subject, Timing, TimingFile
from agent_perf.stats import nearest_rank, samples_needed

REMEDY: Final = "write it again with locust --headless --json-file NAME, or --csv NAME"
_ALL: Final = "Aggregated"
_LACKING: Final = "ask for it with PERCENTILES_TO_REPORT"
_STATS: Final = ("Type", "Name", "Request Count", "Failure Count", "Requests/s", "50%")
_COURSES: Final = {
    "Timestamp,User Count": "the course of a run",
    "Method,Name,Error": "the failures of a run",
    "Count,Message,Traceback": "the exceptions of a run",
}


def recognises(value: object) -> bool:
    """Return whether *value* is what ``--json`` writes: a list of entries."""
    return isinstance(value, list) and all(
        isinstance(one, dict) and "response_times" in one and "num_requests" in one for one in value
    )


def recognises_csv(text: str) -> bool:
    """Return whether *text* begins like one of the files of ``--csv``."""
    first = text.partition("\n")[0].replace('"', "")
    return "Request Count" in first or "# requests" in first or first.startswith(tuple(_COURSES))


def parse(top: Tree) -> tuple[TimingFile, ...]:
    """
    Return one run of a load, with a benchmark for each kind of request, and one for all.

    Raises:
        StoreError: If a field is missing or of another type.
        SampleError: If a number is not finite and >= 0.
    """
    entries = [_Entry(one) for one in top.elements()]
    starts = [one.start_s for one in entries]
    timings = [_timing(entry.name, [entry]) for entry in entries]
    if entries:
        timings.append(_timing(_ALL, entries))
    return (_file(top.source, tuple(timings), min(starts, default=None)),)


def parse_csv(text: str, source: str) -> tuple[TimingFile, ...]:
    """Return the same from ``NAME_stats.csv``; errors as in parse."""
    first = text.partition("\n")[0].replace('"', "").strip()
    for begin, what in _COURSES.items():
        if first.startswith(begin):
            raise StoreError(
                f"{source} is {what}; name the file that ends in _stats.csv beside it, which has "
                "the totals"
            )
    try:
        rows = list(csv.DictReader(io.StringIO(text), strict=True, restkey="more"))
    except csv.Error as error:
        raise StoreError(f"{source} is no whole CSV file ({error}): {REMEDY}") from error
    columns = list(rows[0]) if rows else first.split(",")
    lacking = [name for name in _STATS if name not in columns]
    if lacking:
        raise StoreError(
            f"{source} has no column {lacking[0]!r}; want those of Locust 1 and 2, divided by "
            f"commas: {REMEDY}"
        )
    if not rows or rows[-1]["Name"] != _ALL:
        raise StoreError(
            f"{source} does not end with the row {_ALL!r}: it was cut, or the run did not end; "
            f"{REMEDY}"
        )
    timings = tuple(_row(Tree(row, source, REMEDY, f"row {n}")) for n, row in enumerate(rows, 1))
    return (_file(source, timings, None),)


def _file(source: str, timings: tuple[Timing, ...], at_s: float | None) -> TimingFile:
    return TimingFile(
        source=source,
        tool="Locust",
        at_s=at_s,
        machine={},
        commit="",
        is_dirty=False,
        timings=timings,
        round_word="run",
    )


class _Entry:
    """One kind of request in the JSON."""

    def __init__(self, tree: Tree) -> None:
        self.name = f"{tree.text_at('method')} {tree.need('name').text()}".strip()
        self.request_count = tree.need("num_requests").count()
        self.failed_count = tree.need("num_failures").count()
        self.start_s = tree.need("start_time").number()
        self.end_s = tree.number_at("last_request_timestamp") or self.start_s
        self.times_ms = Counter(
            {
                _milliseconds(times, key): times.count()
                for key, times in tree.need("response_times").items()
            }
        )
        if self.failed_count > self.request_count:
            tree.refuse(f"has {self.failed_count} failures of {self.request_count} requests")


def _milliseconds(tree: Tree, key: str) -> float:
    try:
        value = float(key)
    except ValueError:
        tree.refuse("is no response time; want a number of milliseconds as its key")
    return Tree(value, tree.source, tree.remedy, f"{tree.path} (the time)").number()


def _timing(name: str, entries: Sequence[_Entry]) -> Timing:
    made = sum(entry.request_count for entry in entries)
    times_ms = sum((entry.times_ms for entry in entries), Counter[float]())
    ordered = sorted(times_ms.elements())
    length_s = max(one.end_s for one in entries) - min(one.start_s for one in entries)
    return _summary(
        name,
        (made, sum(entry.failed_count for entry in entries)),
        {
            end: nearest_rank(ordered, q) if len(ordered) >= samples_needed(q) else 0.0
            for end, q in QUANTILES.items()
        },
        len(ordered),
        made / length_s if length_s > 0 else None,
    )


def _row(row: Tree) -> Timing:
    kind, name = row.text_at("Type"), row.text_at("Name")
    made, failed = (int(_cell(row, key) or 0) for key in ("Request Count", "Failure Count"))
    if failed > made:
        row.refuse(f"has {failed} failures of {made} requests")
    return _summary(
        f"{kind} {name}".strip(),
        (made, failed),
        {end: _cell(row, f"{end[1:]}%") for end in QUANTILES},
        made,
        _cell(row, "Requests/s"),
    )


def _cell(row: Tree, column: str) -> float | None:
    """Return the number in *column*; None if there is none."""
    text = row.text_at(column)
    if text in {"", "N/A"}:
        return None
    try:
        value = float(text)
    except ValueError:
        row.refuse(f"has {text[:40]!r} in the column {column!r}; want a number")
    return Tree(value, row.source, row.remedy, f"{row.path}.{column}").number()


def _summary(
    name: str,
    counts: tuple[int, int],
    quantiles_ms: Mapping[str, float | None],
    timed_count: int,
    rate_hz: float | None,
) -> Timing:
    made, failed = counts
    found = LoadMetrics()
    failure = all_failed(failed, made) or ("" if made else "no request was made")
    if not failure:
        found.of["success_ratio"] = 1 - failed / made
        if rate_hz is not None:
            found.of["throughput"] = rate_hz
        found.add_quantiles(
            "latency",
            {end: None if ms is None else ms / 1e3 for end, ms in quantiles_ms.items()},
            timed_count,
            lacking=_LACKING,
        )
    return Timing(
        benchmark=name or "<no name>",
        metrics=found.of,
        call_count=max(1, made),
        withheld=found.withheld,
        subject=Subject.SERVICE,
        failure=failure,
    )
