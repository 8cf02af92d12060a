"""
Runs one scenario at one load: one simulation gives all its metrics.
"""

from __future__ import annotations

import asyncio
from contextlib import closing

from agent_perf.errors import BrokenError
from agent_perf.load import Ask, Desk, Request, drive_closed
from agent_perf.measure import Recorder, Recording, current_environment
from agent_perf.records import Run, Tier
from agent_perf.sim import Draws, SimLoop, request_scope, running_request, simulate
from agent_perf.suite.declaration import Scenario
from agent_perf.suite.world import World
from agent_perf.units import NS


def run_scenario(scenario: Scenario, users: int, *, commit: str, tier: Tier = Tier.CLIENT) -> Run:
    """
    Return the run of *scenario* with *users* concurrent users in virtual time.

    Args:
        scenario: What to run.
        users: At least 1.
        commit: What the code under test is: 40 hex digits, or ``worktree``.
        tier: How much of the real code runs.

    Raises:
        BrokenError: If the scenario raised, or all its requests failed.
        SimulationError: If the simulated world could not go on.
    """
    recording = simulate(lambda loop: _measure(loop, scenario, users, tier), seed=scenario.seed)
    return Run(
        scenario=scenario.name,
        users=users,
        seed=scenario.seed,
        commit=commit,
        environment=current_environment((scenario.source,)),
        targets=dict(scenario.targets),
        latency_ns=recording.latency_ns,
        path=recording.path,
        errors=recording.errors,
        duration_ns=recording.duration_ns,
        counts=recording.counts,
        details=recording.details,
        operations=recording.operations,
        exemplar=recording.exemplar,
        trace_digest=recording.trace_digest,
        tier=tier,
    )


async def _measure(loop: SimLoop, scenario: Scenario, users: int, tier: Tier) -> Recording:
    recorder = Recorder(lambda: loop.now_ns, lambda: running_request().request_id)
    world = World(loop, Draws(scenario.seed, scenario.tables), recorder, tier=tier)

    async def think() -> None:
        if scenario.think is not None:
            await asyncio.sleep(world.draws.ns(scenario.think) / NS)

    with closing(world):
        async with scenario.build(world) as request:
            desk = Desk(
                request=_checked(scenario.name, request),
                ledger=recorder,
                scope=request_scope,
                think=think,
                now_ns=lambda: loop.now_ns,
            )
            await drive_closed(
                desk,
                users=users,
                requests_per_user=-(-scenario.requests // users),
                warmup_per_user=scenario.warmup,
            )
    return recorder.finish()


def _checked(name: str, request: Request) -> Request:
    async def checked(ask: Ask) -> str | None:
        path = await request(ask)
        if path is not None and not isinstance(path, str):
            raise BrokenError(
                f"scenario {name}: a request returned {path!r}; want None, or a word for how it "
                "was answered, such as 'hit'"
            )
        return path

    return checked
