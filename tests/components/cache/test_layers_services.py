from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from agent_perf.components import DiskCache, Layers, MemoryCache, RedisStore, Serializer
from agent_perf.components.errors import StoreUnavailableError
from tests.services.servers import RedisServer

pytestmark = pytest.mark.services


def test_three_layers_over_a_redis_that_dies(tmp_path: Path) -> None:
    """
    Memory, disk and a real Redis: killed, the upper two go on and removals are refused;
    started again, it is written and copied from again.
    """

    async def main() -> None:
        async with RedisServer() as server:
            client = Redis.from_url(server.url, retry=Retry(NoBackoff(), 0), socket_timeout=1)
            store = RedisStore(client, namespace="layers", kind=str)
            near: MemoryCache[str] = MemoryCache()
            disk: DiskCache[str] = DiskCache(tmp_path / "d.db", serializer=Serializer(str))
            layers: Layers[str] = Layers({"memory": near, "disk": disk, "redis": store})

            assert await layers.set("key", "value", ttl_s=60)
            near.clear()
            await disk.clear()
            assert "value" == await layers.get("key")
            assert "value" == await disk.get("key")
            assert "value" == near.get("key")

            await server.kill()
            near.clear()
            assert "value" == await layers.get("key")
            assert await layers.get("other") is None
            assert not await layers.set("other", "value")
            assert "value" == await layers.get("other")
            assert not layers.layer_stats()["redis"].is_up
            with pytest.raises(StoreUnavailableError, match="redis is down"):
                await layers.delete("key")
            assert (None, None) == (near.get("key"), await disk.get("key"))

            await server.restart()
            for _ in range(100):
                if await layers.set("again", "value"):
                    break
                await asyncio.sleep(0.05)
            assert layers.layer_stats()["redis"].is_up
            await layers.delete("again")
            assert await store.get("again") is None
            await disk.aclose()
            await client.aclose()

    asyncio.run(main())
