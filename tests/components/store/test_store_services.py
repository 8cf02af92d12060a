"""A store in a real Redis, over both clients, whole and failing."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import redis.asyncio
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from agent_perf.components import NearTier, RedisLink, RedisStore, StoreUnavailableError
from tests.services.proxy import Proxy
from tests.services.servers import RedisServer

pytestmark = pytest.mark.services

CLIENTS = ("redis-py", "link")


@asynccontextmanager
async def open_client(url: str, kind: str, timeout_s: float = 0.5) -> AsyncIterator[object]:
    if kind == "link":
        async with RedisLink(url, timeout_s=timeout_s) as link:
            yield link
        return
    client = redis.asyncio.Redis.from_url(
        url,
        socket_timeout=timeout_s,
        socket_connect_timeout=timeout_s,
        retry=Retry(NoBackoff(), 0),
    )
    async with client:
        yield client


@asynccontextmanager
async def real_store(
    url: str, kind: str = "redis-py", **options: object
) -> AsyncIterator[tuple[RedisStore[str], redis.asyncio.Redis]]:
    """Give a store in the real Redis, under a namespace of its own, and clean up."""
    namespace = f"agent-perf-{uuid.uuid4().hex}"
    # Time enough on a busy machine: a reply that is late would be a miss.
    timeout_s = 20.0
    async with (
        redis.asyncio.Redis.from_url(url) as other,
        open_client(url, kind, timeout_s) as client,
    ):
        store = RedisStore(client, namespace=namespace, kind=str, ttl_s=60, **options)
        try:
            yield store, other
        finally:
            await store.aclose()
            names = [name async for name in other.scan_iter(match=f"{namespace}*", count=1000)]
            if names:
                await other.unlink(*names)


@pytest.mark.parametrize("kind", CLIENTS)
def test_real_redis_serves(redis_url: str, kind: str) -> None:
    """
    On a real Redis values, tags, patterns, batches, leases and times to live work as on the
    simulated one.
    """

    async def main() -> None:
        async with real_store(redis_url, kind, version=2, lease_s=5) as (store, client):
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
            runs: list[int] = []

            async def compute() -> str:
                runs.append(1)
                await asyncio.sleep(0.02)
                return "new"

            found = await asyncio.gather(
                *(store.get_or_set("long", compute, tags=["t"]) for _ in range(20))
            )
            assert ({"new"}, 1) == (set(found), len(runs))
            assert "new" == await store.get("long")
            async with store.batch() as batch:
                results = batch.get("long"), batch.set("b", "2"), batch.delete("long", "c")
            assert ["new", True, 1] == [result.value for result in results]
            assert 1 == await store.delete("b")
            assert (await store.health()).is_up

    asyncio.run(main())


@pytest.mark.parametrize("kind", CLIENTS)
def test_leases_hold_between_processes(redis_url: str, kind: str) -> None:
    """
    Two stores on two connections make one computation; what one removes the other's
    computation does not store.
    """

    async def main() -> None:
        async with (
            real_store(redis_url, kind, lease_s=5) as (one, _),
            open_client(redis_url, kind) as client,
        ):
            namespace = one._names.key.removesuffix(":")
            other = RedisStore(client, namespace=namespace, kind=str, ttl_s=60, lease_s=5)
            runs: list[int] = []

            async def compute() -> str:
                runs.append(1)
                await asyncio.sleep(0.1)
                return f"value {len(runs)}"

            pair = (one, other)
            found = await asyncio.gather(*(s.get_or_set("key", compute) for s in pair * 10))
            assert ({"value 1"}, 1) == (set(found), len(runs))
            await one.delete("key")
            late = asyncio.create_task(one.get_or_set("key", compute))
            while len(runs) < 2:  # noqa: ASYNC110 (the store tells nobody)
                await asyncio.sleep(0.005)
            await other.delete("key")
            assert "value 2" == await late
            assert None is await other.get("key")

    asyncio.run(main())


@pytest.mark.parametrize("kind", CLIENTS)
def test_real_redis_survives_cancelled_readers(redis_url: str, kind: str) -> None:
    """
    Readers cancelled in mid-answer do not hand their answers to those who come after.
    """

    async def main() -> None:
        async with real_store(redis_url, kind) as (store, _):
            keys = [f"key-{number}" for number in range(20)]
            await store.mset({key: key * 200 for key in keys})
            for turns in range(20):
                readers = [asyncio.create_task(store.get(key)) for key in keys]
                for _ in range(turns % 4):
                    await asyncio.sleep(0)
                for reader in readers[::2]:
                    reader.cancel()
                await asyncio.gather(*readers, return_exceptions=True)
            for key in keys:
                assert key * 200 == await store.get(key)

    asyncio.run(main())


@pytest.mark.parametrize("kind", CLIENTS)
def test_real_redis_takes_many_and_large(redis_url: str, kind: str) -> None:
    """
    10,000 callers at once get their own values over a link, over redis-py as many as its pool
    has connections; 10 MB come back as they went.
    """

    async def main() -> None:
        async with real_store(redis_url, kind) as (store, _):
            keys = [f"key-{number}" for number in range(10_000 if kind == "link" else 100)]
            await store.mset({key: f"value of {key}" for key in keys})
            found = await asyncio.gather(*(store.get(key) for key in keys))
            assert [f"value of {key}" for key in keys] == found
            large = "abcdefghij" * 1_000_000
            assert await store.set("large", large)
            small, back = await asyncio.gather(store.get("key-1"), store.get("large"))
            assert ("value of key-1", True) == (small, back == large)

    asyncio.run(main())


@pytest.mark.parametrize("kind", CLIENTS)
def test_real_redis_may_be_poisoned(redis_url: str, kind: str) -> None:
    """
    What others left under our keys is a miss, and is put right by the next write; what they
    left under our tags keeps nothing from being invalidated.
    """

    async def main() -> None:
        async with real_store(redis_url, kind) as (store, client):
            prefix = store._names.key
            await client.rpush(f"{prefix}list", "x")
            await client.set(f"{prefix}noise", b"\x02\xff\xff\xff\xff\x00")
            await client.set(f"{prefix}empty", b"")
            keys = ["list", "noise", "empty"]
            assert [None] * 3 == [await store.get(key) for key in keys]
            assert {} == await store.mget(keys)
            for key in keys:
                assert await store.set(key, key)
                assert key == await store.get(key)
            await client.rpush(f"{store._names.tag}list", "x")
            await client.set(f"{store._names.tag}empty", b"")
            for tag in ("list", "empty"):
                await store.set("tagged", "value", tags=[tag])
                assert "value" == await store.get("tagged")
                await store.invalidate_tag(tag)
                assert None is await store.get("tagged")

    asyncio.run(main())


@pytest.mark.parametrize("kind", CLIENTS)
@pytest.mark.parametrize("how", ["restart", "cut", "blackhole", "slow"])
def test_real_redis_fails(how: str, kind: str) -> None:
    """
    While Redis restarts, is cut off in mid-reply, is silent or slow, callers get their own
    value or none, and no error; after that all of them again.
    """

    async def call(store: RedisStore[str], key: str) -> str | None:
        return await store.get(key)

    async def main() -> None:
        async with (
            RedisServer() as server,
            Proxy(server.host, server.port) as proxy,
            open_client(f"redis://127.0.0.1:{proxy.port}/0", kind) as client,
        ):
            store = RedisStore(client, namespace="answers", kind=str, ttl_s=60)
            keys = [f"key-{number}" for number in range(50)]
            whole = {key: key * 100 for key in keys}
            await store.mset(whole)
            for round_ in range(3):
                readers = [asyncio.create_task(call(store, key)) for key in keys]
                await asyncio.sleep(0)
                match how:
                    case "restart":
                        await server.restart()
                    case "cut":
                        proxy.cut_after_bytes(1_000 * round_ + 7)
                    case "blackhole":
                        proxy.blackhole()
                    case "slow":
                        proxy.delay_s, proxy.chunk_bytes = 0.01, 100
                found = await asyncio.gather(*readers)
                assert all(
                    value in {None, key * 100} for key, value in zip(keys, found, strict=True)
                )
                proxy.heal()
            async with asyncio.timeout(10):
                while await store.mget(keys) != whole:  # noqa: ASYNC110 (we poll a server)
                    await asyncio.sleep(0.1)
            assert store.is_up
            assert await store.set("key", "value")

    asyncio.run(main())


@pytest.mark.parametrize("kind", CLIENTS)
def test_near_tier_on_a_real_redis(kind: str) -> None:
    """
    Changes by others reach the near tier; a restart or a silent line drops it, and it comes back.
    """

    async def main() -> None:
        async with (
            RedisServer() as server,
            Proxy(server.host, server.port) as proxy,
            open_client(server.url, kind) as client,
            open_client(server.url, "redis-py") as other_client,
        ):
            near: NearTier[str] = NearTier(f"redis://127.0.0.1:{proxy.port}/0", staleness_s=0.6)
            store = RedisStore(client, namespace="answers", kind=str, ttl_s=60, near=near)
            other = RedisStore(other_client, namespace="answers", kind=str, ttl_s=60)

            async def until(condition) -> None:
                async with asyncio.timeout(10):
                    while not condition():
                        await store.get("key")
                        await asyncio.sleep(0.01)

            await other.set("key", "1", tags=["t"])
            await until(lambda: near.get("key"))
            await other.set("key", "2", tags=["t"])
            await until(lambda: near.get("key") and near.get("key")[0] == "2")
            await other.invalidate_tag("t")
            await until(lambda: not near.get("key"))
            await other.set("key", "3")
            await until(lambda: near.get("key"))
            proxy.blackhole()
            await other.set("key", "4")
            await asyncio.sleep(0.7)
            assert None is near.get("key")
            assert "4" == await store.get("key")
            proxy.heal()
            await until(lambda: near.get("key"))
            await server.restart()
            await until(lambda: near.stats().losses >= 2)
            await until(lambda: near.get("key"))
            assert "4" == near.get("key")[0]
            await store.aclose()

    asyncio.run(main())


@pytest.mark.parametrize("kind", CLIENTS)
def test_removals_are_errors_without_redis(kind: str) -> None:
    """
    While a real Redis is gone reads miss, writes say no, removals raise, and health tells.
    """

    async def main() -> None:
        async with RedisServer() as server, open_client(server.url, kind) as client:
            store = RedisStore(client, namespace="answers", kind=str)
            await store.set("key", "value")
            await server.kill()
            assert None is await store.get("key")
            assert not await store.set("key", "new")
            for removal in (store.delete("key"), store.invalidate("*"), store.invalidate_tag("t")):
                with pytest.raises(StoreUnavailableError):
                    await removal
            assert not (await store.health()).is_up

    asyncio.run(main())
