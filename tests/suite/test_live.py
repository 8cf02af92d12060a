"""Scenarios at tier live: real Redis, real PostgreSQL, real sockets, real time."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import text

from agent_perf import World, scenario
from agent_perf.errors import UsageError
from agent_perf.records import Tier
from agent_perf.sim import constant_table
from agent_perf.sim.faults import outage
from agent_perf.suite import Request, load_catalog, run_scenario

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _services(redis_url, postgres_url, monkeypatch) -> None:
    monkeypatch.setenv("AGENT_PERF_REDIS_URL", redis_url.rpartition("/")[0])
    monkeypatch.setenv("AGENT_PERF_DATABASE_URL", postgres_url)


@scenario(
    "live.rows",
    users=(1,),
    requests=4,
    tables={"think": constant_table("think", 0.001), "tool.call": constant_table("t", 0.002)},
)
async def rows(world: World) -> AsyncIterator[Request]:
    """A little of everything."""
    world.database.prepare(
        "CREATE TABLE notes (id INTEGER PRIMARY KEY, said TEXT); INSERT INTO notes VALUES (7, 'a');"
    )
    engine = world.database.engine(pool_size=1, max_overflow=0)
    async with world.redis.client() as redis:

        async def request(ask: object) -> None:
            await redis.get("nobody")
            async with redis.pipeline(transaction=True) as pipe:
                await pipe.set("one", "1").get("one").execute()
            async with engine.begin() as connection:
                await connection.execute(
                    text("INSERT INTO notes (said) VALUES (:said)"), {"said": "x"}
                )
            await world.tool("search")

        yield request
        await engine.dispose()


def test_work_is_that_of_virtual_time() -> None:
    """What requests do is counted alike in both times, and takes as long as it was drawn at least."""
    virtual = run_scenario(rows, 1, commit="worktree")
    live = run_scenario(rows, 1, commit="worktree", tier=Tier.LIVE)

    assert dict(virtual.counts) == dict(live.counts)
    assert {"db_statements", "redis_hits", "redis_misses", "redis_trips"} <= set(live.counts)
    assert "live.rows@1~live" == live.benchmark
    assert min(live.latency_ns) >= 2_000_000
    assert not live.errors


def test_faults_are_refused_by_name() -> None:
    """A scenario whose services are to fail is told that they do not here, and the way out."""
    struck = replace(rows, faults=(outage("redis", at_s=0, for_s=1),))

    with pytest.raises(UsageError, match=r"redis outage.*tier 'client'"):
        run_scenario(struck, 1, commit="worktree", tier=Tier.LIVE)


@pytest.mark.slow
def test_an_agents_work_is_that_of_virtual_time() -> None:
    """The whole request path of an agent: calls, tokens, dollars, statements, trips and bytes."""
    chat = next(
        one for one in load_catalog("benchmarks", ROOT).scenarios if one.name == "agent.chat"
    )
    short = replace(chat, requests=10)
    virtual = run_scenario(short, 1, commit="worktree")
    live = run_scenario(short, 1, commit="worktree", tier=Tier.LIVE)

    assert dict(virtual.counts) == dict(live.counts)
    drawn_ns = {
        name: virtual.operations[name].busy_ns for name in ("llm.first_token", "llm.stream")
    }
    assert all(live.operations[name].busy_ns >= busy_ns for name, busy_ns in drawn_ns.items())
