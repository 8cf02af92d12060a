"""CPU time that is charged for: a regression of work shows in virtual time."""

from __future__ import annotations

import copy
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from agent_perf import scenario
from agent_perf.errors import ConfigError
from agent_perf.records import Run
from agent_perf.sim import default_costs
from agent_perf.suite import CpuMode, Scenario, run_scenario

DOCUMENT = {"rows": [{"id": n, "tags": ["a", "b"], "name": f"row {n}"} for n in range(20)]}


def shop(name: str, *, copies: int = 0, renamed: bool = False) -> Scenario:
    """Return a scenario whose tool call copies a document *copies* times."""

    def prepare(document):
        return [copy.deepcopy(document) for _ in range(copies)]

    def other_name(document):
        result = [copy.deepcopy(document) for _ in range(copies)]
        return result  # noqa: RET504

    @scenario(name, users=(4,), requests=40)
    async def built(world):
        redis = world.redis.client()

        async def request(ask):
            (other_name if renamed else prepare)(DOCUMENT)
            await world.tool("look")
            await redis.get("key")

        yield request
        await redis.aclose()

    return built


def p95_ns(run: Run) -> int:
    return sorted(run.latency_ns)[int(0.95 * len(run.latency_ns))]


def measured(cpu: CpuMode, **variant) -> Run:
    return run_scenario(shop("shop.look", **variant), 4, commit="worktree", cpu=cpu)


def test_copies_show_when_calls_are_charged_for() -> None:
    """20 deep copies on each tool call raise P95 in mode `calls`, and change nothing in `none`."""
    assert p95_ns(measured(CpuMode.NONE, copies=20)) == p95_ns(measured(CpuMode.NONE))
    assert p95_ns(measured(CpuMode.CALLS, copies=20)) > p95_ns(measured(CpuMode.CALLS)) + 1_000_000


def test_an_innocent_change_changes_nothing() -> None:
    """Renaming a function and naming its result leaves every latency as it is, in each mode."""
    for mode in CpuMode:
        before, after = measured(mode, copies=2), measured(mode, copies=2, renamed=True)

        assert before.latency_ns == after.latency_ns


def test_an_operation_costs_what_the_table_says() -> None:
    """In mode `operations` one user's request takes longer by exactly its operations' costs."""
    costs = default_costs()
    one = replace(shop("shop.look"), users=(1,), requests=5, think=None)
    free = run_scenario(one, 1, commit="worktree", cpu=CpuMode.NONE)
    charged = run_scenario(one, 1, commit="worktree", cpu=CpuMode.OPERATIONS)
    per_request = sum(costs.of(name, amount // 5) for name, amount in charged.counts.items())

    assert per_request > 0
    assert [per_request] * 5 == [
        b - a for a, b in zip(free.latency_ns, charged.latency_ns, strict=True)
    ]


def test_the_environment_tells_how_it_was_charged() -> None:
    """Runs that were charged for differently have different keys, and are not comparable."""
    free, calls = measured(CpuMode.NONE), measured(CpuMode.CALLS)

    assert "" == free.environment.cpu
    assert calls.environment.cpu.startswith("calls-")
    assert free.key != calls.key
    assert not free.environment.comparable_with(calls.environment)


CHILD = """
import json, sys
from tests.suite.test_cpu import measured
from agent_perf.suite import CpuMode
junk = [bytearray(n % 999) for n in range(int(sys.argv[1]))]
print(json.dumps({m.value: measured(m, copies=3).latency_ns for m in CpuMode}))
"""


def test_three_processes_charge_alike() -> None:
    """Other hash seeds and other addresses: every latency is the same in each mode."""
    root = Path(__file__).parents[2]
    found = []
    for seed in ("0", "7919", "12345"):
        done = subprocess.run(
            [sys.executable, "-c", CHILD, seed],
            env=os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": str(root)},
            cwd=root,
            capture_output=True,
            check=True,
        )
        found.append(json.loads(done.stdout))

    assert found[0] == found[1]
    assert found[0] == found[2]


def test_a_scenario_declares_its_mode() -> None:
    """`cpu=` of a scenario holds when nothing else is said, and a typo is told."""
    charged = replace(shop("shop.look"), cpu=CpuMode.CALLS)

    assert run_scenario(charged, 4, commit="worktree").environment.cpu.startswith("calls-")

    async def built(world):
        yield None

    with pytest.raises(ConfigError, match="cpu='call'; want one of 'none', 'operations', 'calls'"):
        scenario("a.b", cpu="call")(built)


def test_work_shows_wherever_it_is_done() -> None:
    """Before a wait, after it, or after the last one: the same work costs the same latency."""

    def working(where: str) -> Scenario:
        @scenario("shop.work", users=(1,), requests=3, think=None)
        async def built(world):
            def work(here: str) -> None:
                copy.deepcopy(DOCUMENT if here == where else None)

            async def request(ask):
                work("before")
                await world.tool("look")
                work("between")
                await world.tool("look")
                work("after")

            yield request

        return built

    before, between, after, nowhere = (
        run_scenario(working(where), 1, commit="worktree", cpu=CpuMode.CALLS).latency_ns
        for where in ("before", "between", "after", "nowhere")
    )

    assert before == between
    assert before == after
    assert before > nowhere


def test_a_scenario_prices_what_c_does() -> None:
    """world.charge takes time in a mode that charges, and none without; bytes by the table."""

    @scenario("shop.big", users=(1,), requests=2, think=None)
    async def built(world):
        async def request(ask):
            world.charge(0.001)
            world.charge_bytes(2048, "json")

        yield request

    json_ns = default_costs().ns_per_kib["json"]
    latencies = {
        mode: run_scenario(built, 1, commit="worktree", cpu=mode).latency_ns for mode in CpuMode
    }

    assert (0, 0) == latencies[CpuMode.NONE]
    assert (1_000_000 + 2 * json_ns,) * 2 == latencies[CpuMode.OPERATIONS]
    assert latencies[CpuMode.CALLS][0] > 1_000_000 + 2 * json_ns
