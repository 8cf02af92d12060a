"""
Faults strike the stubs as they strike the services behind the real clients.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from sqlalchemy import text

from agent_perf import World, scenario
from agent_perf.load import Constant
from agent_perf.records import Tier
from agent_perf.sim import llm
from agent_perf.sim.faults import Fault, drop_first, errors, hang, outage, partition, reset, slow
from agent_perf.suite import Ask, Request, run_scenario

WHEN = {"at_s": 0.5, "for_s": 1.0}
FAULTS = (
    outage("redis", **WHEN),
    reset("redis", probability=0.5, **WHEN),
    hang("redis", **WHEN),
    slow("redis", factor=3, added_s=0.1, **WHEN),
    errors("redis", ratio=0.5, message="LOADING Redis is loading", **WHEN),
    errors("redis", ratio=0.5, message="out of luck", **WHEN),
    partition("app", "redis", **WHEN),
    drop_first("redis", 3, at_s=0.5),
    outage("database", **WHEN),
    reset("database", probability=0.5, **WHEN),
    hang("database", **WHEN),
    slow("database", added_s=0.1, **WHEN),
    errors("database", ratio=0.5, message="disk full", **WHEN),
    outage("llm", **WHEN),
    errors("llm", ratio=0.5, status=429, retry_after_s=0.2, **WHEN),
    hang("llm", operation="llm.token", **WHEN),
    reset("llm", probability=0.5, **WHEN),
)


@scenario("stubs.faults", users=(1,), load=Constant(rate_hz=10, for_s=2))
async def service(world: World) -> AsyncIterator[Request]:
    world.database.prepare("CREATE TABLE t (id INTEGER PRIMARY KEY)")
    world.llm.script(llm.text(tokens=12))
    engine = world.database.engine(pool_size=2, max_overflow=2, pool_timeout=0.4)
    async with (
        world.redis.client(max_connections=3, timeout=0.3, socket_timeout=0.15) as redis,
        world.llm.openai(max_retries=1, timeout=0.8) as client,
    ):

        async def request(ask: Ask) -> str:
            if ask.request_id % 3 == 0:
                async with redis.pipeline() as pipeline:
                    await pipeline.incr("n").get("n").execute()
            await redis.get("n")
            async with engine.begin() as connection:
                await connection.execute(text("INSERT INTO t DEFAULT VALUES"))
            stream = await client.chat.completions.create(
                model="gpt-4o", messages=[{"role": "user", "content": "?"}], stream=True
            )
            words = [chunk.choices[0].delta.content or "" async for chunk in stream]
            return f"{len(words)} pieces"

        yield request
    await engine.dispose()


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{fault.service}-{fault.kind.value}")
def test_faults_agree(fault: Fault) -> None:
    """
    Under each kind of fault requests take as long, fail alike, and do the same work.
    """
    struck = replace(service, faults=(fault,))

    client = run_scenario(struck, 1, commit="worktree", tier=Tier.CLIENT)
    stub = run_scenario(struck, 1, commit="worktree", tier=Tier.STUB)

    assert client.errors == stub.errors
    assert client.latency_ns == stub.latency_ns
    assert client.path == stub.path
    assert client.counts == stub.counts
    assert client.counts.get("faults", 0) > 0
