"""The tests' own servers and their proxy do what faults need."""

from __future__ import annotations

import asyncio

import pytest
import redis.asyncio
import redis.exceptions
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from tests.services.proxy import Proxy
from tests.services.servers import PostgresServer, RedisServer

pytestmark = pytest.mark.services


def client_of(url: str) -> redis.asyncio.Redis:
    return redis.asyncio.Redis.from_url(url, retry=Retry(NoBackoff(), 1), socket_timeout=0.5)


def test_redis_keeps_over_a_stop_what_it_loses_by_a_kill() -> None:
    """
    A private Redis comes back on its port: with its values after a stop, not after a kill.
    """

    async def main() -> list[bytes | None]:
        found = []
        async with RedisServer() as server, client_of(server.url) as client:
            await client.set("key", "value")
            await server.restart()
            found.append(await client.get("key"))
            await client.set("key", "other")
            await server.kill()
            with pytest.raises(redis.exceptions.ConnectionError):
                await client.get("key")
            await server.start()
            found.append(await client.get("key"))
            server.freeze()
            with pytest.raises(redis.exceptions.TimeoutError):
                await client.get("key")
            server.thaw()
            found.append(await client.get("key"))
        return found

    assert [b"value"] * 3 == asyncio.run(main())


def test_postgres_comes_back() -> None:
    """
    A private PostgreSQL keeps its tables over a restart, and cuts its clients.
    """
    asyncpg = pytest.importorskip("asyncpg")

    async def main() -> int:
        async with PostgresServer() as server:
            connection = await asyncpg.connect(server.url)
            await connection.execute("CREATE TABLE t AS SELECT 17 AS n")
            await server.restart()
            with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, OSError)):
                await connection.fetchval("SELECT n FROM t")
            connection = await asyncpg.connect(server.url)
            found = await connection.fetchval("SELECT n FROM t")
            await connection.close()
            return found

    assert 17 == asyncio.run(main())


def test_proxy_cuts_holds_and_heals() -> None:
    """
    A reply is cut after so many bytes, held back, or refused, until the proxy is healed.
    """

    async def main() -> None:
        async with (
            RedisServer() as server,
            Proxy(server.host, server.port) as proxy,
            client_of(f"redis://127.0.0.1:{proxy.port}/0") as client,
        ):
            await client.set("key", "value")
            proxy.cut_after_bytes(3)
            reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
            writer.write(b"GET key\r\n")
            assert b"$5\r" == await reader.read()
            writer.close()
            proxy.blackhole()
            with pytest.raises((redis.exceptions.TimeoutError, redis.exceptions.ConnectionError)):
                await client.get("key")
            proxy.refuse()
            with pytest.raises(redis.exceptions.ConnectionError):
                await client.get("key")
            proxy.heal()
            assert b"value" == await client.get("key")

    asyncio.run(main())
