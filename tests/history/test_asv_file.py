from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from agent_perf.errors import StoreError
from agent_perf.history.asv_file import AsvResult, AsvStatistics, labels, read_asv_file

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
]


def write(folder: Path, results: dict[str, Any], **changed: Any) -> Path:
    data = {
        "version": 2,
        "commit_hash": "c" * 40,
        "date": 1000,
        "params": {"machine": "m", "cpu": "Z80", "num_cpu": 1},
        "python": "3.11",
        "requirements": {"redis": "8.1.0", "six": None},
        "env_vars": {},
        "result_columns": COLUMNS,
        "results": results,
    }
    path = folder / "cccccccc-env.json"
    path.write_text(json.dumps(data | changed))
    return path


def test_a_file_is_read(tmp_path: Path) -> None:
    """
    Commit, date, environment and rows come as they are; a requirement without a version is
    any version.
    """
    path = write(tmp_path, {"a.time_x": [[1.5], [], "v1", 1, 2.0, [1.4], [1.6], [], [], [3], [7]]})
    file = read_asv_file(path, AsvStatistics)
    row = file.rows["a.time_x"]

    assert ("c" * 40, 1000, "3.11") == (file.commit, file.date_ms, file.python)
    assert {"redis": "8.1.0", "six": ""} == file.requirements
    assert {"machine": "m", "cpu": "Z80", "num_cpu": "1"} == file.machine
    assert ([1.5], [1.4], [1.6], [7.0]) == (
        row.result,
        row.stats_ci_99_a,
        row.stats_ci_99_b,
        row.stats_repeat,
    )


@pytest.mark.parametrize("name", ["a.time_x", 'a.time_"quoted"', "a.NaN_and_Infinity"])
def test_what_json_has_not(tmp_path: Path, name: str) -> None:
    """
    NaN and Infinity are missing values, and words in texts stay as they are, also where
    quotes are escaped.
    """
    params = [["'NaN'", "Infinity"]]
    path = write(tmp_path, {name: [[float("nan"), -float("inf")], params]})
    row = read_asv_file(path, AsvResult).rows[name]

    assert [None, None] == row.result
    assert (f"{name}('NaN')", f"{name}(Infinity)") == labels(name, bytes(row.params))


def test_texts_among_numbers(tmp_path: Path) -> None:
    """
    A text that a benchmark returned is no value, and hides no other; nor does a null row.
    """
    path = write(tmp_path, {"a.track_a": [["oops", 2]], "a.track_b": None, "a.track_c": [[3]]})
    rows = read_asv_file(path, AsvResult).rows

    assert ([None, 2.0], None, [3.0]) == tuple(row.result for row in rows.values())


def test_columns_in_another_order(tmp_path: Path) -> None:
    """
    Columns are found by their names.
    """
    path = write(tmp_path, {"a.time_x": ["v1", [2.5]]}, result_columns=["version", "result"])
    row = read_asv_file(path, AsvResult).rows["a.time_x"]

    assert [2.5] == row.result
    assert b'"v1"' == bytes(row.version)


def test_format_1(tmp_path: Path) -> None:
    """
    Old files give numbers, tables with parameters, and statistics, as asv would update them.
    """
    path = write(
        tmp_path,
        {
            "a.track_x": 7,
            "a.time_gone": None,
            "a.time_y": {
                "result": [1.0, 2.0],
                "params": [["1", "2"]],
                "stats": [{"ci_99": [0.9, 1.1], "repeat": 5}, None],
            },
        },
        version=1,
        benchmark_version={"a.track_x": "v9"},
    )
    rows = read_asv_file(path, AsvStatistics).rows
    timed = rows["a.time_y"]

    assert [7.0] == rows["a.track_x"].result
    assert b'"v9"' == bytes(rows["a.track_x"].version)
    assert not rows["a.time_gone"].result
    assert ([1.0, 2.0], [0.9, None], [5.0, None]) == (
        timed.result,
        timed.stats_ci_99_a,
        timed.stats_repeat,
    )
    assert ("a.time_y(1)", "a.time_y(2)") == labels("a.time_y", bytes(timed.params))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('{"version": 2, "results"', "not a whole JSON file"),
        ('{"version": 7}', "format version 7"),
        ('{"version": 2, "q": ' + "[" * 100_000, "not a whole JSON file"),
        ('{"version": 2, "results": {}}', "not a result file"),
        ('{"version": 2, "commit_hash": "c", "date": 1, "results": {"a": 5}}', "not a result file"),
    ],
)
def test_bad_files(tmp_path: Path, content: str, said: str) -> None:
    """
    What is cut, too new or foreign is refused by name, with the way out.
    """
    path = tmp_path / "bad.json"
    path.write_text(content)
    with pytest.raises(StoreError, match=said) as caught:
        read_asv_file(path, AsvResult)

    assert "bad.json" in str(caught.value)
