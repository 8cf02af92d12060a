"""
The reference components on a real Redis and a real PostgreSQL that are broken on purpose.
"""

from __future__ import annotations

import asyncio
import collections
import json
import random
import secrets
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import redis.asyncio
from aiohttp import web
from sqlalchemy.exc import SQLAlchemyError

from agent_perf.components import (
    ConnectionLostError,
    Database,
    DatabaseUnavailableError,
    EventBatcher,
    PoolExhaustedError,
    PostgresPool,
    PusherPool,
    QueryTimeoutError,
    RedisLink,
    RedisStore,
    RetryPolicy,
)
from agent_perf.config import ChaosWorker
from agent_perf.live.chaos import Address, Proxy, Toxic, ToxicKind, Way
from agent_perf.live.chaos.worker import Worker
from tests.components.events.real_server import PusherServer
from tests.services.servers import RedisServer

pytest.importorskip("asyncpg")
pytestmark = [pytest.mark.slow, pytest.mark.services]

LOST = (ConnectionLostError, DatabaseUnavailableError, PoolExhaustedError, QueryTimeoutError)
EXAMPLE = Path(__file__).parents[3] / "examples/event-worker"

_RESETS = (
    Toxic(name="now", kind=ToxicKind.RESET),
    Toxic(name="first two", kind=ToxicKind.RESET, first=2),
    Toxic(name="in mid-reply", kind=ToxicKind.RESET, after_bytes=70),
    Toxic(name="in mid-statement", kind=ToxicKind.RESET, after_bytes=70, way=Way.UP),
    Toxic(name="cut short", kind=ToxicKind.TRUNCATE, after_bytes=33),
    Toxic(name="refused", kind=ToxicKind.REFUSE),
    Toxic(name="half of them", kind=ToxicKind.RESET, after_bytes=200, probability=0.5, seed=7),
)

_TROUBLES = {
    10: Toxic(name="cut", kind=ToxicKind.TRUNCATE, after_bytes=40),
    11: Toxic(name="two", kind=ToxicKind.RESET, first=2),
    40: Toxic(name="late", kind=ToxicKind.LATENCY, latency_s=0.05, jitter_s=0.05),
    70: Toxic(name="thin", kind=ToxicKind.BANDWIDTH, bytes_per_s=2000),
    80: Toxic(name="reset", kind=ToxicKind.RESET),
}


@asynccontextmanager
async def before(url: str) -> AsyncIterator[tuple[Proxy, str]]:
    """Yield a proxy before the service at *url*, and the URL that leads through it."""
    parts = urlsplit(url)
    upstream = Address(
        host=parts.hostname or "127.0.0.1",
        port=parts.port or (6379 if parts.scheme == "redis" else 5432),
    )
    async with Proxy("test", upstream) as proxy:
        user = f"{parts.username}@" if parts.username else ""
        yield proxy, parts._replace(netloc=f"{user}{proxy.address}").geturl()


async def soon(holds: Callable[[], bool], within_s: float = 20.0) -> float:
    """Return after how long *holds* is true."""
    begin_s = time.perf_counter()
    async with asyncio.timeout(within_s):
        while not holds():  # noqa: ASYNC110 (we wait for others)
            await asyncio.sleep(0.01)
    return time.perf_counter() - begin_s


@pytest.mark.parametrize("kind", ["pool", "database"])
def test_what_was_committed_is_there_once(postgres_url: str, kind: str) -> None:
    """
    Over resets, refusals and replies cut short, each acknowledged insert is there exactly once.

    One that failed is there once or not at all, whichever pool it went through; and after the
    last fault all of them are acknowledged again.
    """
    schema = f"chaos_{secrets.token_hex(4)}"

    async def main() -> None:
        async with (
            PostgresPool(postgres_url, size=1) as aside,
            before(postgres_url) as (proxy, url),
        ):
            await aside.write(f"CREATE SCHEMA {schema}")
            await aside.write(f"CREATE TABLE {schema}.orders (id int)")
            try:
                acked, doubted = await write_through(proxy, url)
                rows = await aside.read(
                    f"SELECT id, count(*) AS n FROM {schema}.orders GROUP BY id"
                )
            finally:
                await aside.write(f"DROP SCHEMA {schema} CASCADE")
        there = {row.id: row.n for row in rows}
        assert not acked - set(there)
        assert set(there) <= acked | doubted
        assert {1} == set(there.values())
        assert len(acked) > 300
        assert doubted

    async def write_through(proxy: Proxy, url: str) -> tuple[set[int], set[int]]:
        acked: set[int] = set()
        doubted: set[int] = set()
        ordinal = iter(range(100_000))
        over = asyncio.Event()

        async def writer(write: Callable[[int], object]) -> None:
            while not over.is_set():
                number = next(ordinal)
                try:
                    await write(number)  # type: ignore[misc]
                except (*LOST, SQLAlchemyError, OSError):
                    # SQLAlchemy's own errors, and those of a connect, are let through.
                    doubted.add(number)
                    await asyncio.sleep(0.01)
                else:
                    acked.add(number)
                await asyncio.sleep(0.001)

        sql = f"INSERT INTO {schema}.orders VALUES (:id)"
        opened = (
            PostgresPool(url, size=5, overflow_max=2)
            if kind == "pool"
            else Database.connect(
                url.replace("postgresql://", "postgresql+asyncpg://"), pool_size=5, overflow_max=2
            )
        )
        async with opened as pool:
            tasks = [
                asyncio.create_task(writer(lambda n: pool.write(sql, {"id": n}))) for _ in range(8)
            ]
            await soon(lambda: len(acked) > 50)
            for toxic in _RESETS:
                proxy.add(toxic)
                await asyncio.sleep(0.25)
                await proxy.remove(toxic)
                before_count = len(acked)
                await soon(lambda: len(acked) > before_count + 40)  # noqa: B023
            over.set()
            await asyncio.gather(*tasks)
            for _ in range(20):
                number = next(ordinal)
                await pool.write(sql, {"id": number})
                acked.add(number)
        return acked, doubted

    asyncio.run(main())


@pytest.mark.parametrize("kind", ["link", "redis-py"])
def test_the_store_works_on_without_redis(redis_url: str, kind: str) -> None:
    """
    While Redis is refused, reset or silent, reads miss within their time and nothing raises;
    the breaker opens and, when Redis is back, closes, and the values are there again.
    """
    namespace = f"chaos-{secrets.token_hex(4)}"

    async def main() -> None:
        async with before(redis_url) as (proxy, url):
            client = (
                RedisLink(url, timeout_s=0.3)
                if kind == "link"
                else redis.asyncio.from_url(url, socket_timeout=0.3)
            )
            states: list[str] = []
            store = RedisStore(
                client,
                namespace=namespace,
                kind=str,
                timeout_s=0.5,
                on_change=states.append,
            )
            whole = {f"k{n}": f"value {n}" * 50 for n in range(20)}
            await store.mset(whole)
            for toxic in (
                Toxic(name="refuse", kind=ToxicKind.REFUSE),
                Toxic(name="silent", kind=ToxicKind.BLACKHOLE, way=Way.BOTH),
                Toxic(name="resets", kind=ToxicKind.RESET),
            ):
                states.clear()
                proxy.add(toxic)
                for _ in range(12):
                    begin_s = time.perf_counter()
                    found = await store.mget(list(whole))
                    assert time.perf_counter() - begin_s < 3.0
                    assert set(found.values()) <= {None, *whole.values()}
                assert "open" in states
                assert not store.is_up
                await proxy.remove(toxic)
                async with asyncio.timeout(20):
                    while await store.mget(list(whole)) != whole:  # noqa: ASYNC110
                        await asyncio.sleep(0.02)
                assert store.is_up
                assert "closed" == states[-1]
            await store.invalidate("*")
            await store.aclose()
            await client.aclose()

    asyncio.run(main())


def test_no_reply_reaches_a_wrong_caller(redis_url: str) -> None:
    """
    Replies in slices, cut at any byte, late by chance: each is its caller's, or an error.
    """
    draws = random.Random(3)

    async def main() -> collections.Counter[str]:
        outcomes: collections.Counter[str] = collections.Counter()
        async with before(redis_url) as (proxy, url), RedisLink(url, timeout_s=0.5) as link:

            async def ask(number: int) -> None:
                await asyncio.sleep(number * 0.0005)
                text = f"<{number}>" * 20
                try:
                    reply = await link.execute("ECHO", text)
                except redis.exceptions.RedisError:
                    outcomes["error"] += 1
                else:
                    outcomes["right" if reply == text.encode() else "wrong"] += 1

            asking = [asyncio.create_task(ask(number)) for number in range(3000)]
            slices = Toxic(name="s", kind=ToxicKind.SLICES, slice_bytes=7, way=Way.BOTH)
            late = Toxic(name="l", kind=ToxicKind.LATENCY, latency_s=0.001, jitter_s=0.02)
            proxy.add(slices)
            proxy.add(late)
            while not all(task.done() for task in asking):
                cut = Toxic(
                    name=f"c{draws.random()}",
                    kind=draws.choice([ToxicKind.TRUNCATE, ToxicKind.RESET]),
                    after_bytes=draws.randrange(2000),
                )
                proxy.add(cut)
                await asyncio.sleep(0.05)
                await proxy.remove(cut)
                await asyncio.sleep(0.05)
            await asyncio.gather(*asking)
        return outcomes

    outcomes = asyncio.run(main())
    assert 0 == outcomes["wrong"]
    assert outcomes["error"]
    assert outcomes["right"]


def test_a_black_hole_ends_by_time_out(postgres_url: str) -> None:
    """
    Statements sent into a black hole end by their time-out, and the pool is whole afterwards.
    """

    async def main() -> None:
        async with (
            before(postgres_url) as (proxy, url),
            PostgresPool(
                url,
                size=3,
                overflow_max=0,
                timeout_s=1.0,
                connect_timeout_s=1.0,
                statement_timeout_s=0.5,
                settle_timeout_s=0.5,
            ) as pool,
        ):
            hole = Toxic(name="hole", kind=ToxicKind.BLACKHOLE, way=Way.BOTH)
            await asyncio.gather(*(pool.read("SELECT 1 AS one") for _ in range(3)))
            proxy.add(hole)
            begin_s = time.perf_counter()
            asked = await asyncio.gather(
                *(pool.read("SELECT 1 AS one") for _ in range(6)), return_exceptions=True
            )
            took_s = time.perf_counter() - begin_s
            assert all(isinstance(one, LOST) for one in asked)
            assert took_s < 8
            await proxy.remove(hole)
            async with asyncio.timeout(20):
                while True:
                    try:
                        rows = await pool.read("SELECT 2 AS two")
                        break
                    except LOST:
                        await asyncio.sleep(0.05)
            assert 2 == rows[0].two
            assert pool.stats().in_use == 0

    asyncio.run(main())


def test_events_are_delivered_over_cuts() -> None:
    """
    Over resets, late and thin lines and replies cut short, each event arrives, in its order;
    twice, if its reply was cut.
    """

    async def main() -> None:
        async with PusherServer() as server, before(server.url) as (proxy, url):
            pool = PusherPool.over_aiohttp(
                app_id="1", key="key", secret="secret", base_url=url, timeout_s=1.0
            )
            retry = RetryPolicy(attempts=9, wait_s_first=0.01, wait_s_max=0.2, jitter_s_max=0.0)
            async with pool, EventBatcher(pool.send_batch, retry=retry) as events:
                for number in range(300):
                    events.publish("orders", str(number), None)
                    toxic = _TROUBLES.get(number % 100)
                    if toxic is not None:
                        proxy.add(toxic)
                    if number % 100 in (30, 60, 90):
                        for one in _TROUBLES.values():
                            await proxy.remove(one)
                    await asyncio.sleep(0.003)
            told = events.stats()
            names = [int(name) for _, name, _ in server.delivered]
            assert (300, 0) == (told.delivered, told.failed)
            assert list(range(300)) == list(dict.fromkeys(names))

    asyncio.run(main())


def test_a_worker_that_is_killed_loses_no_event() -> None:
    """
    A worker of a Redis stream, killed twice in mid-delivery behind a webhook that resets,
    delivers each event at least once: what it had not acknowledged waits for it.
    """
    seen: collections.Counter[int] = collections.Counter()

    async def hook(request: web.Request) -> web.Response:
        batch = await request.json()
        await asyncio.sleep(0.01)
        seen.update(event["data"]["n"] for event in batch)
        return web.Response(status=204)

    async def publish(client: redis.asyncio.Redis, count: int) -> None:
        for number in range(count):
            row = {"kind": "order", "data": json.dumps({"n": number})}
            await client.xadd("events", row)
            await asyncio.sleep(0.002)

    async def main(folder: Path) -> None:
        app = web.Application()
        app.router.add_post("/", hook)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.01)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        async with (
            AsyncExitStack() as stack,
            RedisServer() as server,
            before(server.url) as (redis_proxy, redis_url),
            before(f"http://127.0.0.1:{runner.addresses[0][1]}") as (hook_proxy, hook_url),
            redis.asyncio.from_url(server.url) as client,
        ):
            stack.push_async_callback(runner.cleanup)
            said = ChaosWorker(
                command=f"{sys.executable} -m event_worker",
                env={"WEBHOOK_URL": hook_url, "REDIS_URL": redis_url, "PYTHONPATH": str(EXAMPLE)},
            )
            async with Worker("worker", said, {}, folder / "log") as worker:
                publishing = asyncio.create_task(publish(client, 1000))
                for _ in range(2):
                    known = len(seen)
                    await soon(lambda: len(seen) > known + 100, 40)  # noqa: B023
                    reset = Toxic(name="r", kind=ToxicKind.RESET)
                    hook_proxy.add(reset)
                    redis_proxy.add(reset)
                    worker.kill(0.1)
                    await asyncio.sleep(0.1)
                    await hook_proxy.remove(reset)
                    await redis_proxy.remove(reset)
                await publishing
                # A busy machine takes its time for three starts of a process.
                await soon(lambda: len(seen) == 1000, 40)
                assert ["ready", "down", "ready", "down", "ready"] == [
                    state for _, state in worker.states
                ]

    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(main(Path(folder)))
    assert set(range(1000)) == set(seen)
