"""A link on a real Redis, through proxies that cut and hold, and while it is killed."""

from __future__ import annotations

import asyncio
import os

import pytest
import redis.exceptions as redis_errors
from hypothesis import given, settings
from hypothesis import strategies as st

from agent_perf.components import RedisLink, RedisPyClient
from tests.components.link.peers import bulk, outcome
from tests.services.proxy import Proxy
from tests.services.servers import RedisServer

pytestmark = pytest.mark.services

LOST = redis_errors.ConnectionError
DOWN = (redis_errors.ConnectionError, redis_errors.TimeoutError)


def address_of(url):
    host, _, port = url.removeprefix("redis://").partition("/")[0].partition(":")
    return host, int(port or 6379)


async def come_back(link, *command):
    """Return the reply once Redis is back."""
    async with asyncio.timeout(20):
        while True:
            try:
                return await link.execute(*command)
            except DOWN:
                await asyncio.sleep(0.02)


@pytest.mark.parametrize("make", [RedisLink, RedisPyClient.tuned])
def test_both_clients_give_the_same_replies(redis_url, prefix, make) -> None:
    """
    The link and redis-py behind the interface answer alike, batches and refusals included.
    """

    async def main():
        client = make(redis_url, timeout_s=10.0)
        key = prefix
        try:
            replies = [
                await client.execute("SET", key, b"\x00\xff", "EX", 60),
                await client.execute("GET", key),
                await client.execute("MGET", key, key + "none"),
                await client.execute("PEXPIRE", key, 50_000),
                *await client.execute_many([("GET", key), ("LPUSH", key, 1), ("UNLINK", key)]),
            ]
            cursor, names = await client.execute("SCAN", 0, "MATCH", key)
            return [*replies[:5], type(replies[5]), replies[6]], type(cursor), names
        finally:
            await client.aclose()

    replies, cursor, names = asyncio.run(main())
    value = b"\x00\xff"

    assert [b"OK", value, [value, None], 1, value] == replies[:5]
    assert issubclass(replies[5], redis_errors.ResponseError)
    assert (1, bytes, []) == (replies[6], cursor, names)


def test_ten_thousand_callers_get_their_own(redis_url) -> None:
    """
    Ten thousand tasks at once, a third of them cancelled at some time: nobody gets another's.
    """

    async def main():
        async with RedisLink(redis_url, timeout_s=60.0) as link:
            await link.execute("PING")

            async def call(index):
                return await link.execute("ECHO", f"{index}-" + "x" * (index % 50))

            tasks = [asyncio.create_task(call(index)) for index in range(10_000)]
            for index, task in enumerate(tasks):
                if index % 3 == 0:
                    asyncio.get_running_loop().call_later(index % 7 * 0.01, task.cancel)
            await asyncio.wait(tasks)
            for index, task in enumerate(tasks):
                assert index % 3 == 0 or not task.cancelled()
                if not task.cancelled():
                    assert task.result() == b"%d-" % index + b"x" * (index % 50)
            return link.stats()

    stats = asyncio.run(main())

    assert (1, 0, 0) == (stats.connects, stats.lost, stats.pending)
    assert stats.round_trips < 1_000


def test_a_value_of_ten_megabytes_comes_back(redis_url, prefix) -> None:
    """
    Large and small values share the connection.
    """
    value = os.urandom(1_000_000) * 10

    async def main():
        async with RedisLink(redis_url, timeout_s=60.0) as link:
            await link.execute("SET", prefix, value, "EX", 60)
            big, *small = await asyncio.gather(
                link.execute("GET", prefix), *(link.execute("ECHO", n) for n in range(50))
            )
            await link.execute("UNLINK", prefix)
            return big == value, small

    assert (True, [b"%d" % n for n in range(50)]) == asyncio.run(main())


@settings(max_examples=100)
@given(cut=st.integers(0, 120), chunk=st.sampled_from([1, 5, 1000]))
def test_a_reply_cut_anywhere_is_no_reply(cut, chunk) -> None:
    """
    A real connection cut in mid-reply: whole replies are given, others are errors, it goes on.
    """
    url = _url_or_skip()

    async def main():
        async with (
            Proxy(*address_of(url)) as proxy,
            RedisLink(f"redis://127.0.0.1:{proxy.port}", timeout_s=10.0) as link,
        ):
            await link.execute("PING")
            proxy.chunk_bytes = chunk
            proxy.cut_after_bytes(cut)
            asked = [link.execute("ECHO", b"value %d" % n) for n in range(6)]
            left = cut
            for index, result in enumerate(await asyncio.gather(*map(outcome, asked))):
                left -= len(bulk(b"value %d" % index))
                # A cut may overtake what was passed on before it; a part is never a reply.
                assert result == b"value %d" % index or isinstance(result, LOST)
                assert left >= 0 or isinstance(result, LOST)
            proxy.heal()
            assert await come_back(link, "ECHO", "next") == b"next"

    asyncio.run(main())


def _url_or_skip():
    from tests.services.addresses import REDIS, why_not

    if reason := why_not(REDIS):
        pytest.skip(reason)
    return REDIS


def test_a_blackholed_connection_is_given_up(redis_url) -> None:
    """
    Nothing passes and nothing closes: callers time out, and the next connection serves.
    """

    async def main():
        async with (
            Proxy(*address_of(redis_url)) as proxy,
            RedisLink(f"redis://127.0.0.1:{proxy.port}", timeout_s=0.5) as link,
        ):
            await link.execute("PING")
            proxy.blackhole()
            results = await asyncio.gather(*(outcome(link.execute("ECHO", n)) for n in range(20)))
            proxy.heal()
            return results, await come_back(link, "ECHO", "after"), link.stats()

    results, after, stats = asyncio.run(main())

    assert all(isinstance(error, DOWN) for error in results)
    assert b"after" == after
    assert stats.reconnects >= 1


def test_slow_replies_that_come_late_reach_nobody(redis_url) -> None:
    """
    Behind a slow network callers time out, and every reply that is given is the caller's own.
    """

    async def main():
        async with (
            Proxy(*address_of(redis_url)) as proxy,
            RedisLink(f"redis://127.0.0.1:{proxy.port}", timeout_s=0.3) as link,
        ):
            await link.execute("PING")
            proxy.chunk_bytes, proxy.delay_s = 40, 0.02
            for begin in range(0, 200, 40):
                asked = [link.execute("ECHO", f"number {begin + n}") for n in range(40)]
                for index, result in enumerate(await asyncio.gather(*map(outcome, asked))):
                    assert isinstance(result, DOWN) or result == b"number %d" % (begin + index)
            proxy.heal()
            return await come_back(link, "ECHO", "after")

    assert b"after" == asyncio.run(main())


def test_a_server_that_is_killed_restarted_and_frozen_comes_back(prefix) -> None:
    """
    Killed under load: errors, none misled. Restarted and frozen likewise; then it serves.
    """

    async def main():
        async with RedisServer() as server, RedisLink(server.url, timeout_s=0.5) as link:

            async def callers(seconds):
                end_s = asyncio.get_running_loop().time() + seconds
                errors = 0
                while asyncio.get_running_loop().time() < end_s:
                    asked = [f"{prefix}-{n}" for n in range(50)]
                    replies = await asyncio.gather(
                        *(outcome(link.execute("ECHO", text)) for text in asked)
                    )
                    for text, reply in zip(asked, replies, strict=True):
                        assert reply == text.encode() or isinstance(reply, DOWN)
                        errors += reply != text.encode()
                    await asyncio.sleep(0.001)
                return errors

            await link.execute("PING")
            load = asyncio.create_task(callers(0.3))
            await asyncio.sleep(0.1)
            await server.kill()
            assert await load > 0
            await server.start()
            assert await come_back(link, "ECHO", "a") == b"a"
            await server.restart()
            assert await come_back(link, "ECHO", "b") == b"b"
            server.freeze()
            assert isinstance(await outcome(link.execute("PING")), DOWN)
            server.thaw()
            assert await come_back(link, "ECHO", "c") == b"c"
            return link.stats()

    stats = asyncio.run(main())

    assert stats.reconnects >= 3
    assert 0 == stats.pending
