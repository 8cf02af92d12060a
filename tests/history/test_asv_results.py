from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from agent_perf.errors import StoreError
from agent_perf.history import AsvShelf, read_asv_history, read_asv_results, series_along
from agent_perf.history.asv_results import read_index
from agent_perf.records import Evidence

COLUMNS = [
    "result",
    "params",
    "version",
    "started_at",
    "duration",
    "stats_ci_99_a",
    "stats_ci_99_b",
    "stats_q_25",
    "stats_q_75",
    "stats_number",
    "stats_repeat",
    "samples",
]


def timed(value: float, low: float, high: float) -> list[Any]:
    """Return a row of a timing benchmark without parameters."""
    return [[value], [], "v", 1, 1.0, [low], [high], [low], [high], [5], [10]]


def write(path: Path, data: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(data))


def a_file(results: dict[str, Any], **changed: Any) -> dict[str, Any]:
    return {
        "version": 2,
        "commit_hash": "c" * 40,
        "date": 1000,
        "env_name": "e",
        "params": {"machine": "m"},
        "python": "3.11",
        "requirements": {},
        "env_vars": {},
        "result_columns": COLUMNS,
        "results": results,
    } | changed


def shelf(folder: Path, *files: dict[str, Any], machine: str = "m") -> AsvShelf:
    units = {"a.time_x": "seconds", "a.track_latency": "ms", "a.track_work": "count"}
    index = {name: {"name": name, "unit": unit} for name, unit in units.items()}
    write(folder / "benchmarks.json", {"version": 2, **index})
    write(folder / machine / "machine.json", {"version": 1, "machine": machine})
    for number, data in enumerate(files):
        write(folder / machine / f"{number}-env.json", data)
    return read_asv_results(folder)


def test_timing_benchmark(tmp_path: Path) -> None:
    """
    A timing benchmark gives its median with asv's 99 % interval and number of samples.
    """
    (value,) = shelf(tmp_path, a_file({"a.time_x": timed(2.0, 1.5, 2.5)})).values

    assert "a.time_x" == value.benchmark
    assert (2.0, (1.5, 2.5), "s", 10) == (
        value.value,
        value.interval,
        value.unit,
        value.sample_count,
    )
    assert Evidence.SAMPLED is value.evidence


def test_parameters_become_part_of_the_name(tmp_path: Path) -> None:
    """
    Each combination of parameters is a value of its own, in seconds where asv has ms;
    failed (null) and skipped (NaN) ones are left out.
    """
    row = [[20.0, None, math.nan, 40.0], [["1", "200"], ["'p50'", "'p95'"]]]
    values = shelf(tmp_path, a_file({"a.track_latency": row})).values

    assert [("a.track_latency(1, 'p50')", 0.02), ("a.track_latency(200, 'p95')", 0.04)] == [
        (value.benchmark, value.value) for value in values
    ]
    assert {Evidence.EXACT} == {value.evidence for value in values}


def test_trimmed_rows(tmp_path: Path) -> None:
    """
    Columns that asv trimmed from a row, and lists shorter than the parameters, are missing
    values, not errors.
    """
    rows = {"a.time_x": [], "a.track_work": [[7], [["1", "50"]]], "a.gone": [None]}
    read = shelf(tmp_path, a_file(rows))

    assert ["a.track_work(1)"] == [value.benchmark for value in read.values]
    assert () == read.skipped


def test_infinite_interval_is_none(tmp_path: Path) -> None:
    """
    With too few samples asv writes an infinite interval; that is no interval.
    """
    row = timed(2.0, -math.inf, math.inf)
    (value,) = shelf(tmp_path, a_file({"a.time_x": row})).values

    assert value.interval is None


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('{"version": 2, "results": {', "not a whole JSON file"),
        ('{"version": 1, "results": {}}', "not a result file of asv"),
        ('{"version": 3}', "format version 3"),
        ("[1, 2]", "not a whole JSON file of asv"),
        ('{"results": {}}', "format version None"),
        ('{"version": 2, "results": {}}', "not a result file of asv"),
    ],
)
def test_damaged_file_hides_no_other(tmp_path: Path, content: str, said: str) -> None:
    """
    A file that is cut, old, new or foreign is told by name, and the others are read.
    """
    shelf(tmp_path, a_file({"a.time_x": timed(2.0, 1.5, 2.5)}))
    (tmp_path / "m" / "damaged.json").write_text(content)
    read = read_asv_results(tmp_path)

    assert 1 == len(read.values)
    assert 1 == len(read.skipped)
    assert "damaged.json" in read.skipped[0]
    assert said in read.skipped[0]


@pytest.mark.parametrize(
    ("params", "said"),
    [
        (5, "'a.time_x' are no lists of texts (Expected `array | null`"),
        ([[1, 2]], "are no lists of texts (Expected `str`"),
        ([["1"] * 100] * 9, "have 1,000,000,000,000,000,000 combinations; want 100,000 at most"),
    ],
)
def test_parameters_that_are_none_hide_no_other_file(
    tmp_path: Path, params: object, said: str
) -> None:
    """
    Where names of benchmarks cannot be made of them, the file is told and left out, in time.
    """
    row = timed(2.0, 1.0, 3.0)
    bad = [row[0], params, *row[2:]]
    found = shelf(tmp_path, a_file({"a.time_x": bad}), a_file({"a.time_x": row}))
    (message,) = found.skipped
    history = read_asv_history(tmp_path, jobs=1)

    assert [2.0] == [one.value for one in found.values]
    assert message.startswith(f"{tmp_path}/m/")
    assert said in message
    assert (message,) == history.notes


@pytest.mark.parametrize("target", [10**400, math.inf, math.nan])
def test_a_target_that_is_no_number_is_none(tmp_path: Path, target: float) -> None:
    """
    asv's index holds whatever a benchmark carries.
    """
    declared = {"latency.p95": target, "latency.p50": 1}
    write(tmp_path / "benchmarks.json", {"a.X": {"scenario": "a.b", "targets": declared}})

    assert {"latency.p50": 1.0} == read_index(tmp_path)["a.X"].targets


def test_without_an_index_there_is_nothing_to_read(tmp_path: Path) -> None:
    """
    A folder without benchmarks.json is no results folder.
    """
    with pytest.raises(StoreError, match=r"benchmarks\.json"):
        read_asv_results(tmp_path)


def test_series_along_a_requirement(tmp_path: Path) -> None:
    """
    Versions are put in their own order, 10 after 9; files without the requirement are none.
    """
    files = [
        a_file({"a.time_x": timed(value, value, value)}, requirements=requirements)
        for value, requirements in [
            (3.0, {"redis": "10.0.0"}),
            (1.0, {"redis": "9.1.0"}),
            (0.5, {"redis": "9.1.0rc1"}),
            (9.0, {}),
            (8.0, {"redis": ""}),
        ]
    ]
    (series,) = series_along(shelf(tmp_path, *files).values, "redis")

    assert ("a.time_x", "redis", "s") == (series.benchmark, series.axis, series.unit)
    assert [("9.1.0rc1", 0.5), ("9.1.0", 1.0), ("10.0.0", 3.0)] == [
        (point.label, point.value) for point in series.points
    ]


def test_newest_commit_counts(tmp_path: Path) -> None:
    """
    A version that was measured at two commits is taken from the newer one.
    """
    files = [
        a_file({"a.time_x": timed(value, 0, 9)}, requirements={"redis": "8.1.0"}, date=date)
        for value, date in [(5.0, 2000), (4.0, 1000)]
    ]
    (series,) = series_along(shelf(tmp_path, *files).values, "redis")

    assert [5.0] == [point.value for point in series.points]


def test_pythons_are_not_mixed(tmp_path: Path) -> None:
    """
    Two Pythons give two series, and each says which it is.
    """
    files = [
        a_file({"a.time_x": timed(1.0, 0, 9)}, requirements={"redis": "8.1.0"}, python=python)
        for python in ("3.11", "3.12")
    ]
    found = series_along(shelf(tmp_path, *files).values, "redis")

    assert ["a.time_x [m, py3.11]", "a.time_x [m, py3.12]"] == [s.benchmark for s in found]
