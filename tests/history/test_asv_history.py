from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agent_perf.errors import NothingMeasuredError, StoreError
from agent_perf.history import read_asv_history
from agent_perf.records import Evidence
from agent_perf.repository import Commit

INDEX = {
    "version": 2,
    "a.time_x": {"unit": "seconds", "type": "time", "version": "v1"},
    "a.peakmem_x": {"unit": "bytes", "type": "peakmemory", "version": "v1"},
    "a.track_count": {"unit": "count", "type": "track", "version": "v1"},
    "a.track_p95": {"unit": "ms", "type": "track", "version": "v1", "scenario": "shop.answer"},
    "a.C.track_latency": {
        "unit": "ms",
        "type": "track",
        "version": "v1",
        "scenario": "shop.answer",
        "targets": {"latency.p95": 0.150, "latency.p99": None},
    },
    "a.track_noise": {"unit": "ms", "type": "track", "version": "v1"},
}


def commit_of(number: int) -> str:
    return f"{number:040x}"


def write(folder: Path, number: int, results: dict[str, Any], **changed: Any) -> None:
    machine = changed.pop("machine", "m")
    data = {
        "version": 2,
        "commit_hash": commit_of(number),
        "date": number * 3_600_000,
        "params": {"machine": machine, "cpu": "Z80", "os": "CP/M"},
        "python": "3.11",
        "requirements": {},
        "result_columns": ["result", "params", "version"],
        "results": results,
    }
    (folder / machine).mkdir(parents=True, exist_ok=True)
    name = f"{commit_of(number)[:8]}-{number}-{changed.get('python', '')}.json"
    (folder / machine / name).write_text(json.dumps(data | changed))
    (folder / "benchmarks.json").write_text(json.dumps(INDEX))


def test_values_stand_at_their_commits(tmp_path: Path) -> None:
    """
    Along a line of commits each value stands at its own, NaN where none was measured, and
    what is not on the line is counted and left out.
    """
    for number in (5, 3, 1, 9):
        write(tmp_path, number, {"a.time_x": [[number / 10], [], "v1"]})
    line = [Commit(id=commit_of(n), subject=f"c{n}", time_s=0) for n in (1, 2, 3, 5)]
    history = read_asv_history(tmp_path, line)
    (track,) = history.tracks

    assert ("a.time_x", "time", "s", "") == (track.benchmark, track.metric, track.unit, track.home)
    np.testing.assert_array_equal([0.1, math.nan, 0.3, 0.5], track.values)
    assert ["1 measured commits are not on this line, and left out"] == list(history.notes)
    assert [True, False, True, True] == list(history.measured())


def test_without_a_line_dates_order(tmp_path: Path) -> None:
    """
    Without a repository, commits come by their dates.
    """
    for number, date in ((1, 30), (2, 10), (3, 20)):
        write(tmp_path, number, {"a.time_x": [[1.0], [], "v1"]}, date=date)

    assert [commit_of(n) for n in (2, 3, 1)] == [c.id for c in read_asv_history(tmp_path).commits]


def test_homes_and_editions_are_not_mixed(tmp_path: Path) -> None:
    """
    Machines, Pythons and versions of a benchmark's own code are tracks of their own; homes
    are named by what tells them apart.
    """
    write(tmp_path, 1, {"a.time_x": [[1.0], [], "v1"]})
    write(tmp_path, 2, {"a.time_x": [[2.0], [], "v2"]})
    write(tmp_path, 2, {"a.time_x": [[3.0], [], "v2"]}, python="3.12")
    write(tmp_path, 2, {"a.time_x": [[4.0], [], "v2"]}, machine="n")
    found = {
        (track.home, track.edition): track.values[~np.isnan(track.values)].tolist()
        for track in read_asv_history(tmp_path).tracks
    }

    assert {
        ("m, py3.11", "v1"): [1.0],
        ("m, py3.11", "v2"): [2.0],
        ("m, py3.12", "v2"): [3.0],
        ("n, py3.11", "v2"): [4.0],
    } == found


def test_counts_repeat_and_measurements_do_not(tmp_path: Path) -> None:
    """
    A track benchmark whose values repeat is exact, one whose values scatter is sampled, in
    base units; a time and peak memory are sampled even if they repeat, a scenario of ours is
    exact.
    """
    for number in range(6):
        write(
            tmp_path,
            number,
            {
                "a.time_x": [[1.0], [], "v1"],
                "a.peakmem_x": [[47_664_128 - 4096 * (number // 3)], [], "v1"],
                "a.track_count": [[7 + number // 3], [], "v1"],
                "a.track_noise": [[20 + number], [], "v1"],
                "a.track_p95": [[20 + number], [], "v1"],
            },
        )
    tracks = {track.benchmark: track for track in read_asv_history(tmp_path).tracks}

    assert {
        "a.time_x": Evidence.SAMPLED,
        "a.peakmem_x": Evidence.SAMPLED,
        "a.track_count": Evidence.EXACT,
        "a.track_noise": Evidence.SAMPLED,
        "a.track_p95": Evidence.EXACT,
    } == {name: track.evidence for name, track in tracks.items()}
    assert pytest.approx(0.020) == tracks["a.track_noise"].values[0]


def test_surroundings(tmp_path: Path) -> None:
    """
    What a file says of the machine is kept by commit, without what names the home.
    """
    write(tmp_path, 1, {"a.time_x": [[1.0], [], "v1"]})
    history = read_asv_history(tmp_path)

    assert {"": {0: {"cpu": "Z80", "os": "CP/M"}}} == history.surroundings


@pytest.mark.slow
def test_processes_read_the_same(tmp_path: Path) -> None:
    """
    Six hundred files read by two processes give what one gives; a damaged one is told.
    """
    for number in range(600):
        write(tmp_path, number, {"a.time_x": [[1.0 + number], [], "v1"]})
    (tmp_path / "m" / "bad.json").write_text("{")
    alone, together = (read_asv_history(tmp_path, jobs=jobs) for jobs in (1, 2))

    np.testing.assert_array_equal(alone.tracks[0].values, together.tracks[0].values)
    assert alone.commits == together.commits
    assert [True] == ["bad.json" in note for note in together.notes]


def test_nothing_there(tmp_path: Path) -> None:
    """
    A folder without an index, and one without any of the commits, are told apart.
    """
    with pytest.raises(StoreError, match=r"benchmarks\.json"):
        read_asv_history(tmp_path)
    write(tmp_path, 1, {"a.time_x": [[1.0], [], "v1"]})
    with pytest.raises(NothingMeasuredError, match="1 result files of 1 commits"):
        read_asv_history(tmp_path, [Commit(id="f" * 40, subject="", time_s=0)])
    (tmp_path / "m" / "cut.json").write_text("{")
    with pytest.raises(
        NothingMeasuredError, match=r"\(1 not read, the first: .*cut\.json is not a"
    ):
        read_asv_history(tmp_path, [Commit(id="f" * 40, subject="", time_s=0)])


@pytest.mark.parametrize("configured", [False, True])
def test_scenarios_bring_their_targets(tmp_path: Path, *, configured: bool) -> None:
    """
    What a scenario promises holds for its own percentile at each load, in seconds; what the
    project configures for the benchmark comes first.
    """
    params = [["1", "200"], ["'p50'", "'p95'"]]
    write(tmp_path, 1, {"a.C.track_latency": [[10, 20, 30, 40], params, "v1"]})

    def targets(benchmark: str, declared: Mapping[str, float]) -> dict[str, float]:
        return dict(declared) | ({"latency.p50": 0.1} if benchmark == "shop.answer@200" else {})

    history = read_asv_history(tmp_path, targets=targets if configured else None)

    assert {
        "a.C.track_latency(1, 'p50')": None,
        "a.C.track_latency(1, 'p95')": 0.150,
        "a.C.track_latency(200, 'p50')": 0.1 if configured else None,
        "a.C.track_latency(200, 'p95')": 0.150,
    } == {track.benchmark: track.target for track in history.tracks}
