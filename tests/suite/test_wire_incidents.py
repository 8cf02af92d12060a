"""Workers, crashes and faults at apps of one's own, over real wire protocols."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from agent_perf import World, scenario
from agent_perf.errors import ConfigError
from agent_perf.load import Constant
from agent_perf.records import Run, Tier
from agent_perf.sim.faults import Fault, crash, errors, outage, partition
from agent_perf.suite import Request, run_scenario
from tests.suite.test_incidents import background, counting


def test_a_worker_crashes_on_the_wire() -> None:
    """
    It dies at the instant, what it then sends reaches nobody, and it opens connections anew.
    """
    fault = crash("ingest", at_s=1.1, back_after_s=0.5)
    run, log = background(counting, fault, tier=Tier.WIRE)
    again, _ = background(counting, fault, tier=Tier.WIRE)
    near, _ = background(counting, fault)

    assert ["start 0.000", "unheard 1.100", "start 1.600"] == log[:3]
    for name in ("worker_crashes", "worker_restarts", "worker_tasks_lost"):
        assert 1 == near.counts[name] == run.counts[name]
    assert 2 == near.details["redis_commands:HELLO"] == run.details["redis_commands:HELLO"]
    assert 5 + 6 == run.details["redis_commands:INCRBY"]
    assert again == run


def test_a_worker_is_cut_off_on_the_wire() -> None:
    """
    A partition between a worker and Redis stalls the worker, and not the system.
    """
    run, _ = background(counting, partition("ingest", "redis", at_s=1, for_s=1), tier=Tier.WIRE)

    assert 4 + 1 + 3 == run.details["redis_commands:INCRBY"]
    assert not run.errors


def served(*faults: Fault) -> Run:
    """Ask an app of the scenario's own, 10 times a second for 2 seconds."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await asyncio.sleep(0.001)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"hello"})

    load = Constant(rate_hz=10, for_s=2)

    @scenario("shop.app", users=(2,), think=None, load=load, faults=faults)
    async def build(world: World) -> AsyncIterator[Request]:
        async with (
            world.http.serve(app, host="app.sim", lifespan="off"),
            world.http.client() as client,
        ):

            async def request(_: Any) -> str:
                response = await client.get("http://app.sim/")
                response.raise_for_status()
                return response.text

            yield request

    return run_scenario(build, 2, commit="worktree", tier=Tier.WIRE)


def test_faults_strike_at_an_app_that_is_served() -> None:
    """
    An outage and errors at its host reach the requests in their windows, and no others.
    """
    run = served(
        outage("app.sim", at_s=0.45, for_s=0.3),
        errors("app.sim", at_s=1.45, for_s=0.2, status=503),
    )

    assert {5: "ConnectError", 6: "ConnectError", 7: "ConnectError"} == {
        number: kind for number, kind in run.errors.items() if number < 10
    }
    assert {15: "HTTPStatusError", 16: "HTTPStatusError"} == {
        number: kind for number, kind in run.errors.items() if number >= 10
    }
    assert {"hello", ""} == set(run.path)
    assert run == served(
        outage("app.sim", at_s=0.45, for_s=0.3),
        errors("app.sim", at_s=1.45, for_s=0.2, status=503),
    )


def test_a_fault_at_an_app_that_is_not_served_is_refused() -> None:
    """
    A typo in the host's name is a ConfigError that says what was meant.
    """
    with pytest.raises(ConfigError, match="did you mean 'app.sim'"):
        served(outage("ap.sim"))
