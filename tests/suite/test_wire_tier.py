"""Shipped scenarios over real wire protocols: the same work, and times that can be explained."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from agent_perf import Scenario
from agent_perf.errors import UsageError
from agent_perf.records import Tier
from agent_perf.sim import Draws, simulate
from agent_perf.suite import World, run_scenario
from tests.sim.services.ledger import Ledger

ROOT = Path(__file__).parents[2]

# What depends on timing, and so on the network: where batches are cut, and how many
# connections a pool opens for those who ask at one time.
TIMED = frozenset(
    {"event_requests", "http_requests", "http_connects", "bytes_sent", "bytes_received"}
    | {"redis_connects", "redis_trips", "redis_commands"}
    | {"db_connects", "db_prepares", "db_lock_waits"}
)


def shipped(module: str, name: str) -> Scenario:
    """Return one of the scenarios in benchmarks/, with few requests."""
    scenario = getattr(importlib.import_module(f"benchmarks.{module}"), name)
    assert isinstance(scenario, Scenario)
    return replace(scenario, requests=60)


@pytest.mark.parametrize(
    ("module", "name", "timed"),
    [
        ("cache", "redis_get", frozenset()),
        ("cache", "layered", frozenset()),
        ("agent", "chat", TIMED),
        ("events", "single", TIMED),
    ],
)
def test_shipped_scenarios_run_on_the_wire(module, name, timed) -> None:
    """No request fails, and what does not depend on timing is the same work as in the process."""
    scenario = shipped(module, name)
    near = run_scenario(scenario, 5, commit="worktree")
    far = run_scenario(scenario, 5, commit="worktree", tier=Tier.WIRE)
    work = {name: n for name, n in far.counts.items() if not name.startswith("tcp_")}

    assert {} == far.errors
    assert Tier.WIRE is far.tier
    assert {k: n for k, n in near.counts.items() if k not in timed} == {
        k: n for k, n in work.items() if k not in timed
    }
    assert far.counts["tcp_bytes"] > 0


def test_a_redis_get_is_slower_by_the_bandwidth_only() -> None:
    """Draws are shared between tiers: request by request, 2 KB more or less of wire."""
    scenario = shipped("cache", "redis_get")
    near = run_scenario(scenario, 1, commit="worktree").latency_ns
    far = run_scenario(scenario, 1, commit="worktree", tier=Tier.WIRE).latency_ns
    later_ns = [b - a for a, b in zip(near, far, strict=True)]

    # At most some 600 bytes, compressed, at a gigabit a second: 8 ns a byte.
    assert 0 < min(later_ns)
    assert max(later_ns) < 6_000


_DIGESTS = """
import sys
from tests.suite.test_wire_tier import digests
print(digests())
"""


def digests() -> str:
    """Return the trace digest of a scenario on the wire."""
    run = run_scenario(shipped("events", "stream"), 10, commit="worktree", tier=Tier.WIRE)
    return run.trace_digest


def test_runs_on_the_wire_do_not_depend_on_the_hash_seed() -> None:
    """Processes with other hash seeds give the same trace."""
    asked = [
        subprocess.Popen(
            [sys.executable, "-c", _DIGESTS],
            cwd=ROOT,
            env=os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            text=True,
        )
        for seed in ("1", "7919")
    ]
    first, second = (process.communicate()[0] for process in asked)

    assert 32 == len(first.strip())
    assert first == second


def test_other_tiers_have_no_network() -> None:
    """`world.network` says which tier has one."""

    async def main(loop):
        return World(loop, Draws(1), Ledger()).network

    with pytest.raises(UsageError, match="'wire'"):
        simulate(main)
