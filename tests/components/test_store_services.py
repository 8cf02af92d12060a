"""A store in a real Redis."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import redis.asyncio
import redis.exceptions
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from agent_perf.components import RedisStore


@asynccontextmanager
async def real_store() -> AsyncIterator[tuple[RedisStore[str], redis.asyncio.Redis]]:
    """Give a store in the real Redis, under a namespace of its own, and clean up."""
    client = redis.asyncio.Redis(socket_connect_timeout=0.5, retry=Retry(NoBackoff(), 0))
    namespace = f"agent-perf-{uuid.uuid4().hex}"
    try:
        await client.ping()
    except redis.exceptions.ConnectionError as error:
        await client.aclose()
        pytest.skip(f"no Redis at 127.0.0.1:6379: {error}")
    try:
        yield RedisStore(client, namespace=namespace, kind=str, ttl_s=60), client
    finally:
        for pattern in (f"{namespace}:*", f"{namespace}#*"):
            names = [name async for name in client.scan_iter(match=pattern, count=1000)]
            if names:
                await client.unlink(*names)
        await client.aclose()


@pytest.mark.services
def test_real_redis_serves() -> None:
    """
    On a real Redis values, tags, patterns and times to live work as on the simulated one.
    """

    async def main() -> None:
        async with real_store() as (store, client):
            long = "x" * 5000
            assert await store.set("long", long, tags=["t"])
            assert await store.mset({"user-1": "1", "user-2": None})
            assert {"long": long, "user-1": "1", "user-2": None} == await store.mget(
                ["long", "user-1", "user-2", "other"]
            )
            name = (await client.keys("*:user-1"))[0].decode()
            assert 59_000 < await client.pttl(name) <= 60_000
            await store.invalidate_tag("t")
            assert None is await store.get("long")
            assert 2 == await store.invalidate("user-*")
            assert "new" == await store.get_or_set(
                "long", lambda: asyncio.sleep(0, "new"), tags=["t"]
            )
            assert "new" == await store.get("long")
            assert 1 == await store.delete("long")

    asyncio.run(main())


@pytest.mark.services
def test_real_redis_survives_cancelled_readers() -> None:
    """
    Readers cancelled in mid-answer do not hand their answers to those who come after.
    """

    async def main() -> None:
        async with real_store() as (store, _):
            keys = [f"key-{number}" for number in range(20)]
            await store.mset({key: key * 200 for key in keys})
            for _ in range(20):
                readers = [asyncio.create_task(store.get(key)) for key in keys]
                await asyncio.sleep(0)
                for reader in readers[::2]:
                    reader.cancel()
                await asyncio.gather(*readers, return_exceptions=True)
            for key in keys:
                assert key * 200 == await store.get(key)

    asyncio.run(main())
