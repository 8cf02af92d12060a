"""Faults together: of several scenarios, again and again, without an end, and misspelt."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from agent_perf import scenario
from agent_perf.errors import ConfigError, SimDeadlock
from agent_perf.load import Constant
from agent_perf.records import LoadRun
from agent_perf.sim.faults import crash, hang, outage, slow
from agent_perf.suite import (
    breaker_closes,
    breaker_opens,
    recovers_within,
    run_load,
    run_scenario,
)
from tests.suite.test_incidents import background

LOAD = Constant(rate_hz=20, for_s=4)


@scenario(
    "mix.redis",
    think=None,
    faults=(outage("redis", at_s=1, for_s=0.5),),
    checks=(recovers_within("redis outage", 2.0),),
)
async def over_redis(world):
    async with world.redis.client() as redis:

        async def request(ask):
            await redis.get("x")
            return "redis"

        yield request


@scenario(
    "mix.model",
    think=None,
    faults=(outage("llm", at_s=2, for_s=0.5),),
    checks=(recovers_within("llm outage", 2.0),),
)
async def over_model(world):
    async with world.llm.openai(max_retries=0) as client:

        async def request(ask):
            question = [{"role": "user", "content": "?"}]
            await client.chat.completions.create(model="m", messages=question)
            return "model"

        yield request


def test_a_mix_has_the_faults_of_all_its_scenarios() -> None:
    """
    Windows, errors and checks of each are there; two faults of one name are refused.
    """
    run = run_load([(over_redis, 1), (over_model, 1)], LOAD)

    assert ["redis outage", "llm outage"] == [window.name for window in run.fault_windows]
    assert {"ConnectionError", "APIConnectionError"} == run.errors.keys()
    assert {"check.recovery.redis_outage", "check.recovery.llm_outage"} == {
        check.name for check in run.checks
    }
    assert run == run_load([(over_redis, 1), (over_model, 1)], LOAD)
    again = replace(over_model, faults=(outage("redis", at_s=3, for_s=1),), checks=())
    with pytest.raises(ConfigError, match="two faults are called 'redis outage'"):
        run_load([(over_redis, 1), (again, 1)], LOAD)


def test_a_worker_crashes_again_and_again() -> None:
    """
    Every second from 0.5 s on, and each time it is back 0.25 s later.
    """

    async def working(world, log):
        log.append(f"{world.now_s():.2f}")
        async with world.redis.client() as redis:
            while True:
                await asyncio.sleep(0.1)
                await redis.get("x")

    run, log = background(working, crash("ingest", at_s=0.5, back_after_s=0.25, every_s=1))

    assert ["0.00", "0.75", "1.75", "2.75"] == log
    assert (3, 3) == (run.counts["worker_crashes"], run.counts["worker_restarts"])
    assert 3 == len(run.fault_windows)


def test_a_fault_without_an_end_is_named_by_who_is_stuck() -> None:
    """
    A hang for ever, and a client without a time-out: the error names the fault and a way out.
    """

    @scenario("mix.stuck", users=(1,), think=None, load=LOAD, faults=(hang("llm"),))
    async def stuck(world):
        async with world.llm.openai(timeout=None) as client:

            async def request(ask):
                question = [{"role": "user", "content": "?"}]
                await client.chat.completions.create(model="m", messages=question)

            yield request

    for run in (lambda: run_scenario(stuck, 1, commit="x"), lambda: run_load(stuck, LOAD)):
        with pytest.raises(SimDeadlock, match=r"\('llm hang'\).*time-out.*for_s="):
            run()


def told(*checks) -> LoadRun:
    @scenario("mix.breaker", think=None, faults=(slow("llm", factor=2, at_s=1, for_s=1),))
    async def breaking(world):
        async def request(ask):
            world.state("breaker.llm", "closed")

        yield request

    return run_load(replace(breaking, checks=checks), LOAD)


def test_a_breaker_of_another_name_is_asked_for() -> None:
    """
    A check of a breaker that nobody told of is undecided, with the name that was meant.
    """
    run = told(
        breaker_opens("lm", within_s=1, of="llm slow"),
        breaker_closes("breaker.llm", within_s=1, of="llm slow"),
        breaker_opens("llm", within_s=1, of="llm slow"),
    )

    assert [None, None, False] == [check.passed for check in run.checks]
    for check in run.checks[:2]:
        assert "did you mean 'llm'?" in check.text
