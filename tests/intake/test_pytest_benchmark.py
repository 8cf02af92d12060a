"""What pytest-benchmark writes, and what is read of it."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from agent_perf.errors import SampleError, StoreError
from agent_perf.intake import read_timings
from agent_perf.records import TimingFile
from tests.intake.documents import COMMITS, document, plain_environment, write

REAL = """\
import pytest

@pytest.mark.parametrize("n", [10, 100])
def test_sum(benchmark, n):
    benchmark(sum, range(n))

@pytest.mark.benchmark(group="sorted")
def test_sorted(benchmark):
    benchmark.pedantic(sorted, args=([3, 1, 2],), rounds=25, iterations=1)

def test_fails(benchmark):
    benchmark(lambda: 1 / 0)
"""


def read_one(path: Path) -> TimingFile:
    (file,) = read_timings(path)
    return file


def test_the_real_tool_is_read(tmp_path: Path) -> None:
    """
    A file of the installed version holds its benchmarks, but those that failed; the P95 is
    there where each time is one call.
    """
    (tmp_path / "test_real.py").write_text(REAL)
    subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"),
            *(
                "-p",
                "pytest_benchmark.plugin",
                "--benchmark-max-time=0.01",
                "--benchmark-json=out.json",
                "test_real.py",
            ),
        ],
        cwd=tmp_path,
        env=plain_environment() | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        check=False,
    )
    file = read_one(tmp_path / "out.json")
    held = json.loads((tmp_path / "out.json").read_text())
    by_name = {timing.benchmark: timing for timing in file.timings}
    stats = {one["fullname"]: one["stats"] for one in held["benchmarks"]}

    assert {
        "test_real.py::test_sum[10]",
        "test_real.py::test_sum[100]",
        "test_real.py::test_sorted",
    } == set(by_name)
    assert file.tool.startswith("pytest-benchmark 5.")
    assert datetime.fromisoformat(held["datetime"]).timestamp() == file.at_s
    assert held["machine_info"]["cpu"]["count"] == int(file.machine["number of CPUs"])
    for name, timing in by_name.items():
        assert stats[name]["median"] == timing.metrics["wall.median"]
        assert stats[name]["rounds"] * stats[name]["iterations"] == timing.call_count
    ordered = sorted(stats["test_real.py::test_sorted"]["data"])
    assert ordered[23] == by_name["test_real.py::test_sorted"].metrics["wall.p95"]
    assert "sorted" == by_name["test_real.py::test_sorted"].settings["group"]


def one(path: Path, **stats: Any) -> Any:
    content = document({"test_get[lru]": 2e-6})
    content["benchmarks"][0]["stats"] |= stats
    (timing,) = read_one(write(path / "a.json", content)).timings
    return timing


def test_a_p95_wants_single_calls(tmp_path: Path) -> None:
    """
    Without times, with means of several calls, or with fewer than 20, the P95 is withheld
    with the reason; the median is told.
    """
    times = [1e-6 * n for n in range(1, 21)]

    assert {"wall.median": 2e-6, "wall.p95": 19e-6} == pytest.approx(
        one(tmp_path, data=times).metrics
    )
    for stats, reason in (
        ({}, "--benchmark-save-data"),
        ({"data": times, "iterations": 7}, "a P95 of means is none"),
        ({"data": times[1:]}, "19 times; a P95 wants at least 20"),
    ):
        timing = one(tmp_path, **stats)
        assert {"wall.median": 2e-6} == timing.metrics
        assert reason in timing.withheld["wall.p95"]


@pytest.mark.parametrize(
    ("timer", "metric"),
    [
        ("perf_counter", "wall.median"),
        ("time.perf_counter", "wall.median"),
        ("process_time", "cpu.median"),
        ("thread_time", "cpu.median"),
    ],
)
def test_the_timer_says_what_was_timed(tmp_path: Path, timer: str, metric: str) -> None:
    """
    With a CPU clock as its timer, pytest-benchmark's times are CPU times.
    """
    content = document({"test_a": 1e-3})
    content["benchmarks"][0]["options"]["timer"] = timer

    assert {metric: 1e-3} == read_one(write(tmp_path / "a", content)).timings[0].metrics


def test_version_3_is_read(tmp_path: Path) -> None:
    """
    Version 3.0 had no CPU, no timer and no zone in its time, which was UTC.
    """
    content = document({"test_a": 1e-3}, datetime="2016-11-06T12:03:05.104343", version="3.0.0")
    content["machine_info"] = {"system": "Linux", "machine": "x86_64", "python_version": "3.5.1"}
    content["benchmarks"][0]["options"] = {}
    content["commit_info"]["id"] = COMMITS["head"]
    file = read_one(write(tmp_path / "a.json", content))

    assert datetime(2016, 11, 6, 12, 3, 5, 104343, UTC).timestamp() == file.at_s
    assert {"wall.median": 1e-3} == file.timings[0].metrics
    assert "unknown" == file.machine["CPU"]
    assert COMMITS["head"] == file.commit


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"benchmarks": [{"fullname": "a"}]}, "missing required field `stats`"),
        ({"benchmarks": [{"fullname": "a", "stats": {"median": "1", "rounds": 1}}]}, "`float`"),
        ({"datetime": "today"}, "Invalid isoformat"),
        ({"machine_info": None}, "Expected `object`"),
    ],
)
def test_a_foreign_field_is_named(tmp_path: Path, change: dict[str, Any], said: str) -> None:
    """
    What is not as pytest-benchmark writes it is an error that names file and field.
    """
    path = write(tmp_path / "a.json", document({"test_a": 1.0}, **change))

    with pytest.raises(
        StoreError, match=r"a\.json is no file of pytest-benchmark 3 to 5"
    ) as caught:
        read_timings(path)
    assert said in str(caught.value)


@pytest.mark.parametrize("median", [0.0, -1.0])
def test_a_time_of_nothing_is_refused(tmp_path: Path, median: float) -> None:
    """
    A time of zero has no ratio to anything.
    """
    with pytest.raises(SampleError, match=r"a\.json: .*want seconds > 0"):
        one(tmp_path, median=median)


def test_one_benchmark_twice(tmp_path: Path) -> None:
    """
    Two times of one benchmark in one file would count one process twice.
    """
    content = document({"test_a": 1.0})
    content["benchmarks"] *= 2

    with pytest.raises(SampleError, match="timed twice"):
        read_timings(write(tmp_path / "a.json", content))


def test_a_file_without_end_is_refused(tmp_path: Path) -> None:
    """
    A file that is nested deeper than the interpreter can follow is told by its name.
    """
    deep = document({"test_a": 1.0}) | {"machine_info": "DEEP"}
    text = json.dumps(deep).replace('"DEEP"', '{"a":' * 100_000 + "1" + "}" * 100_000)
    (tmp_path / "deep.json").write_text(text)
    with pytest.raises(StoreError, match=r"deep\.json"):
        read_timings(tmp_path / "deep.json")


def test_no_time_runs_backwards(tmp_path: Path) -> None:
    """
    One time below 0 spoils the file, even where the median is one that there could be.
    """
    content = document({"test_a": 1.0})
    content["benchmarks"][0]["stats"]["data"] = [1.0] * 49 + [-1.0]
    with pytest.raises(SampleError, match=r"one of its times is -1\.0 s"):
        read_timings(write(tmp_path / "back.json", content))
