"""hyperfine and pyperf: files that hold many processes."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from statistics import median
from typing import Any

import pytest

from agent_perf.errors import AgentPerfError
from tests.intake.reading import by_name, content, real, reread


def test_each_time_of_hyperfine_is_a_process() -> None:
    """
    Twelve runs of two commands are twelve processes, in their order.
    """
    files = real("hyperfine-1.15.0/two-commands.json")
    results = content("hyperfine-1.15.0/two-commands.json")["results"]

    assert 12 == len(files)
    for result in results:
        assert result["times"] == [
            by_name(file)[result["command"]].metrics["wall.median"] for file in files
        ]
    assert {None} == {file.at_s for file in files}


def test_parameters_of_hyperfine_are_told() -> None:
    """
    A command with a parameter carries it as a setting.
    """
    (first, *_) = real("hyperfine-1.15.0/parameters.json")

    assert {"parameter n": "2"} == by_name(first)["sleep 0.02"].settings


def test_a_command_that_fails_has_no_time() -> None:
    """
    With --ignore-failure hyperfine times what failed; that is no time of the command.
    """
    files = real("hyperfine-1.15.0/failing.json")
    (timing,) = files[0].timings

    assert {} == timing.metrics
    assert "5 of 5 runs failed (exit code 3): their times tell nothing" == timing.failure


def test_a_hyperfine_file_without_times_is_refused(tmp_path: Path) -> None:
    """
    A mean alone has no rounds.
    """
    changed = content("hyperfine-1.15.0/two-commands.json")
    del changed["results"][1]["times"]

    with pytest.raises(AgentPerfError, match=r"results\[1\] has no times, only their mean"):
        reread(tmp_path, changed)


def test_each_run_of_pyperf_is_a_process() -> None:
    """
    Runs with values count, the calibration does not, and warm-ups are left out; each has
    its own moment.
    """
    files = real("pyperf-2.10.0/two-benchmarks.json")
    held = content("pyperf-2.10.0/two-benchmarks.json")

    assert 10 == len(files)
    for benchmark in held["benchmarks"]:
        runs = [run for run in benchmark["runs"] if "values" in run]
        assert [median(run["values"]) for run in runs] == [
            by_name(file)[benchmark["metadata"]["name"]].metrics["wall.median"] for file in files
        ]
    first = held["benchmarks"][0]["runs"][1]["metadata"]["date"]
    assert datetime.fromisoformat(first).timestamp() == files[0].at_s
    assert "pyperf 2.10.0" == files[0].tool
    assert {
        "system": "Linux",
        "CPU": "AMD EPYC",
        "number of CPUs": "2",
        "Python": "cpython 3.11",
    } == (files[0].machine)


def test_bytes_of_pyperf_are_memory() -> None:
    """
    --track-memory measures bytes, not seconds.
    """
    files = real("pyperf-2.10.0/memory.json")

    assert 10 == len(files)
    assert {"memory.peak": 12767232.0} == files[0].timings[0].metrics


def test_metadata_may_stand_at_the_top() -> None:
    """
    A file of one benchmark has its name among the metadata of all.
    """
    files = real("pyperf-2.10.0/command.json")

    assert ["cmd"] * 10 == [file.timings[0].benchmark for file in files]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"version": "2.0"}, "version is 2.0; this agent-perf reads 1.0"),
        ({"benchmarks": [{"runs": [{"values": [-1]}]}]}, "values[0] is -1; want a finite number"),
        ({"benchmarks": [{"runs": [{"values": [0]}]}]}, "is 0.0; want seconds > 0"),
        ({"benchmarks": [{"runs": [{"warmups": []}]}]}, "holds no process and no run"),
        (
            {"benchmarks": [{"runs": [{"values": [1], "metadata": {"unit": "mile"}}]}]},
            "is in the unit 'mile'; want second or byte",
        ),
        (
            {"benchmarks": [{"runs": [{"values": [1], "metadata": {"date": "today"}}]}]},
            "has the date 'today'",
        ),
    ],
)
def test_what_pyperf_would_not_write_is_named(
    tmp_path: Path, change: dict[str, Any], said: str
) -> None:
    """
    The error names file and key.
    """
    with pytest.raises(AgentPerfError) as caught:
        reread(tmp_path, {"benchmarks": [{"runs": []}], "metadata": {}, "version": "1.0"} | change)
    assert said in str(caught.value)
    assert "changed.json" in str(caught.value)
