"""
The promise: the same answer in every process, on every machine, at any load of it.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from agent_perf.config import load_config
from agent_perf.repository import WORKTREE, find_repository
from agent_perf.suite import lay_out
from agent_perf.suite.selftest import Prober, Trial, try_scenarios

ROOT = Path(__file__).parents[1]


def try_all(
    tmp_path: Path, only: tuple[str, ...] = (), *, times: int, busy: bool
) -> tuple[Trial, ...]:
    """Return what became of our scenarios in *times* processes."""
    config = load_config(ROOT)
    tree = lay_out(find_repository(ROOT), WORKTREE, config, tmp_path)
    prober = Prober(tree=tree, package=config.benchmarks, time_limit_s=config.time_limit_s)
    return try_scenarios(prober, only, times=times, busy=busy)


def diverged(trials: tuple[Trial, ...]) -> list[object]:
    """Return all that is known of those that went another way, or failed."""
    return [
        (trial.benchmark, trial.report.error, trial.divergence, trial.cause)
        for trial in trials
        if trial.broken or trial.diverged_in is not None
    ]


def test_our_scenarios_take_the_same_steps(tmp_path) -> None:
    """A plain process and a hostile one: every step, event and result is equal."""
    trials = try_all(tmp_path, ("*@50",), times=2, busy=False)

    assert [] == diverged(trials)
    assert len(trials) >= 8


@pytest.mark.slow
def test_all_loads_take_the_same_steps(tmp_path) -> None:
    """
    The same at every load, cores busy in some, in as many processes as
    AGENT_PERF_PROCESSES says, or four.
    """
    times = int(os.environ.get("AGENT_PERF_PROCESSES", "4"))
    trials = try_all(tmp_path, times=times, busy=True)

    assert [] == diverged(trials)
    assert len(trials) >= 24
