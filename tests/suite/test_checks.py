from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Any

import pytest
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from agent_perf import Scenario, World, scenario
from agent_perf.cli.fault_text import fault_lines
from agent_perf.codec import dump_run, load_run
from agent_perf.components import CircuitBreaker, RedisStore, RetryPolicy, call_with_retries
from agent_perf.errors import ConfigError
from agent_perf.gate import judge, make_policy
from agent_perf.load import Constant
from agent_perf.records import Outcome, Run, StateChange
from agent_perf.sim import Reply, SimRequest, constant_table
from agent_perf.sim.faults import Fault, drop_first, errors, hang, outage
from agent_perf.stats import steady_state
from agent_perf.suite import (
    Check,
    Request,
    breaker_closes,
    breaker_opens,
    goodput_at_least,
    recovers_within,
    run_load,
    run_scenario,
)

S = 1_000_000_000
TABLES = {
    name: constant_table(name, seconds)
    for name, seconds in {
        "http.request": 0.010,
        "http.connect": 0.001,
        "redis.trip": 0.001,
        "redis.connect": 0.001,
    }.items()
}


def rates(*faults: Fault, checks: tuple[Check, ...] = ()) -> Run:
    return run_scenario(shop_rates(*faults, checks=checks), 1, commit="worktree")


def shop_rates(*faults: Fault, checks: tuple[Check, ...]) -> Scenario:
    """
    Ask a service for rates ten times a second, through a breaker that stays open for 1 s.
    """

    @scenario(
        "shop.rates",
        users=(1,),
        think=None,
        load=Constant(rate_hz=10, for_s=12),
        tables=TABLES,
        faults=faults,
        checks=checks,
    )
    async def build(world: World) -> AsyncIterator[Request]:
        async def answer(_: SimRequest) -> Reply:
            await world.sleep("http.request")
            return Reply()

        world.http.mount("rates.sim", answer)
        http = world.http.client()
        breaker = CircuitBreaker(
            failures_max=3, open_s=1, on_change=partial(world.state, "breaker.rates")
        )

        async def request(_: Any) -> None:
            response = await breaker.call(lambda: http.get("http://rates.sim/usd"))
            response.raise_for_status()

        yield request
        await http.aclose()

    return build


def test_the_breaker_opens_and_closes_at_exact_instants() -> None:
    """
    Three refused calls open it; a probe each second fails until the outage is over.
    """
    run = rates(outage("rates.sim", at_s=2, for_s=2.55))

    assert [
        (2.2, "open"),
        (3.2, "half-open"),
        (3.2, "open"),
        (4.2, "half-open"),
        (4.2, "open"),
        (5.2, "half-open"),
        (5.211, "closed"),
    ] == [(change.at_ns / S, change.state) for change in run.states]
    # The first attempt after the begin finds the idle connection closed; all are refused.
    assert {"CircuitOpenError", "ConnectError"} == set(run.errors.values())
    assert 5 == sum(error == "ConnectError" for error in run.errors.values())


def test_checks_pass_and_fail_with_what_was_seen() -> None:
    """
    An outage from 2 to 4.55 s: open after 0.2 s, closed 0.661 s after its end, and goodput
    back in the bucket after that.
    """
    run = rates(
        outage("rates.sim", at_s=2, for_s=2.55),
        checks=(
            recovers_within("rates.sim outage", 1.0),
            recovers_within("rates.sim outage", 0.5),
            goodput_at_least(0.5, during="rates.sim outage"),
            goodput_at_least(0.9, after="rates.sim outage"),
            breaker_opens("rates", within_s=0.2, of="rates.sim outage"),
            breaker_opens("rates", within_s=0.1, of="rates.sim outage"),
            breaker_closes("rates", within_s=0.7, of="rates.sim outage"),
            breaker_closes("other", within_s=0.7, of="rates.sim outage"),
        ),
    )

    assert [True, False, False, True, True, False, True, None] == [
        check.passed for check in run.checks
    ]
    assert 0.2 == run.checks[4].observed
    assert 0.661 == run.checks[6].observed
    assert run == load_run(dump_run(run), "here")


def test_a_broken_promise_fails_the_gate() -> None:
    """
    A failed check is a breach with its numbers, and one line; an untold one is undecided.
    """
    failing = rates(
        outage("rates.sim", at_s=2, for_s=1), checks=(recovers_within("rates.sim outage", 0.1),)
    )
    untold = rates(
        outage("rates.sim", at_s=2, for_s=60), checks=(recovers_within("rates.sim outage", 0.1),)
    )

    decision = judged(failing)
    assert Outcome.FAIL is decision.outcome
    assert [("check.recovery.rates.sim_outage", 0.1)] == [
        (breach.metric, breach.limit) for breach in decision.breaches
    ]
    assert decision.lines[0].startswith(
        "FAIL shop.rates@1 check.recovery.rates.sim_outage observed="
    )
    assert Outcome.UNDECIDED is judged(untold).outcome


def test_a_load_judges_its_checks_too() -> None:
    """
    Taken down in bounded memory, a load has the same windows, states and verdicts.
    """
    faults = (outage("rates.sim", at_s=2, for_s=2.55),)
    checks = (
        recovers_within("rates.sim outage", 1.0),
        breaker_opens("rates", within_s=0.1, of="rates.sim outage"),
    )
    run = rates(*faults, checks=checks)
    load = run_load(shop_rates(*faults, checks=checks), Constant(rate_hz=10, for_s=12), users=1)

    assert (run.fault_windows, run.states, run.checks) == (
        load.fault_windows,
        load.states,
        load.checks,
    )
    errors = "CircuitOpenError 21, ConnectError 5"
    assert [
        f"  rates.sim outage: 2 s to 4.55 s, {errors}; goodput 0 % of before, back within 637.5 ms",
        "  breaker.rates: closed once, 6.699 s in all",
        "  breaker.rates: half-open 3 times, 11 ms in all",
        "  breaker.rates: open 3 times, 3 s in all",
    ] == list(fault_lines(load))[:4]
    # What is not kept is a line of the load's verdict.
    assert ["PASS"] == [line.split()[0] for line in list(fault_lines(load))[4:]]


def test_a_coarse_timeline_does_not_tell() -> None:
    """
    In steps of 2 s nobody can say that goodput was back within half a second, or was not.
    """
    scenario = shop_rates(
        outage("rates.sim", at_s=2.2, for_s=0.3),
        checks=(recovers_within("rates.sim outage", 0.5), recovers_within("rates.sim outage", 4)),
    )
    load = run_load(scenario, Constant(rate_hz=10, for_s=24), users=1, bucket_s=2)

    assert [None, True] == [check.passed for check in load.checks]


def judged(run: Run) -> Any:
    return judge(
        [run], [run], (), (), make_policy({}, {}), base_label="a" * 40, head_label="b" * 40
    )


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: recovers_within("rates.sim outage", 0), "greater than 0"),
        (lambda: recovers_within("rates.sim outage", float("nan")), "greater than 0"),
        (lambda: goodput_at_least(1.5, during="rates.sim outage"), "at most 1"),
        (lambda: goodput_at_least(0.5), "want either"),
        (
            lambda: rates(outage("rates.sim"), checks=(recovers_within("rates.sim outtage", 1),)),
            "did you mean 'rates.sim outage'",
        ),
    ],
)
def test_impossible_checks_are_refused(make: Callable[[], object], message: str) -> None:
    """
    A promise that cannot be kept, or is about nothing, is a ConfigError that says which.
    """
    with pytest.raises(ConfigError, match=message):
        make()


def test_the_store_serves_without_redis() -> None:
    """
    With RedisStore an outage of Redis costs no answer; its breaker opens and closes again.
    """

    @scenario(
        "shop.cached",
        users=(1,),
        think=None,
        load=Constant(rate_hz=20, for_s=6),
        tables=TABLES,
        faults=(outage("redis", at_s=2, for_s=1), hang("redis", at_s=4, for_s=0.5)),
        checks=(
            goodput_at_least(1.0, during="redis outage"),
            goodput_at_least(1.0, during="redis hang"),
            breaker_opens("redis", within_s=0.21, of="redis outage"),
            breaker_closes("redis", within_s=1.3, of="redis outage"),
        ),
    )
    async def cached(world: World) -> AsyncIterator[Request]:
        client = world.redis.client(retry=Retry(NoBackoff(), 0))
        store = RedisStore(
            client,
            namespace="answers",
            kind=str,
            timeout_s=0.05,
            on_change=partial(world.state, "breaker.redis"),
        )

        async def request(ask: Any) -> None:
            await store.get_or_set(f"q-{ask.request_id % 5}", lambda: asyncio.sleep(0.01, "answer"))

        yield request
        await client.aclose()

    run = run_scenario(cached, 1, commit="worktree")

    assert {} == run.errors
    assert [True] * 4 == [check.passed for check in run.checks]
    assert "open" == run.states[0].state
    assert StateChange(at_ns=2_200_000_000, name="breaker.redis", state="open") == run.states[0]
    effects = steady_state(run.timeline, run.fault_windows, states=run.states).windows
    assert [1.0, 1.0] == [effect.during_ratio for effect in effects]


def test_retries_hide_what_is_dropped() -> None:
    """
    With three attempts no user sees that two requests are dropped, and the waits are told.
    """

    @scenario(
        "shop.retried",
        users=(1,),
        think=None,
        load=Constant(rate_hz=10, for_s=2),
        tables=TABLES,
        faults=(drop_first("rates.sim", 2), errors("rates.sim", status=503, at_s=10)),
    )
    async def retried(world: World) -> AsyncIterator[Request]:
        async def answer(_: SimRequest) -> Reply:
            await world.sleep("http.request")
            return Reply()

        world.http.mount("rates.sim", answer)
        http = world.http.client()
        policy = RetryPolicy(wait_s_first=0.05, jitter_s_max=0)

        async def request(_: Any) -> None:
            await call_with_retries(
                lambda: http.get("http://rates.sim/usd"), on=Exception, policy=policy
            )

        yield request
        await http.aclose()

    run = run_scenario(retried, 1, commit="worktree")

    assert {} == run.errors
    assert {"faults:drop_first rates.sim": 2} == {
        name: amount for name, amount in run.details.items() if name.startswith("faults:")
    }
    # Fail, wait 50 ms, connect, fail, wait 100 ms, and find the connection that the second
    # user has opened meanwhile.
    assert [50 + 1 + 100 + 10, 1 + 10, 10] == [ns / 1e6 for ns in run.latency_ns[:3]]
    assert 2 == run.counts["http_connects"]
