"""A backend over a real Redis and a real PostgreSQL, which go away and come back."""

from __future__ import annotations

import asyncio
import uuid
from urllib.parse import urlsplit

import pytest
import redis.asyncio
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from agent_perf.components import (
    Backend,
    BackendHealth,
    BackendStartError,
    Database,
    EventBatcher,
    FlushPolicy,
    Health,
    RedisStore,
)
from tests.components.events.publishing import Service
from tests.services.addresses import free_port
from tests.services.proxy import Proxy
from tests.services.servers import RedisServer

pytestmark = pytest.mark.services


class Shop:
    """A backend over Redis at *redis_url* and PostgreSQL at *postgres_url*."""

    def __init__(self, redis_url: str, postgres_url: str) -> None:
        self.client = redis.asyncio.from_url(
            redis_url, retry=Retry(NoBackoff(), 0), socket_connect_timeout=2.0
        )
        self.store = RedisStore(
            self.client, namespace=f"agent-perf-{uuid.uuid4().hex}", kind=str, ttl_s=60
        )
        self.database = Database.connect(
            postgres_url.replace("postgresql://", "postgresql+asyncpg://")
        )
        self.service = Service(latency_s=0.05)
        self.events = EventBatcher(self.service, policy=FlushPolicy(delay_s_max=60.0))
        self.backend = Backend(restart_s_first=0.05, health_ttl_s=0.0, health_timeout_s=10.0)
        self.backend.part(
            "redis",
            start=self.client.ping,
            stop=self.client.aclose,
            health=self._redis_health,
            stats=self.store.stats,
            critical=False,
        )
        self.backend.part(
            "database",
            start=lambda: self.database.read("SELECT 1"),
            stop=self.database.aclose,
            health=lambda: self.database.health(timeout_s=10.0),
        )
        self.backend.part("events", stop=self.events.aclose, needs=("database",))

    async def until(self, *, redis_up: bool) -> BackendHealth:
        async with asyncio.timeout(20):
            health = await self.backend.health()
            while health.parts["redis"].is_up is not redis_up:
                await asyncio.sleep(0.02)
                health = await self.backend.health()
        return health

    async def _redis_health(self) -> Health:
        await self.client.ping()
        return Health(is_up=True, latency_s=0.0)


def test_redis_comes_later_goes_and_comes_back(postgres_url: str) -> None:
    """
    Ready without Redis; up when it is started; degraded and ready while it is gone; and at
    the end every event is delivered.
    """

    async def main() -> list[object]:
        server = RedisServer()
        async with server:
            await server.stop()
            shop = Shop(server.url, postgres_url)
            async with shop.backend:
                seen: list[object] = [(await shop.backend.health()).is_ready]
                shop.events.publish("chat-1", "one", None)
                await server.start()
                await shop.until(redis_up=True)
                seen += [await shop.store.set("a", "b"), await shop.store.get("a")]
                await server.kill()
                health = await shop.until(redis_up=False)
                seen += [health.is_ready, health.down]
                await server.start()
                await shop.until(redis_up=True)
                shop.events.publish("chat-1", "two", None)
            return [*seen, shop.service.delivered]

    assert [True, True, "b", True, ("redis",), ["one", "two"]] == asyncio.run(main())


def test_postgresql_is_lost_in_the_middle(redis_url: str, postgres_url: str) -> None:
    """
    Connections are cut and new ones refused: live and not ready. Healed, it is ready again
    without anybody's doing, and a stop while events wait delivers them.
    """
    parts = urlsplit(postgres_url)

    async def main() -> list[object]:
        async with Proxy(parts.hostname or "127.0.0.1", parts.port or 5432) as proxy:
            place = f"{parts.username or 'root'}@127.0.0.1:{proxy.port}"
            shop = Shop(redis_url, parts._replace(netloc=place).geturl())
            async with shop.backend:
                seen: list[object] = [(await shop.backend.health()).is_ready]
                proxy.refuse()
                health = await shop.backend.health()
                seen += [health.is_live, health.is_ready, health.down]
                proxy.heal()
                seen.append((await shop.backend.health()).is_ready)
                shop.events.publish("chat-1", "one", None)
            return [*seen, shop.service.delivered]

    assert [True, True, False, ("database",), True, ["one"]] == asyncio.run(main())


def test_no_postgresql_is_no_backend(redis_url: str) -> None:
    """
    Where nobody listens the start fails with the driver's reason, and all is closed.
    """

    async def main() -> dict[str, bool]:
        shop = Shop(redis_url, f"postgresql://127.0.0.1:{free_port()}/test")
        with pytest.raises(BackendStartError, match="database: "):
            await shop.backend.start()
        await shop.database.aclose()
        return dict(shop.backend.stats().up)

    assert {"redis": False, "database": False, "events": False} == asyncio.run(main())
