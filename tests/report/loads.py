"""Loads as the simulator gives them, small and with everything that a page can say of one."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

from sqlalchemy import text

from agent_perf import scenario
from agent_perf.gate import (
    capacity_bottlenecks,
    find_bottlenecks,
    judge_capacity,
    judge_load,
)
from agent_perf.load import Constant, Poisson, Stress
from agent_perf.records import Capacity, Environment, LoadRun, Promise
from agent_perf.report import Command, View, build_capacity_view, build_load_view
from agent_perf.sim.faults import outage
from agent_perf.suite import find_capacity, recovers_within, run_load

ENVIRONMENT = Environment(
    python="3.11", harness="a" * 64, scenario="b" * 64, packages={"SQLAlchemy": "2.0.0"}
)
AGAIN = Command(purpose="Run it again", line="agent-perf load desk.ask --rate 30")


@scenario("desk.ask", think=None, warmup=0)
async def ask_desk(world):
    """Two connections, each held over a tool call."""
    engine = world.database.engine(pool_size=2, max_overflow=0)

    async def request(ask):
        async with engine.connect() as connection:
            await connection.execute(text("SELECT 1"))
            await world.tool("look up")
        return "hit" if ask.index % 3 else "miss"

    yield request
    await engine.dispose()


@scenario(
    "desk.cache",
    think=None,
    faults=(
        outage("redis", at_s=4, for_s=2),
        outage("redis", at_s=11, for_s=1, name="second outage"),
    ),
    checks=(recovers_within("redis outage", 2.0),),
)
async def cached(world):
    """A cache that is away twice."""
    redis = world.redis.client()

    async def request(ask):
        return "hit" if await redis.get("key") else "miss"

    yield request
    await redis.aclose()


@scenario("desk.closed", think=None)
async def closed(world):
    async def request(ask):
        raise ValueError("closed <b>on Sundays</b>")

    yield request


@cache
def full_run() -> LoadRun:
    """More than two connections carry."""
    return _known(
        run_load(
            ask_desk,
            Poisson(rate_hz=130, for_s=6),
            targets={"latency.p95": 0.15, "error_ratio": 0.001, "resources.db_in_use.peak": 5},
            bucket_s=0.25,
        )
    )


@cache
def faulty_run() -> LoadRun:
    """Two outages, and a target that is kept over all and missed in them."""
    return _known(
        run_load(
            cached, Constant(rate_hz=40, for_s=20), targets={"latency.p50": 0.1, "error_ratio": 0.5}
        )
    )


@cache
def searched() -> Capacity:
    """The highest rate that two connections carry."""
    found = find_capacity(
        ask_desk, promise=Promise(within_s=0.15), low_hz=10, tolerance_ratio=0.2, for_s=12
    )
    carried, broken = found.carried, found.broken
    return replace(
        found,
        carried=None if carried is None else _known(carried),
        broken=None if broken is None else _known(broken),
    )


def load_failed() -> View:
    """A pool that is full, and a target that is missed."""
    return _view(full_run())


def load_faults() -> View:
    """Faults, recovery and checks."""
    return _view(faulty_run())


def load_measured() -> View:
    """A load of which nobody wanted anything, climbing."""
    shape = Stress(from_hz=10, to_hz=100, step_hz=10, step_s=1.0)
    return _view(_known(run_load(ask_desk, shape, bucket_s=1.0)))


def load_broken() -> View:
    """Not one answer."""
    return _view(_known(run_load(closed, Constant(rate_hz=10, for_s=3))))


def load_search() -> View:
    """A search that found its limit."""
    capacity = searched()
    return build_capacity_view(
        capacity,
        judge_capacity(capacity),
        capacity_bottlenecks(capacity),
        title="front-desk",
        commands=[AGAIN],
    )


def _view(run: LoadRun) -> View:
    return build_load_view(
        run, judge_load(run), find_bottlenecks(run), title="front-desk", commands=[AGAIN]
    )


def _known(run: LoadRun) -> LoadRun:
    # What was measured with is another machine's affair.
    return replace(run, environment=ENVIRONMENT)
