"""Redis clients that a program makes itself."""

from __future__ import annotations

import redis.asyncio as redis

from agent_perf.records import Tier
from tests.sim.egress.worlds import measured

plain = redis.from_url("redis://cache.internal:6379/1")
encrypted = redis.from_url("rediss://:secret@cache.example:6380/0")
local = redis.Redis(unix_socket_path="/run/redis.sock")
limited = redis.Redis(
    connection_pool=redis.BlockingConnectionPool.from_url("redis://cache", max_connections=1)
)


async def _each(world):
    for client in (plain, encrypted, local, limited):
        await client.set("k", "v")
        assert b"v" == await client.get("k")


def test_every_url_leads_to_the_worlds_server() -> None:
    """Plain, encrypted, by a path, pooled; at both tiers, again and again in one process."""
    first, second = measured(_each), measured(_each)
    wire = measured(_each, tier=Tier.WIRE)

    assert ({}, {}, {}) == (first.errors, second.errors, wire.errors)
    assert first.trace_digest == second.trace_digest
    assert 8 == first.most["redis_trips"] == wire.most["redis_trips"]


def test_the_programs_own_pool_is_the_limit() -> None:
    """Users share the one connection of its pool."""

    async def request(world):
        await limited.get("k")

    run = measured(request, users=3)

    assert {} == run.errors
    assert "redis_connects" not in run.counts
