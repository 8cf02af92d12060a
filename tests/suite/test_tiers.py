from __future__ import annotations

from dataclasses import replace

import pytest

import benchmarks.agent
import benchmarks.cache
import benchmarks.database
import benchmarks.event_delivery
import benchmarks.events
import benchmarks.simulator
from agent_perf import Scenario
from agent_perf.records import Tier
from agent_perf.suite import run_scenario

SCENARIOS = (
    benchmarks.agent.chat,
    benchmarks.agent.tools,
    benchmarks.cache.redis_get,
    benchmarks.cache.redis_set,
    benchmarks.cache.layered,
    benchmarks.database.simple_query,
    benchmarks.database.complex_query,
    benchmarks.database.pool,
    benchmarks.events.single,
    benchmarks.events.stream,
    benchmarks.event_delivery.pooled,
    benchmarks.simulator.agent_path_scenario(),
)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_shipped_scenarios_agree_on_both_tiers(scenario: Scenario) -> None:
    """
    Latencies, paths, work counts and operations of what ships are the same without the libraries.
    """
    short = replace(scenario, requests=60)

    client = run_scenario(short, 30, commit="worktree", tier=Tier.CLIENT)
    stub = run_scenario(short, 30, commit="worktree", tier=Tier.STUB)

    assert client.latency_ns == stub.latency_ns
    assert client.path == stub.path
    assert client.counts == stub.counts
    assert client.operations == stub.operations
    assert stub.tier is Tier.STUB
