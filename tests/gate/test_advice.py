"""Recommendations: from real runs, and only from facts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from functools import cache

import pytest
from sqlalchemy import text

from agent_perf import World, scenario
from agent_perf.gate import advise
from agent_perf.load import Ask, Request
from agent_perf.records import Advice, LevelTotal, Run
from agent_perf.sim import llm
from agent_perf.suite import run_scenario
from tests.gate.backend import GOOD, N, changed, operation
from tests.runs import make_run

ITEMS = "CREATE TABLE item (id INTEGER PRIMARY KEY, name TEXT);"
QUESTION = {"role": "user", "content": "Where is my order?"}


@scenario("shop.hasty", users=(8,), requests=80)
async def hasty(world: World) -> AsyncIterator[Request]:
    """Everything one after the other, and the connection held over the model call."""
    redis = world.redis.client()
    engine = world.database.engine(pool_size=1, max_overflow=0)
    world.database.prepare(ITEMS)
    world.llm.script(llm.text(tokens=20))
    model = world.llm.openai()

    async def request(ask: Ask) -> str:
        for name in "abcd":
            await redis.get(f"{name}{ask.request_id}")
        async with engine.connect() as connection:
            for number in range(4):
                await connection.execute(
                    text("SELECT name FROM item WHERE id = :id"), {"id": number}
                )
            await model.chat.completions.create(model="gpt-5-mini", messages=[QUESTION])
        for name in ("weather", "stock"):
            await world.tool(name)
        return "miss"

    yield request
    await engine.dispose()
    await redis.aclose()


@scenario("shop.careful", users=(8,), requests=80)
async def careful(world: World) -> AsyncIterator[Request]:
    """The same, with a pipeline, one statement, and tools side by side."""
    redis = world.redis.client()
    engine = world.database.engine(pool_size=8, max_overflow=0)
    world.database.prepare(ITEMS)
    world.llm.script(llm.text(tokens=20))
    model = world.llm.openai()

    async def request(ask: Ask) -> str:
        await redis.mget([f"{name}{ask.request_id}" for name in "abcd"])
        async with engine.connect() as connection:
            await connection.execute(text("SELECT name FROM item WHERE id IN (0, 1, 2, 3)"))
        await model.chat.completions.create(model="gpt-5-mini", messages=[QUESTION])
        await asyncio.gather(*(world.tool(name) for name in ("weather", "stock")))
        return "miss"

    yield request
    await engine.dispose()
    await redis.aclose()


@cache
def run_of(name: str) -> Run:
    return run_scenario({"hasty": hasty, "careful": careful}[name], 8, commit="worktree")


def advice_of(run: Run, base: Run | None = None) -> dict[str, Advice]:
    before = {} if base is None else {run.benchmark: replace(base, scenario=run.scenario)}
    return {one.kind: one for one in advise(before, {run.benchmark: run})}


def test_a_hasty_request_is_told_what_to_do() -> None:
    """
    A real run in which everything is done in turn gets each recommendation with its figure.
    """
    found = advice_of(run_of("hasty"))

    assert {
        "n-plus-one",
        "connection-held",
        "serial-tools",
        "cache-misses",
        "pool-waits",
        "pool-busy",
    } <= set(found)
    assert "`SELECT name FROM item WHERE id = ?` runs 4 times per request" in (
        found["n-plus-one"].fact
    )
    assert found["connection-held"].fact.startswith("100 % of model calls are made while")
    assert "2 tool calls (`weather`, `stock`) follow one another" in found["serial-tools"].fact
    assert "requests wait " in found["pool-waits"].fact
    assert 0 < found["pool-waits"].cost_ns < max(run_of("hasty").latency_ns)


def test_a_careful_request_is_left_alone() -> None:
    """
    Where none of it is done, none of it is recommended.
    """
    found = advice_of(run_of("careful"))

    assert not {
        "n-plus-one",
        "connection-held",
        "serial-tools",
        "serial-trips",
        "pool-waits",
        "batching-off",
        "connections-opened",
        "failing-requests",
        "failing-calls",
    } & set(found)


def test_what_the_base_had_too_is_not_new() -> None:
    """
    New is what the base gives no reason for; without a base nothing is.
    """
    hasty_run, careful_run = run_of("hasty"), run_of("careful")

    assert advice_of(hasty_run, careful_run)["n-plus-one"].new
    assert not advice_of(hasty_run, hasty_run)["n-plus-one"].new
    assert not advice_of(hasty_run)["n-plus-one"].new


def test_the_new_comes_first() -> None:
    """
    What a change brought stands before what was there, however weighty that is.
    """
    careful_run = run_of("careful")
    base = replace(careful_run, counts={**careful_run.counts, "redis_hits": 0})
    found = advise(
        {run_of("hasty").benchmark: replace(base, scenario="shop.hasty")},
        {run_of("hasty").benchmark: run_of("hasty")},
    )
    news = [one.new for one in found]

    assert True in news
    assert sorted(news, reverse=True) == news


@pytest.mark.parametrize(
    ("run", "kind", "fact"),
    [
        (
            changed({"events": 5000, "event_requests": 5000}),
            "batching-off",
            "5 events per request leave in 5 deliveries",
        ),
        (
            changed({"redis_hits": 1000, "redis_misses": 1000}),
            "cache-misses",
            (
                "Redis has 50 % of what it is asked for (1,000 of 2,000 lookups), where 80 % is "
                "the aim; a miss takes 60 ms, a hit 60 ms"
            ),
        ),
        (
            changed({"http_connects": 900}, operations={"http.connect": operation(900, 10)}),
            "connections-opened",
            "0.9 HTTP connections are opened per request, 9 ms per request",
        ),
        (
            changed({"llm_tokens_in": 380 * 2000}),
            "prompt-not-cached",
            "a model call sends 2,000 prompt tokens, of which 0 % come from the provider's cache",
        ),
        (
            changed({"http_errors": 90}, {"http_errors:POST api": 90}),
            "failing-calls",
            "90 HTTP requests that fail in 1,000 requests, most of them `POST api`",
        ),
        (
            changed({"http_errors": 90}, {"http_errors:GET a": 40, "http_errors:GET b": 30}),
            "failing-calls",
            "90 HTTP requests that fail in 1,000 requests, most often `GET a`",
        ),
        (
            changed(errors={1: "timeout", 2: "timeout", 3: "refused"}),
            "failing-requests",
            "3 of 1,000 requests fail (2 timeout, 1 refused)",
        ),
        (
            changed(targets={"latency.p95": 0.064}),
            "tight-target",
            "`latency.p95` is 60 ms of 64 ms allowed, 6.2 % to spare",
        ),
        (
            changed(operations={"llm.first_token": operation(N, 20)}),
            "one-dominates",
            "71.3 % of what requests wait for is the model: 43 ms of 60 ms",
        ),
        (
            changed(levels={"db_in_use": LevelTotal(peak=9, held_ns=60, length_ns=10, most=10)}),
            "pool-busy",
            "of 10 database connections 60 % are in use on average, 9 at most",
        ),
    ],
)
def test_a_fact_and_its_advice(run: Run, kind: str, fact: str) -> None:
    """
    Each rule tells the fact with its figure.
    """
    assert fact == advice_of(run)[kind].fact


@pytest.mark.parametrize(
    ("run", "kind"),
    [
        (GOOD, "batching-off"),
        (GOOD, "cache-misses"),
        (GOOD, "prompt-not-cached"),
        (GOOD, "tight-target"),
        (changed({"http_connects": 50}, users=50), "connections-opened"),
        (changed({"llm_tokens_in": 760_000, "llm_tokens_cached": 600_000}), "prompt-not-cached"),
        (changed(targets={"latency.p95": 0.050}), "tight-target"),
        (changed(targets={"latency.p95": 0.120}), "tight-target"),
        (
            changed(levels={"db_in_use": LevelTotal(peak=60, held_ns=600, length_ns=10)}),
            "pool-busy",
        ),
        (changed({"redis_hits": 1, "redis_misses": 9}), "cache-misses"),
    ],
)
def test_no_fact_no_advice(run: Run, kind: str) -> None:
    """
    What is as it should be, or missed already, or too little to tell, gets no advice.
    """
    assert kind not in advice_of(run)


def test_loads_of_a_scenario_share_advice() -> None:
    """
    The loads of a scenario are one recommendation, in the words of the one that it costs most.
    """
    few, many = (
        replace(
            GOOD,
            users=users,
            operations={**GOOD.operations, "db.wait": operation(100, each_ms)},
        )
        for users, each_ms in ((1, 10), (200, 90))
    )
    (one,) = (
        one
        for one in advise({}, {run.benchmark: run for run in (few, many)})
        if one.kind == "pool-waits"
    )

    assert (many.benchmark, few.benchmark) == one.benchmarks
    assert "9 ms per request on average" in one.fact


def test_a_run_without_requests_says_nothing() -> None:
    """
    Nothing follows from nothing.
    """
    assert () == advise({}, {"a@1": make_run(latency_ns=(), path=())})
