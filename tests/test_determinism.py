"""
The promise: the same answer in every process, on every machine, at any load of it.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from agent_perf.config import load_config
from agent_perf.repository import WORKTREE, find_repository
from agent_perf.suite import Tree, lay_out
from agent_perf.suite.selftest import Prober, Trial, try_scenarios

ROOT = Path(__file__).parents[1]

# A benchmark package: what we ship, asked for so long that 50 users have all asked; where requests
# arrive, a fifth of them, through all faults. Naive ones are dear, and made of the same parts: they
# are tried with all loads.
SHORT = """
from dataclasses import replace
from pathlib import Path

from agent_perf.suite.catalog import load_catalog


def short(one):
    if one.load is None:
        return replace(one, requests=60)
    return replace(one, load=replace(one.load, rate_hz=one.load.rate_hz / 5))


scenarios = load_catalog("benchmarks", Path({root!r})).scenarios
globals().update(
    {{one.name: short(one) for one in scenarios if not one.name.startswith("naive.")}}
)
"""


def diverged(trials: tuple[Trial, ...]) -> list[object]:
    """Return all that is known of those that went another way, or failed."""
    return [
        (trial.benchmark, trial.report.error, trial.divergence, trial.cause)
        for trial in trials
        if trial.broken or trial.diverged_in is not None
    ]


def test_our_scenarios_take_the_same_steps(tmp_path) -> None:
    """A plain process and a hostile one: every step, event and result is equal."""
    (tmp_path / "short").mkdir()
    (tmp_path / "short" / "__init__.py").write_text(SHORT.format(root=str(ROOT)))
    tree = Tree(commit=WORKTREE, root=tmp_path, path=(tmp_path, ROOT))
    prober = Prober(tree=tree, package="short", time_limit_s=60.0)
    trials = try_scenarios(prober, ("*@50",), times=2, busy=False)

    assert [] == diverged(trials)
    assert len(trials) >= 8


@pytest.mark.slow
def test_all_loads_take_the_same_steps(tmp_path) -> None:
    """
    The same in full and at every load, cores busy in some, in as many processes as
    AGENT_PERF_PROCESSES says, or four.
    """
    times = int(os.environ.get("AGENT_PERF_PROCESSES", "4"))
    config = load_config(ROOT)
    tree = lay_out(find_repository(ROOT), WORKTREE, config, tmp_path)
    prober = Prober(tree=tree, package=config.benchmarks, time_limit_s=config.time_limit_s)
    trials = try_scenarios(prober, times=times, busy=True)

    assert [] == diverged(trials)
    assert len(trials) >= 24
