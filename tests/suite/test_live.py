"""Scenarios at tier live: real Redis, real PostgreSQL, real sockets, real time."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import asyncpg
import pytest
import redis
from sqlalchemy import text

from agent_perf import World, scenario
from agent_perf.errors import AgentPerfError, UsageError
from agent_perf.records import Tier
from agent_perf.sim import constant_table
from agent_perf.sim.faults import errors
from agent_perf.suite import Request, load_catalog, run_scenario
from tests.suite import live_shop

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
    async with world.redis.client() as cache:

        async def request(ask: object) -> None:
            await cache.get("nobody")
            async with cache.pipeline(transaction=True) as pipe:
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
    """A fault that cannot be done to a real service is refused by its name, with the way out."""
    struck = replace(rows, faults=(errors("redis", at_s=0, for_s=1),))

    with pytest.raises(UsageError, match=r"redis errors.*tier 'client'"):
        run_scenario(struck, 1, commit="worktree", tier=Tier.LIVE)


@pytest.mark.slow
def test_an_application_is_led_to_the_worlds_services() -> None:
    """An app that wants hosts of its own is served on loopback, and reaches the world's instead."""
    virtual = run_scenario(live_shop.ask, 1, commit="worktree")
    live_shop.seen.clear()
    live = run_scenario(live_shop.ask, 1, commit="worktree", tier=Tier.LIVE)

    assert not live.errors
    assert {"127.0.0.1 app.sim"} == set(live_shop.seen)
    uncounted = {"redis_commands", "redis_connects", "redis_trips", "bytes_sent", "bytes_received"}
    assert {name: n for name, n in virtual.counts.items() if name not in uncounted} == {
        name: n for name, n in live.counts.items() if name not in uncounted
    }
    # Its clients are its own again, and know nothing of where they were.
    assert "cache.internal" == live_shop.cache.connection_pool.connection_kwargs["host"]
    assert "db.internal" in str(live_shop.engine.url)


def test_who_cannot_be_reached_is_named(monkeypatch) -> None:
    """A Redis that does not answer is told with its address, without its password, and the way out."""
    monkeypatch.setenv("AGENT_PERF_REDIS_URL", "redis://me:geheim@127.0.0.1:1/3")

    with pytest.raises(AgentPerfError, match=r"redis://127\.0\.0\.1:1/3.*--redis-url") as caught:
        run_scenario(rows, 1, commit="worktree", tier=Tier.LIVE)
    assert "geheim" not in str(caught.value)


def test_a_database_of_redis_that_is_somebodys_is_left_alone(monkeypatch, redis_url) -> None:
    """A logical database that holds keys is neither used nor emptied."""
    server = redis_url.rpartition("/")[0]
    monkeypatch.setenv("AGENT_PERF_REDIS_URL", f"{server}/11")
    with redis.Redis.from_url(f"{server}/11") as client:
        client.set("mine", "x", ex=60)
        try:
            with pytest.raises(UsageError, match="database 11 holds keys"):
                run_scenario(rows, 1, commit="worktree", tier=Tier.LIVE)
            assert b"x" == client.get("mine")
        finally:
            client.delete("mine")


def test_the_database_of_an_urls_query_is_the_one(monkeypatch, redis_url) -> None:
    """A database that is named in the query is guarded as one in the path is."""
    server = redis_url.rpartition("/")[0]
    monkeypatch.setenv("AGENT_PERF_REDIS_URL", f"{server}?db=10")
    with redis.Redis.from_url(f"{server}/10") as client:
        client.set("mine", "x", ex=60)
        try:
            with pytest.raises(UsageError, match="database 10 holds keys"):
                run_scenario(rows, 1, commit="worktree", tier=Tier.LIVE)
            assert b"x" == client.get("mine")
        finally:
            client.delete("mine")


@pytest.mark.parametrize(
    ("variable", "url", "names"),
    [
        ("AGENT_PERF_REDIS_URL", "/abc", "'abc' is no database's number"),
        ("AGENT_PERF_REDIS_URL", "/-1", "'-1' is no database's number|out of range"),
        ("AGENT_PERF_REDIS_URL", "/3?db=x", "'db'"),
        ("AGENT_PERF_DATABASE_URL", "?sslmode=bogus", "sslmode.*--database-url"),
    ],
)
def test_odd_addresses_are_refused(
    variable, url, names, monkeypatch, redis_url, postgres_url
) -> None:
    """A URL that nobody can follow is an error of whoever wrote it, told by what is odd."""
    is_redis = variable == "AGENT_PERF_REDIS_URL"
    begin = redis_url.rpartition("/")[0] if is_redis else postgres_url
    monkeypatch.setenv(variable, f"{begin}{url}")

    with pytest.raises(AgentPerfError, match=names):
        run_scenario(rows, 1, commit="worktree", tier=Tier.LIVE)


def _left(postgres_url: str) -> list[str]:
    async def names() -> list[str]:
        connection = await asyncpg.connect(postgres_url)
        try:
            rows = await connection.fetch("SELECT datname FROM pg_database")
        finally:
            await connection.close()
        return [row["datname"] for row in rows]

    return asyncio.run(names())


@pytest.mark.slow
@pytest.mark.parametrize("signal_name", ["SIGINT", "SIGKILL"])
def test_an_interrupted_run_leaves_nothing(signal_name, tmp_path, postgres_url, redis_url) -> None:
    """After Ctrl-C its database and keys are gone; after a kill -9 with the next run."""
    started = tmp_path / "started"
    run = (
        "from agent_perf.suite import run_scenario; from agent_perf.records import Tier;"
        "from tests.suite import live_shop;"
        "run_scenario(live_shop.endless, 1, commit='worktree', tier=Tier.LIVE)"
    )
    environ = os.environ | {"SHOP_STARTED": str(started)}
    process = subprocess.Popen(
        [sys.executable, "-c", run], cwd=ROOT, env=environ, stderr=subprocess.DEVNULL
    )
    try:
        while not started.exists():
            assert process.poll() is None
            time.sleep(0.05)
        database_url, own_redis_url = started.read_text().split()
        database = database_url.rpartition("/")[2]
        assert database in _left(postgres_url)
        process.send_signal(getattr(signal, signal_name))
        process.wait(30)
    finally:
        process.kill()
        process.wait()
    if signal_name == "SIGKILL":
        assert database in _left(postgres_url)
        # The server notices that its clients are gone.
        time.sleep(1)
        run_scenario(rows, 1, commit="worktree", tier=Tier.LIVE)

    assert database not in _left(postgres_url)
    with redis.Redis.from_url(own_redis_url) as client:
        assert 0 == client.dbsize()


@pytest.mark.slow
def test_an_agents_work_is_that_of_virtual_time() -> None:
    """The whole request path of an agent: calls, tokens, dollars, statements, trips and bytes."""
    chat = next(
        one for one in load_catalog("benchmarks", ROOT).scenarios if one.name == "agent.chat"
    )
    short = replace(chat, requests=10)
    virtual = run_scenario(short, 1, commit="worktree")
    live = run_scenario(short, 1, commit="worktree", tier=Tier.LIVE)

    # How many events share a delivery follows from when they come.
    timed = {"event_requests", "http_requests", "bytes_sent", "bytes_received"}
    assert {name: n for name, n in virtual.counts.items() if name not in timed} == {
        name: n for name, n in live.counts.items() if name not in timed
    }
    drawn_ns = {
        name: virtual.operations[name].busy_ns for name in ("llm.first_token", "llm.stream")
    }
    assert all(live.operations[name].busy_ns >= busy_ns for name, busy_ns in drawn_ns.items())
