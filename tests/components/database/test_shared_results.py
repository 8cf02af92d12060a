"""Results that processes share, over a RedisStore: in a simulated Redis and in a real one."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import redis.asyncio
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from agent_perf.components import RedisStore, SharedQueryCache
from agent_perf.sim import SimLoop, simulate
from agent_perf.sim.faults import outage
from tests.components.store.stored import World
from tests.services.servers import RedisServer

READ = "SELECT n FROM a WHERE id = :id"
WRITE = "UPDATE a SET n = n + 1"


class Row(tuple[int, ...]):
    __slots__ = ()

    def _asdict(self) -> dict[str, int]:
        return {"n": self[0]}


class Counter:
    """A table of one number: a read sees it at its begin, and answers when it is let."""

    def __init__(self) -> None:
        self.number = self.reads = 0
        self.gate, self.begun = asyncio.Event(), asyncio.Event()
        self.gate.set()

    async def read(self, sql: str, parameters: Any = None, /) -> list[Row]:
        self.reads += 1
        self.begun.set()
        seen = self.number
        await self.gate.wait()
        return [Row((seen,))]

    async def write(self, sql: str, parameters: Any = None, /) -> int:
        self.number += 1
        return 1


class Shop:
    """Two processes with a cache each, over one table and one Redis."""

    def __init__(self, clients: list[Any], namespace: str) -> None:
        self.table = Counter()
        self.stores = [
            RedisStore(client, namespace=namespace, kind=list[dict[str, Any]]) for client in clients
        ]
        self.one, self.other = (SharedQueryCache(self.table, store) for store in self.stores)


Story = Callable[[Shop], Awaitable[None]]


def in_simulation(story: Story) -> None:
    async def main(loop: SimLoop) -> None:
        world = World(loop, ())
        clients = [world.redis.client(retry=Retry(NoBackoff(), 0)) for _ in range(2)]
        shop = Shop(clients, "shop")
        await story(shop)
        for store, client in zip(shop.stores, clients, strict=True):
            await store.aclose()
            await client.aclose()

    simulate(main)


def in_redis(story: Story, url: str) -> None:
    async def main() -> None:
        async with (
            redis.asyncio.Redis.from_url(url) as first,
            redis.asyncio.Redis.from_url(url) as second,
        ):
            namespace = f"agent-perf-{uuid.uuid4().hex}"
            shop = Shop([first, second], namespace)
            try:
                await story(shop)
            finally:
                for store in shop.stores:
                    await store.aclose()
                names = [name async for name in first.scan_iter(match=f"{namespace}*", count=1000)]
                if names:
                    await first.delete(*names)

    asyncio.run(main())


async def what_one_writes_the_other_sees(shop: Shop) -> None:
    """What one has read the other need not; after a write of either, both read anew."""
    for cache in (shop.one, shop.other):
        assert [{"n": 0}] == await cache.read(READ, {"id": 1})
    assert 1 == shop.table.reads
    assert [{"n": 0}] == await shop.one.read(READ, {"id": 2})
    for writer, reader in ((shop.one, shop.other), (shop.other, shop.one)):
        before = shop.table.number
        assert 1 == await writer.write(WRITE)
        assert [{"n": before + 1}] == await reader.read(READ, {"id": 1})
        assert [{"n": before + 1}] == await writer.read(READ, {"id": 1})
    await shop.one.write("UPDATE b SET n = 1")
    reads = shop.table.reads
    await shop.other.read(READ, {"id": 1})
    assert reads == shop.table.reads
    # A write that is not understood forgets everything.
    await shop.one.write("SELECT something( a )")
    assert [{"n": shop.table.number}] == await shop.other.read(READ, {"id": 1})


async def an_old_answer_is_not_kept(shop: Shop) -> None:
    """
    A read that began before a write, and ends after it, is not what later reads get; only who
    joins it in its own process, before it ends, cannot know of a write in another.
    """
    for writer in (shop.one, shop.other):
        shop.table.gate.clear()
        reading = asyncio.create_task(shop.one.read(READ, {"id": 3}))
        await shop.table.begun.wait()
        old = shop.table.number
        await writer.write(WRITE)
        late = asyncio.create_task(writer.read(READ, {"id": 3}))
        await asyncio.sleep(0.02)
        shop.table.gate.set()
        assert [{"n": old}] == await reading
        assert [{"n": old + 1}] == await late
        assert [{"n": old + 1}] == await shop.one.read(READ, {"id": 3})
        assert [{"n": old + 1}] == await shop.other.read(READ, {"id": 3})
        await shop.one.invalidate("a")
        shop.table.begun.clear()


async def many_ask_once(shop: Shop) -> None:
    """However many ask at once, in whichever process, few ask the database, and all get it."""
    found = await asyncio.gather(
        *(cache.read(READ, {"id": 4}) for _ in range(100) for cache in (shop.one, shop.other))
    )
    assert [[{"n": 0}]] * 200 == found
    assert shop.table.reads <= 2


STORIES = [what_one_writes_the_other_sees, an_old_answer_is_not_kept, many_ask_once]


@pytest.mark.parametrize("story", STORIES)
def test_simulated(story: Story) -> None:
    """
    Each story holds over a simulated Redis.
    """
    in_simulation(story)


@pytest.mark.services
@pytest.mark.parametrize("story", STORIES)
def test_real(story: Story, redis_url: str) -> None:
    """
    Each story holds over a real Redis.
    """
    in_redis(story, redis_url)


def test_simulated_without_redis_reads_and_writes_go_on() -> None:
    """
    While Redis is away the database is asked, a write is done and says so, and afterwards
    nobody gets what was old.
    """

    async def main(loop: SimLoop) -> None:
        world = World(loop, (outage("redis", at_s=1.0, for_s=10.0),))
        world.faults.start()
        clients = [world.redis.client(retry=Retry(NoBackoff(), 0)) for _ in range(2)]
        shop = Shop(clients, "shop")
        assert [{"n": 0}] == await shop.one.read(READ, {"id": 1})
        await asyncio.sleep(2)
        assert [{"n": 0}] == await shop.one.read(READ, {"id": 1})
        assert 1 == await shop.one.write(WRITE)
        assert [{"n": 1}] == await shop.one.read(READ, {"id": 1})
        await asyncio.sleep(60)
        assert [{"n": 1}] == await shop.one.read(READ, {"id": 1})
        for store, client in zip(shop.stores, clients, strict=True):
            await store.aclose()
            await client.aclose()

    simulate(main)


@pytest.mark.services
def test_real_without_redis_reads_and_writes_go_on() -> None:
    """
    The same, with a Redis that is killed and started again.
    """

    async def main() -> None:
        async with RedisServer() as server:
            clients = [
                redis.asyncio.Redis.from_url(server.url, retry=Retry(NoBackoff(), 0))
                for _ in range(2)
            ]
            shop = Shop(clients, "shop")
            assert [{"n": 0}] == await shop.one.read(READ, {"id": 1})
            await server.kill()
            assert [{"n": 0}] == await shop.one.read(READ, {"id": 1})
            assert 1 == await shop.one.write(WRITE)
            assert [{"n": 1}] == await shop.one.read(READ, {"id": 1})
            await server.start()
            for _ in range(100):
                if (await shop.stores[0].health()).is_up:
                    break
                await asyncio.sleep(0.05)
            assert [{"n": 1}] == await shop.one.read(READ, {"id": 1})
            for store, client in zip(shop.stores, clients, strict=True):
                await store.aclose()
                await client.aclose()

    asyncio.run(main())
