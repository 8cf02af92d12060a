"""A backend of the real components, in simulated services that go wrong."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from agent_perf.components import (
    Agent,
    Backend,
    BackendStartError,
    Database,
    EventBatcher,
    FlushPolicy,
    Health,
    MemoryCache,
    Message,
    Metrics,
    Question,
    RedisStore,
    Talker,
    prometheus_text,
)
from agent_perf.sim import SimDatabase, SimLoop, SimRedis, simulate
from agent_perf.sim.faults import Fault, FaultSchedule, outage
from tests.components.events.publishing import Service
from tests.components.fakes import Counts, constant_draws


class Shop:
    """
    A backend over a simulated Redis and database: cache, database, events and an agent.

    Redis takes 1 ms, a statement 2 ms, a connect nothing, delivering a batch of events 5 s.
    """

    def __init__(self, loop: SimLoop, faults: tuple[Fault, ...]) -> None:
        draws, counts = (
            constant_draws(
                redis_trip=0.001,
                redis_connect=0.0,
                db_statement=0.002,
                db_connect=0.0,
                db_commit=0.0,
                db_end=0.0,
            ),
            Counts(),
        )
        redis, server = SimRedis(draws, counts, command_ns=0), SimDatabase(draws, counts)
        server.prepare("CREATE TABLE notes (body TEXT); INSERT INTO notes VALUES ('note')")
        self.faults = FaultSchedule(faults, loop=loop, draws=draws, witness=counts)
        redis.faults, server.faults = self.faults.point("redis"), self.faults.point("database")
        self.client = redis.client(retry=Retry(NoBackoff(), 0))
        self.engine = server.engine()
        self.database = Database(self.engine)
        self.store = RedisStore(self.client, namespace="answers", kind=str)
        self.memory: MemoryCache[str] = MemoryCache()
        self.service = Service(latency_s=5.0)
        self.events = EventBatcher(self.service, policy=FlushPolicy(delay_s_max=60.0))
        self.agent = Agent(
            Talker(_model),
            cache=self.store,
            loads=[self._notes],
            publish=self.events.publish,
        )
        self.metrics = Metrics(namespace="shop")
        self.backend = Backend(health_ttl_s=0.0)
        self._declare()

    async def ask(self, text: str) -> str:
        with self.backend.request():
            return (await self.agent.ask(Question(text=text, channel="chat-1"))).text

    async def _notes(self, _: Question) -> list[Message]:
        rows = await self.database.read("SELECT body FROM notes")
        return [Message(role="system", content=row.body) for row in rows]

    async def _redis_health(self) -> Health:
        await self.client.ping()
        return Health(is_up=True, latency_s=0.0)

    def _declare(self) -> None:
        part = self.backend.part
        part(
            "redis",
            start=self.client.ping,
            stop=self.client.aclose,
            health=self._redis_health,
            stats=self.store.stats,
            critical=False,
        )
        part(
            "database",
            start=lambda: self.database.read("SELECT 1"),
            stop=self._stop_database,
            health=self.database.health,
        )
        part("memory", stats=self.memory.stats)
        part("events", stop=self.events.aclose, stats=self.events.stats)
        part("agent", stats=self.agent.stats, needs=("database", "events", "memory"))
        self.backend.watch_in(self.metrics)

    async def _stop_database(self) -> None:
        await self.database.aclose()
        await self.engine.dispose()


async def _model(messages: object, tools: object) -> str:
    return "42"


def tell(story: Callable[[Shop], Awaitable[object]], *faults: Fault) -> object:
    """Run *story* on a shop, in virtual time."""

    async def main(loop: SimLoop) -> object:
        return await story(Shop(loop, faults))

    return simulate(main)


def test_a_stop_during_a_flush_loses_no_event() -> None:
    """
    Events wait in the batcher and are under way when the backend stops: it waits for all of
    them, and the database is closed after.
    """

    async def story(shop: Shop) -> tuple[object, int, list[str]]:
        async with shop.backend:
            await shop.ask("one")
            flush = asyncio.create_task(shop.events.flush())
            await asyncio.sleep(1)
            await shop.ask("two")
        await flush
        stats = shop.events.stats()
        return (stats.published, stats.failed), stats.delivered, shop.service.delivered

    (published, failed), delivered, names = tell(story)  # type: ignore[misc]
    assert (4, 0, 4) == (published, failed, delivered)
    assert ["answer.delta", "answer.done"] * 2 == names


def test_redis_down_at_the_start_only_degrades() -> None:
    """
    The backend is ready at once, answers without the cache and says what is missing; when
    Redis is back it is up by itself, and what is answered is kept there again.
    """

    async def story(shop: Shop) -> list[object]:
        shop.faults.start()
        async with shop.backend:
            health = await shop.backend.health()
            seen: list[object] = [health.is_ready, health.down, await shop.ask("one")]
            await asyncio.sleep(9)
            health = await shop.backend.health()
            await shop.ask("one")
            await shop.ask("one")
            page = prometheus_text(shop.metrics.collect())
        assert 'shop_backend_up{part="redis"} 1\n' in page
        assert "shop_redis_hits_total 1\n" in page
        assert 'shop_agent_paths_total{path="hit"} 1\n' in page
        return [*seen, health.is_ready, health.down]

    assert [True, ("redis",), "42", True, ()] == tell(story, outage("redis", for_s=5))


def test_a_database_lost_in_the_middle_is_said_and_comes_back() -> None:
    """
    While it is down the backend is live and not ready, what it answered before still comes
    from the cache, and it is ready again when the database is.
    """

    async def story(shop: Shop) -> list[object]:
        seen: list[object] = []
        async with shop.backend:
            await shop.ask("one")
            shop.faults.start()
            await asyncio.sleep(2)
            health = await shop.backend.health()
            seen += [health.is_live, health.is_ready, health.down, await shop.ask("one")]
            await asyncio.sleep(9)
            health = await shop.backend.health()
            seen += [health.is_ready, await shop.ask("two")]
        return seen

    assert [True, False, ("database",), "42", True, "42"] == tell(
        story, outage("database", at_s=1, for_s=5)
    )


def test_no_database_at_the_start_is_no_backend() -> None:
    """
    A critical part that is away ends the start; Redis, which was up, is closed again.
    """

    async def story(shop: Shop) -> dict[str, bool]:
        shop.faults.start()
        with pytest.raises(BackendStartError, match="database: "):
            await shop.backend.start()
        return dict(shop.backend.stats().up)

    found = tell(story, outage("database", for_s=60))
    assert {"redis", "database", "memory", "events", "agent"} == found.keys()  # type: ignore[attr-defined]
    assert not any(found.values())  # type: ignore[attr-defined]
