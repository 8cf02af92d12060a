from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from functools import cache, partial
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from sqlalchemy import text

from agent_perf import World, scenario
from agent_perf.codec import dump_run, load_run
from agent_perf.errors import ConfigError, UsageError
from agent_perf.load import Constant
from agent_perf.records import FaultWindow, Run, StateChange, Tier
from agent_perf.sim import Reply, SimRequest, llm
from agent_perf.sim.faults import (
    Fault,
    crash,
    drop_first,
    errors,
    hang,
    outage,
    partition,
    reset,
    slow,
)
from agent_perf.suite import Request, run_scenario

MS = 1_000_000


def shop(*faults: Fault, **declared: Any) -> Run:
    """Run a shop that uses all services, 20 requests over 2 virtual seconds."""

    @scenario(
        "shop.all",
        users=(5,),
        think=None,
        load=Constant(rate_hz=10, for_s=2),
        faults=faults,
        **declared,
    )
    async def build(world: World) -> AsyncIterator[Request]:
        redis = world.redis.client(retry=Retry(NoBackoff(), 0), socket_timeout=1.0)
        world.database.prepare("CREATE TABLE t (x); INSERT INTO t VALUES (1)")
        engine = world.database.engine()
        world.llm.script(llm.text(tokens=8))
        model = world.llm.openai(max_retries=1)

        async def weather(request: SimRequest) -> Reply:
            await world.sleep("http.request")
            return Reply(content=b"{}")

        world.http.mount("weather.sim", weather)
        http = world.http.client(timeout=1.0)

        async def request(ask: Any) -> str:
            hit = await redis.get(f"q:{ask.request_id}")
            async with engine.connect() as connection:
                await connection.execute(text("SELECT x FROM t"))
            await http.get("http://weather.sim/")
            question: Any = [{"role": "user", "content": "hi"}]
            stream = await model.chat.completions.create(
                model="gpt-4o-mini", messages=question, stream=True
            )
            async for _ in stream:
                pass
            return "miss" if hit is None else "hit"

        yield request
        await model.close()
        await http.aclose()
        await engine.dispose()
        await redis.aclose()

    return run_scenario(build, 5, commit="worktree")


def test_faults_strike_and_are_told() -> None:
    """
    Requests in a window fail, the others do not; the run tells of the window and each strike.
    """
    run = shop(outage("redis", at_s=1, for_s=0.5))

    assert set(range(10, 15)) == set(run.errors)
    assert {"ConnectionError"} == set(run.errors.values())
    assert (
        FaultWindow(
            name="redis outage",
            service="redis",
            kind="outage",
            start_ns=1000 * MS,
            end_ns=1500 * MS,
        ),
    ) == run.fault_windows
    assert run.counts["faults"] == run.details["faults:outage redis"]
    assert run == load_run(dump_run(run), "here")


def test_equal_schedules_give_equal_runs() -> None:
    """
    With faults that are drawn by chance, two runs are equal to the last digit.
    """
    faults = (
        errors("weather.sim", ratio=0.3),
        errors("llm", ratio=0.3, status=429),
        reset("database", probability=0.1),
        slow("redis", factor=3, probability=0.5),
    )

    assert shop(*faults) == shop(*faults)


@cache
def plain_shop() -> Run:
    return shop()


@settings(max_examples=4, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            [
                outage("redis", at_s=60, for_s=1),
                outage("database", at_s=60, for_s=1, every_s=2),
                outage("llm", at_s=60),
                slow("redis", factor=2, at_s=60),
                errors("weather.sim", at_s=60),
                errors("llm", ratio=0.5, at_s=60),
                errors("database", ratio=0.5, at_s=60),
                reset("weather.sim", at_s=60),
                hang("llm", operation="llm.token", at_s=60),
                partition("app", "redis", at_s=60),
                partition("weather.sim", "database", at_s=60),
                drop_first("redis", 1, detail="no such command"),
            ]
        ),
        min_size=1,
        max_size=5,
        unique_by=lambda fault: fault.label,
    )
)
def test_a_schedule_that_never_strikes_changes_nothing(faults: list[Fault]) -> None:
    """
    A run whose faults lie after its end, or fit no operation, is the run without them.
    """
    run = shop(*faults)
    bare = replace(run, fault_windows=(), timeline=None, trace_digest="")

    assert all(window.kind == "drop_first" for window in run.fault_windows)
    plain = plain_shop()
    assert replace(plain, timeline=None, trace_digest="") == bare
    assert plain.trace_digest == run.trace_digest


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (outage("weather"), "did you mean 'weather.sim'"),
        (crash("ingest", at_s=1, back_after_s=1), "'ingest' is not in this world"),
        (partition("app", "redsi"), "did you mean 'redis'"),
    ],
)
def test_a_fault_at_nothing_is_refused(fault: Fault, message: str) -> None:
    """
    Once the scenario is built, a fault at something that it does not have is a ConfigError.
    """
    with pytest.raises(ConfigError) as caught:
        shop(fault)
    assert message in str(caught.value)


def background(
    work: Callable[[World, list[str]], Any], *faults: Fault, tier: Tier = Tier.CLIENT
) -> tuple[Run, list[str]]:
    """Run a worker made by *work* beside requests that do nothing for 3 seconds."""
    log: list[str] = []

    @scenario(
        "jobs.idle",
        users=(1,),
        warmup=0,
        think=None,
        load=Constant(rate_hz=10, for_s=3),
        faults=faults,
    )
    async def build(world: World) -> AsyncIterator[Request]:
        world.worker("ingest", partial(work, world, log))

        async def request(_: Any) -> None:
            await asyncio.sleep(0.001)

        yield request

    return run_scenario(build, 1, commit="worktree", tier=tier), log


async def counting(world: World, log: list[str]) -> None:
    """Add one to a key four times a second, through a client of its own."""
    log.append(f"start {world.now_s():.3f}")
    client = world.redis.client(retry=Retry(NoBackoff(), 0))
    try:
        while True:
            await client.incr("jobs")
            await asyncio.sleep(0.25)
    finally:
        try:
            await client.incr("jobs")
        except RedisConnectionError:
            log.append(f"unheard {world.now_s():.3f}")
        await client.aclose()


def test_a_worker_crashes_and_comes_back() -> None:
    """
    It dies at the instant, what it then sends reaches nobody, and it starts again when due.
    """
    run, log = background(counting, crash("ingest", at_s=1.1, back_after_s=0.5))

    assert ["start 0.000", "unheard 1.100", "start 1.600"] == log[:3]
    counts = {name: run.counts[name] for name in run.counts if name.startswith("worker_")}
    assert {"worker_crashes": 1, "worker_restarts": 1, "worker_tasks_lost": 1} == counts
    assert run.details["redis_commands:INCRBY"] == 5 + 6
    assert ["crash"] == [window.kind for window in run.fault_windows]


def test_a_crash_takes_all_the_workers_tasks() -> None:
    """
    Tasks that the worker had started die with it, and are counted as lost.
    """

    async def spawning(world: World, log: list[str]) -> None:
        async def child() -> None:
            while True:
                await asyncio.sleep(0.2)
                log.append(f"{world.now_s():.1f}")

        async with asyncio.TaskGroup() as group:
            group.create_task(child())
            group.create_task(child())

    run, log = background(spawning, crash("ingest", at_s=0.5, back_after_s=9))

    assert ["0.2", "0.2", "0.4", "0.4"] == log
    assert run.counts["worker_tasks_lost"] == 3


def test_a_worker_that_raises_is_started_again() -> None:
    """
    A worker that an error ends is away for a second, and counts as crashed by that error.
    """

    async def failing(world: World, log: list[str]) -> None:
        log.append(f"{world.now_s():.1f}")
        await asyncio.sleep(0.1)
        raise httpx.ConnectError("nobody listens")

    run, log = background(failing)

    assert ["0.0", "1.1", "2.2"] == log
    assert run.details["worker_crashes:ingest: ConnectError"] == 3
    assert run.counts["worker_restarts"] == 2


def test_a_worker_can_be_cut_off() -> None:
    """
    A partition between a worker and Redis stalls the worker, and not the system.
    """
    run, _ = background(counting, partition("ingest", "redis", at_s=1, for_s=1))

    assert run.details["redis_commands:INCRBY"] == 4 + 1 + 3
    assert not run.errors


def test_an_error_of_ours_in_a_worker_breaks_the_run() -> None:
    """
    A worker that uses the world wrongly does not do so in silence.
    """

    async def wrong(world: World, _: list[str]) -> None:
        await world.sleep("no.such.table")

    with pytest.raises(ConfigError, match=r"no\.such\.table"):
        background(wrong)


def test_a_worker_is_a_coroutine_function() -> None:
    """
    Anything else is refused when it is declared.
    """
    with pytest.raises(UsageError, match="coroutine function"):
        background(lambda world, log: log.append("called"))


def test_states_are_taken_down() -> None:
    """
    A change of state is told with its instant, counted from the end of the warm-up.
    """

    async def switching(world: World, _: list[str]) -> None:
        world.state("breaker.llm", "closed")
        await asyncio.sleep(0.5)
        world.state("breaker.llm", "open")

    run, _ = background(switching)

    assert (
        StateChange(at_ns=0, name="breaker.llm", state="closed"),
        StateChange(at_ns=500 * MS, name="breaker.llm", state="open"),
    ) == run.states
