"""
Runs one scenario at one load: one simulation gives all its metrics.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, closing
from dataclasses import replace
from itertools import accumulate
from typing import Final

from agent_perf.errors import UsageError
from agent_perf.load import Ask, Closed, Desk, Request, Shape, drive_closed, drive_open, warm_up
from agent_perf.measure import Recorder, Recording
from agent_perf.records import Run, Tier
from agent_perf.sim import U53, CpuCharging, CpuMode, Draws, SimLoop
from agent_perf.sim.faults import Fault
from agent_perf.suite.building import built, kept_running
from agent_perf.suite.checks import judge_checks
from agent_perf.suite.declaration import Scenario
from agent_perf.suite.desk import open_desk
from agent_perf.suite.incidents import Incidents, stuck_explained
from agent_perf.suite.pace import cpu_at, run_in_time
from agent_perf.suite.result import run_of
from agent_perf.suite.tables import tables_of
from agent_perf.suite.watch import Probe, Watch, charging_of
from agent_perf.suite.world import World
from agent_perf.units import NS

REQUESTS_MAX: Final = 100_000
"""Requests of which a run keeps each one; `agent-perf load` keeps them in bounded memory."""

_BUCKETS: Final = 60
_BUCKET_NS_MIN: Final = NS // 1000
FAULT_BUCKET_NS: Final = NS // 128
"""Doubled until they are few enough, buckets still divide a second, or are seconds."""


def run_scenario(
    scenario: Scenario,
    users: int,
    *,
    commit: str,
    tier: Tier = Tier.CLIENT,
    cpu: CpuMode | None = None,
    probe: Probe | None = None,
    tie_seed: int | None = None,
) -> Run:
    """
    Return the run of *scenario* with *users* concurrent users in virtual time.

    Args:
        scenario: What to run.
        users: At least 1; with an open load, among how many its requests are dealt.
        commit: What the code under test is: 40 hex digits, or ``worktree``.
        tier: How much of the real code runs.
        cpu: What CPU time is charged for; None: as the scenario says.
        probe: Who else sees everything that happens.
        tie_seed: As in simulate().

    Raises:
        BrokenError: If the scenario raised, or all its requests failed.
        SimulationError: If the simulated world could not go on.
        UsageError: If its load is too long for a run that keeps every request.
    """
    shape = scenario.load
    if shape is not None and shape.expected_count > REQUESTS_MAX:
        raise UsageError(
            f"scenario {scenario.name}: {shape.describe()} is some {shape.expected_count:,} "
            f"requests, and a run keeps {REQUESTS_MAX:,}; shorten it, or use `agent-perf load`"
        )
    with (
        closing(Watch(charging_of(scenario, cpu_at(tier, cpu)), probe)) as watch,
        stuck_explained(scenario.faults),
        kept_running(scenario.name),
    ):
        recording, incidents = run_in_time(
            lambda loop: _measure(loop, scenario, users, tier, watch),
            tier=tier,
            whose=scenario.name,
            seed=scenario.seed,
            limit_s=scenario.virtual_limit_s,
            executor=scenario.executor,
            trace=watch.trace,
            meter=watch.meter,
            tie_seed=tie_seed,
        )
    run = run_of(
        scenario,
        recording,
        incidents,
        users=users,
        commit=commit,
        tier=tier,
        cpu=watch.charging.key,
    )
    return replace(
        run,
        load="" if shape is None else shape.describe(),
        checks=judge_checks(
            scenario.checks,
            recording.timeline,
            incidents.fault_windows,
            incidents.states,
            recording.duration_ns,
        ),
    )


async def _measure(
    loop: SimLoop, scenario: Scenario, users: int, tier: Tier, watch: Watch
) -> tuple[Recording, Incidents]:
    recorder = watch.recorder(loop)
    shape = scenario.load
    async with opened(loop, ((scenario, 1),), recorder, tier=tier, charging=watch.charging) as (
        world,
        desk,
    ):
        if shape is None:
            await drive_closed(
                desk,
                users=users,
                requests_per_user=-(-scenario.requests // users),
                warmup_per_user=scenario.warmup,
            )
        else:
            await warm_up(desk, users=users, per_user=scenario.warmup)
            arrivals = shape.arrivals(world.draws)
            count = await drive_open(desk, arrivals, users=users, limits=scenario.limits)
            desk.require_answer(count)
    bucket_ns = None if shape is None else bucket_ns_of(shape)
    if scenario.faults:
        bucket_ns = FAULT_BUCKET_NS
    recording = recorder.finish(bucket_ns=bucket_ns)
    return recording, world.incidents.told(recording.duration_ns)


def bucket_ns_of(shape: Shape | Closed) -> int:
    """Return the length of a timeline's buckets for *shape*: sixty, and never below 1 ms."""
    return max(_BUCKET_NS_MIN, round(shape.length_s * NS) // _BUCKETS)


@asynccontextmanager
async def opened(
    loop: SimLoop,
    scenarios: Sequence[tuple[Scenario, int]],
    recorder: Recorder,
    *,
    tier: Tier,
    seed: int | None = None,
    charging: CpuCharging | None = None,
) -> AsyncIterator[tuple[World, Desk]]:
    """
    Open *scenarios* in one world, give it and the desk of their requests, and close them.

    Args:
        loop: The simulation's.
        scenarios: At least one, each with its weight; the first one's seed and think time
            hold. With several, each request is dealt to one of them by a draw of its own.
        recorder: Who is told what happens.
        tier: How much of the real code runs.
        seed: Of all draws; the scenario's if None.
        charging: How CPU time is charged for; None: it is not.

    Raises:
        BrokenError: As in built.
    """
    first = scenarios[0][0]
    tables = tables_of([each for each, _ in scenarios])
    faults = tuple(fault for each, _ in scenarios for fault in each.faults)
    draws = Draws(first.seed if seed is None else seed, tables)
    world = open_world(loop, draws, recorder, tier=tier, charging=charging, faults=faults)
    with closing(world):
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(world.breakable())
            requests = []
            for each, weight in scenarios:
                request = await stack.enter_async_context(built(each, world))
                requests.append((request, weight))
            world.check_faults()
            desk = open_desk(
                world,
                requests[0][0] if len(requests) == 1 else _dealt(requests, draws),
                loop=loop,
                recorder=recorder,
                think=first.think,
            )
            yield world, desk


def open_world(
    loop: SimLoop,
    draws: Draws,
    recorder: Recorder,
    *,
    tier: Tier,
    charging: CpuCharging | None,
    faults: Sequence[Fault],
) -> World:
    """Return a world of *tier*; arguments as in World."""
    if tier is Tier.LIVE:
        from agent_perf.suite.live_world import LiveWorld

        return LiveWorld(loop, draws, recorder, charging=charging, faults=faults)
    return World(loop, draws, recorder, tier=tier, charging=charging, faults=faults)


def _dealt(requests: Sequence[tuple[Request, int]], draws: Draws) -> Request:
    bounds = tuple(accumulate(weight for _, weight in requests))

    async def dealt(ask: Ask) -> str | None:
        point = draws.u53_for("load.mix", ask.request_id) * bounds[-1] // U53
        index = next(i for i, bound in enumerate(bounds) if point < bound)
        return await requests[index][0](ask)

    return dealt
