"""Faults of scenarios on tier live: proxies before a real Redis and a real PostgreSQL."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from sqlalchemy import text

from agent_perf import World, scenario
from agent_perf.load import Poisson
from agent_perf.records import Tier
from agent_perf.sim.faults import outage, reset, slow
from agent_perf.suite import Request, goodput_at_least, recovers_within, run_load

pytestmark = [pytest.mark.slow, pytest.mark.services]


@pytest.fixture(autouse=True)
def _services(redis_url, postgres_url, monkeypatch) -> None:
    monkeypatch.setenv("AGENT_PERF_REDIS_URL", redis_url.rpartition("/")[0])
    monkeypatch.setenv("AGENT_PERF_DATABASE_URL", postgres_url)


@scenario(
    "live.broken",
    load=Poisson(rate_hz=40, for_s=9),
    faults=(
        outage("redis", at_s=1, for_s=0.5),
        reset("database", at_s=4, for_s=0.2),
        slow("redis", added_s=0.2, at_s=7, for_s=0.5),
    ),
    checks=(
        recovers_within("redis outage", 2.0),
        recovers_within("database reset", 2.0),
        goodput_at_least(0.9, during="redis slow"),
    ),
)
async def broken(world: World) -> AsyncIterator[Request]:
    """Needs both services."""
    engine = world.database.engine(pool_size=5)
    async with world.redis.client() as redis:

        async def request(ask: object) -> str:
            async with engine.connect() as connection:
                await connection.execute(text("SELECT 1"))
            await redis.get("nobody")
            return "asked"

        yield request
        await engine.dispose()


def test_the_same_scenario_is_broken_for_real() -> None:
    """
    Redis is away for half a second, the database's connections are reset, Redis is slow: in
    these times, and in no others, requests fail or are late, and the checks are judged.
    """
    run = run_load(broken, broken.load, tier=Tier.LIVE)

    assert ["redis outage", "database reset", "redis slow"] == [
        one.name for one in run.fault_windows
    ]
    assert run.counts["faults"] >= 3
    bucket_ns = run.timeline.bucket_ns
    struck = [one.start_ns for one in run.fault_windows]
    failed_ns = [index * bucket_ns for index, one in enumerate(run.timeline.buckets) if one.errors]
    assert failed_ns
    # What the outage began may end later, on a busy machine; nothing fails before it.
    assert struck[0] - bucket_ns <= min(failed_ns)
    late_ns = max(
        one.latency.p95_ns
        for index, one in enumerate(run.timeline.buckets)
        if 7_000_000_000 <= index * bucket_ns < 7_600_000_000
    )
    assert late_ns >= 200_000_000
    assert {
        "check.recovery.redis_outage",
        "check.recovery.database_reset",
        "check.goodput.redis_slow",
    } == {one.name for one in run.checks}
