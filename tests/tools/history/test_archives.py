"""Results of asv are read out of a repository, both formats, at one commit."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from agent_perf.errors import StoreError
from tools.study.history.archives import Archive, read_histories

SECOND = {
    "commit_hash": "b" * 40,
    "date": 2_000,
    "python": "3.9",
    "version": 2,
    "result_columns": ["result", "params", "stats_ci_99_a", "stats_ci_99_b"],
    "results": {
        "a.time_x": [[2.0, None], [["1", "2"]], [1.5, None], [2.5, None]],
        "a.mem_y": [[7], []],
    },
}
FIRST = {
    "commit_hash": "a" * 40,
    "date": 1_000,
    "python": "3.9",
    "version": 1,
    "results": {
        "a.time_x": {
            "result": [1.0, 3.0],
            "params": [["1", "2"]],
            "stats": [{"ci_99": [0.5, 1.5]}, None],
        },
        "a.time_old": 4.0,
    },
}


def git(folder: Path, *arguments: str) -> str:
    """Run git in *folder*; return what it prints."""
    who = ("-c", "user.name=n", "-c", "user.email=e@example.org")
    command = ["git", "-C", str(folder), *who, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def archive_in(data: Path) -> Archive:
    """A repository ``made`` with two result files on one machine, and its name."""
    folder = data / "made" / "results" / "m"
    folder.mkdir(parents=True)
    for name, content in (("second", SECOND), ("first", FIRST), ("machine", {"ram": 1})):
        (folder / f"{name}.json").write_text(json.dumps(content))
    (folder.parent / "benchmarks.json").write_text("{}")
    git(data, "init", "-q", "made")
    git(data / "made", "add", ".")
    git(data / "made", "commit", "-q", "-m", "Results")
    return Archive(repository="o/made", commit=git(data / "made", "rev-parse", "HEAD"))


def test_both_formats_are_read_oldest_commit_first(tmp_path: Path) -> None:
    """Values and weights come in order of date; what is no time, or failed, is left out."""
    found = read_histories(archive_in(tmp_path), tmp_path, length_min=1)
    rows = {one.benchmark: (one.values.tolist(), one.dates_ms.tolist()) for one in found}
    weights = {one.benchmark: one.weights.tolist() for one in found}

    assert {"m-py3.9"} == {one.machine for one in found}
    assert {
        "a.time_old": ([4.0], [1_000]),
        "a.time_x(1)": ([1.0, 2.0], [1_000, 2_000]),
        "a.time_x(2)": ([3.0], [1_000]),
    } == rows
    assert [2.0, 2.0] == weights["a.time_x(1)"]


def test_short_histories_are_left_out(tmp_path: Path) -> None:
    """Only what has enough commits comes back."""
    found = read_histories(archive_in(tmp_path), tmp_path, length_min=2)

    assert ["a.time_x(1)"] == [one.benchmark for one in found]


def test_a_missing_clone_is_told(tmp_path: Path) -> None:
    """The message names the repository, the commit and the place."""
    with pytest.raises(StoreError, match=r"made is no clone of o/made with commit ffffffffffff"):
        read_histories(Archive(repository="o/made", commit="f" * 40), tmp_path, length_min=1)
