"""
The promise: the same answer in every process, on every machine, at any load of it.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from agent_perf.config import load_config
from agent_perf.records import Run
from agent_perf.repository import WORKTREE, find_repository
from agent_perf.suite import lay_out, measure_tree

ROOT = Path(__file__).parents[1]


def measure_all(tmp_path: Path, only: tuple[str, ...]) -> dict[str, Run]:
    """Return the run of every macro-benchmark that matches, measured in a fresh process."""
    repository = find_repository(ROOT)
    config = load_config(ROOT)
    tree = lay_out(repository, WORKTREE, config, tmp_path)
    events = list(
        measure_tree(tree, package=config.benchmarks, time_limit_s=config.time_limit_s, only=only)
    )
    assert [] == [event.failure for event in events if event.failure]
    return {event.run.benchmark: event.run for event in events if event.run}


@contextmanager
def busy_cores() -> Iterator[None]:
    """Keep two cores busy with work that has nothing to do with us."""
    hogs = [subprocess.Popen([sys.executable, "-S", "-c", "while True: pass"]) for _ in range(2)]
    try:
        yield
    finally:
        for hog in hogs:
            hog.kill()
            hog.wait()


def compare_processes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, times: int, only: tuple[str, ...]
) -> int:
    """Measure *times* times with other hash seeds, half of them busy; return the benchmarks."""
    first: dict[str, Run] = {}
    for number in range(times):
        monkeypatch.setenv("PYTHONHASHSEED", str(number * 7919))
        folder = tmp_path / str(number)
        if number % 2:
            with busy_cores():
                found = measure_all(folder, only)
        else:
            found = measure_all(folder, only)
        first = first or found
        # Equal runs are equal in every latency, count, span and in the digest of the trace.
        assert first == found
    return len(first)


def test_macro_benchmarks_are_bit_identical(tmp_path, monkeypatch) -> None:
    """Two processes, other hash seeds, cores busy in one: all metrics and traces are equal."""
    assert compare_processes(tmp_path, monkeypatch, times=2, only=("*@50",)) >= 8


@pytest.mark.slow
def test_all_loads_are_bit_identical(tmp_path, monkeypatch) -> None:
    """The same at every load, in as many processes as AGENT_PERF_PROCESSES says, or four."""
    times = int(os.environ.get("AGENT_PERF_PROCESSES", "4"))

    assert compare_processes(tmp_path, monkeypatch, times=times, only=()) >= 24
