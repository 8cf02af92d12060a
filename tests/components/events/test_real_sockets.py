"""
The pool and the batcher over real sockets: the same answers as the public client, and faults.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import httpx
import httpx2
import pusher
import pytest
from pusher.aiohttp import AsyncIOBackend
from pusher.errors import PusherBadAuth, PusherBadRequest

from agent_perf.components import (
    AiohttpClient,
    BatcherClosedError,
    Event,
    EventBatcher,
    EventDeliveryError,
    EventOutcomeUnknownError,
    EventRefusedError,
    FlushPolicy,
    PusherClient,
    PusherPool,
    RetryPolicy,
    make_event,
)
from tests.components.events.real_server import PusherServer, Trouble
from tests.services.proxy import Proxy

QUICK = RetryPolicy(attempts=8, wait_s_first=0.01, wait_s_max=0.05, jitter_s_max=0.0)
LIBRARIES = ["aiohttp", "httpx", "httpx2"]


@contextlib.asynccontextmanager
async def client_of(
    library: str, url: str, *, key: str = "key", secret: str = "secret", timeout_s: float = 5.0
) -> AsyncIterator[PusherClient]:
    http = {
        "aiohttp": lambda: AiohttpClient(timeout_s=timeout_s),
        "httpx": lambda: httpx.AsyncClient(timeout=timeout_s),
        "httpx2": lambda: httpx2.AsyncClient(timeout=timeout_s),
    }[library]()
    async with http:
        yield PusherClient(http, app_id="1", key=key, secret=secret, base_url=url)


def public_client(url: str, *, secret: str = "secret") -> pusher.Pusher:
    parts = urlsplit(url)
    return pusher.Pusher(
        app_id="1",
        key="key",
        secret=secret,
        ssl=False,
        host=parts.hostname,
        port=parts.port,
        backend=AsyncIOBackend,
    )


@pytest.mark.parametrize("library", LIBRARIES)
def test_the_same_answers_as_the_public_client(library: str) -> None:
    """
    A server that checks signature, MD5 and limits takes from us what it takes from the public
    client, delivers the same, and refuses both for the same.
    """

    async def main() -> None:
        async with PusherServer() as server, client_of(library, server.url) as ours:
            theirs = public_client(server.url)
            await ours.send(make_event("chat-1", "one", {"n": [1, "é"]}))
            await ours.send_batch([make_event(f"chat-{n}", "x", str(n)) for n in range(10)])
            seen = server.delivered.copy()
            server.delivered.clear()
            assert {} == await theirs.trigger("chat-1", "one", '{"n":[1,"é"]}')
            assert {} == await theirs.trigger_batch(
                [{"channel": f"chat-{n}", "name": "x", "data": str(n)} for n in range(10)]
            )
            assert seen == server.delivered

            with pytest.raises(PusherBadAuth, match="Invalid signature"):
                await public_client(server.url, secret="wrong").trigger("a", "b", "c")
            async with client_of(library, server.url, secret="wrong") as wrong:
                with pytest.raises(EventRefusedError, match="401: Invalid signature"):
                    await wrong.send(make_event("a", "b", "c"))

            with pytest.raises(PusherBadRequest, match="Batch too large"):
                await theirs.trigger_batch([{"channel": "a", "name": "b", "data": "c"}] * 11)
            with pytest.raises(EventRefusedError, match="400: Batch too large"):
                await ours._post(
                    "/apps/1/batch_events",
                    b'{"batch":[%s]}' % b",".join([b'{"channel":"a","name":"b","data":"c"}'] * 11),
                )

    asyncio.run(main())


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize(
    ("trouble", "error", "delivered"),
    [
        (Trouble("cut before"), EventOutcomeUnknownError, 0),
        (Trouble("cut after"), EventOutcomeUnknownError, 1),
        (Trouble("hang"), EventOutcomeUnknownError, 1),
        (Trouble("status", 500), EventOutcomeUnknownError, 0),
        (Trouble("status", 429, (("Retry-After", "0"),)), EventDeliveryError, 0),
        (Trouble("status", 413), EventRefusedError, 0),
    ],
)
def test_each_fault_is_told_as_what_it_is(
    library: str, trouble: Trouble, error: type[Exception], delivered: int
) -> None:
    """
    Whether an event may have been delivered is known from the error, with every HTTP library,
    and the next event goes through.
    """

    async def main() -> None:
        async with (
            PusherServer() as server,
            client_of(library, server.url, timeout_s=0.3) as client,
        ):
            server.plan = lambda request: trouble if request == 1 else None
            with pytest.raises(error) as caught:
                await client.send(make_event("chat", "1", None))
            assert error is type(caught.value)
            assert delivered == len(server.delivered)
            await client.send(make_event("chat", "2", None))
            assert "2" == server.delivered[-1][1]

    asyncio.run(main())


@pytest.mark.parametrize("library", LIBRARIES)
def test_nobody_there_is_known_to_be_undelivered(library: str) -> None:
    """
    A connection that is refused is an error that says: not delivered.
    """

    async def main() -> None:
        server = PusherServer()
        await server.start()
        await server.stop()
        async with client_of(library, server.url) as client:
            with pytest.raises(EventDeliveryError) as caught:
                await client.send(make_event("chat", "1", None))
        assert EventDeliveryError is type(caught.value)

    asyncio.run(main())


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_clock_that_is_off_is_set_by_the_service(library: str) -> None:
    """
    When our clock is an hour off, the first event takes two requests and the second one.
    """

    async def main() -> None:
        async with PusherServer() as server, client_of(library, server.url) as client:
            server.clock = lambda: time.time() + 3600
            await client.send(make_event("chat", "1", None))
            assert 2 == server.requests
            await client.send(make_event("chat", "2", None))
            assert (3, 2) == (server.requests, len(server.delivered))

    asyncio.run(main())


def test_connections_are_kept() -> None:
    """
    Fifty batches of a pool of five, one after another, take as many connections as clients.
    """

    async def main() -> None:
        async with PusherServer() as server, pool_to(server) as pool:
            for number in range(50):
                await pool.send_batch([make_event(f"chat-{n}", str(number), n) for n in range(10)])
            assert 500 == len(server.delivered)
            assert len(server.connections) <= 5

    asyncio.run(main())


def pool_to(server: PusherServer, timeout_s: float = 5.0) -> PusherPool:
    return PusherPool.over_aiohttp(
        app_id="1", key="key", secret="secret", base_url=server.url, timeout_s=timeout_s
    )


def orders(delivered: list[tuple[str, str, str]]) -> dict[str, list[int]]:
    seen: dict[str, list[int]] = {}
    for channel, name, _ in delivered:
        seen.setdefault(channel, []).append(int(name))
    return seen


def test_nothing_is_lost_or_overtaken_through_everything() -> None:
    """
    With every third request cut, refused or failed, all events of a batcher over a pool are
    delivered in the order of their channels; only those whose outcome was unknown may come twice.
    """
    troubles = [
        Trouble("cut before"),
        Trouble("status", 429, (("Retry-After", "0"),)),
        Trouble("status", 503),
        Trouble("cut after"),
        Trouble("hang"),
    ]

    async def main() -> None:
        async with PusherServer() as server:
            server.plan = lambda n: troubles[n // 3 % 5] if n % 3 == 0 and n < 60 else None
            async with (
                pool_to(server, timeout_s=0.5) as pool,
                EventBatcher(pool.send_batch, retry=QUICK) as events,
            ):
                for number in range(300):
                    events.publish(f"chat-{number % 7}", str(number), None)
                    if number % 50 == 0:
                        await asyncio.sleep(0.01)
            stats = events.stats()
            assert (300, 0) == (stats.delivered, stats.failed)
            seen = orders(server.delivered)
            for chat in range(7):
                numbers = seen[f"chat-{chat}"]
                assert list(range(chat, 300, 7)) == sorted(set(numbers))
                # Each first delivery comes after the first of all before it.
                assert list(dict.fromkeys(numbers)) == sorted(set(numbers))

    asyncio.run(main())


def test_a_restart_of_the_server_loses_nothing() -> None:
    """
    Events published while the server is away are delivered when it is back, each once.
    """

    async def main() -> None:
        async with PusherServer() as server:
            async with (
                pool_to(server) as pool,
                EventBatcher(pool.send_batch, retry=QUICK) as events,
            ):
                events.publish("chat", "0", None)
                await events.flush()
                await server.stop()
                for number in range(1, 50):
                    events.publish("chat", str(number), None)
                await asyncio.sleep(0.05)
                await server.start()
            assert list(range(50)) == orders(server.delivered)["chat"]

    asyncio.run(main())


def test_ten_thousand_publishers_at_once() -> None:
    """
    Ten thousand tasks that publish at the same time are all served, in a thousand requests
    and a few, over fifty connections at most.
    """

    async def main() -> None:
        async with PusherServer() as server:
            async with (
                pool_to(server) as pool,
                EventBatcher(pool.send_batch, policy=FlushPolicy(senders_max=50)) as events,
            ):

                async def publish(number: int) -> None:
                    events.publish(f"chat-{number % 500}", str(number), None)

                async with asyncio.TaskGroup() as group:
                    for number in range(10_000):
                        group.create_task(publish(number))
            assert 10_000 == len(server.delivered)
            assert server.requests <= 1_100
            assert len(server.connections) <= 50
            for numbers in orders(server.delivered).values():
                assert sorted(numbers) == numbers

    asyncio.run(main())


def test_cancelled_publishers_do_not_break_the_pool() -> None:
    """
    Of twenty slow requests ten are cancelled in the middle; the others arrive, in order, and
    the pool is empty after.
    """

    async def main() -> None:
        async with PusherServer() as server, pool_to(server) as pool:
            server.delay_s = 0.05
            tasks = [
                asyncio.create_task(pool.send(Event(f"chat-{n % 4}", str(n), "")))
                for n in range(20)
            ]
            await asyncio.sleep(0.07)
            for task in tasks[1::2]:
                task.cancel()
            results = await asyncio.gather(*tasks, return_exceptions=True)
            arrived = [n for n in range(20) if results[n] is None]
            assert set(range(0, 20, 2)) <= set(arrived)
            for channel, numbers in orders(server.delivered).items():
                assert sorted(numbers) == numbers, channel
            assert set(arrived) <= {int(name) for _, name, _ in server.delivered}
            stats = pool.stats()
            assert (0, 0, 0) == (stats.in_flight, stats.waiting, stats.channels)

    asyncio.run(main())


def test_one_bad_event_is_alone_in_being_lost() -> None:
    """
    When the service refuses a batch for one event in it, the nine others arrive, in order.
    """

    async def main() -> None:
        lost: list[str] = []
        async with PusherServer() as server:
            async with (
                pool_to(server) as pool,
                EventBatcher(
                    pool.send_batch,
                    on_failure=lambda events, _: lost.extend(event.name for event in events),
                ) as events,
            ):
                for number in range(10):
                    # Beyond the protocol's limit, as only the service would notice.
                    data = "x" * (10_241 if number == 4 else 10)
                    events.publish_event(Event("chat", str(number), data))
            assert [0, 1, 2, 3, 5, 6, 7, 8, 9] == orders(server.delivered)["chat"]
            assert (["4"], 11) == (lost, server.requests)

    asyncio.run(main())


def test_a_shutdown_in_the_middle_of_a_flush() -> None:
    """
    A service that hangs after it took a batch leaves that batch in doubt and the next one
    unsent, and what is in doubt did arrive.
    """

    async def main() -> None:
        async with PusherServer() as server:
            server.plan = lambda n: Trouble("hang") if n > 1 else None
            async with pool_to(server) as pool:
                events = EventBatcher(pool.send_batch, policy=FlushPolicy(delay_s_max=0.0))
                for number in range(25):
                    events.publish("chat", str(number), None)
                with pytest.raises(BatcherClosedError):
                    await events.aclose(timeout_s=0.2)
                left = events.drain()
            assert list(range(11)) == orders(server.delivered)["chat"]
            assert [str(n) for n in range(1, 11)] == [event.name for event in left.in_doubt]
            assert [str(n) for n in range(11, 25)] == [event.name for event in left.unsent]

    asyncio.run(main())


def test_through_a_network_that_is_cut_and_silent() -> None:
    """
    With a proxy between that cuts replies in the middle, swallows everything for a while and
    then refuses, all events arrive in order.
    """

    async def main() -> None:
        async with PusherServer() as server:
            port = urlsplit(server.url).port
            assert port is not None
            async with Proxy("127.0.0.1", port) as proxy:
                url = f"http://127.0.0.1:{proxy.port}"
                pool = PusherPool.over_aiohttp(
                    app_id="1", key="key", secret="secret", base_url=url, timeout_s=0.3
                )
                async with pool, EventBatcher(pool.send_batch, retry=QUICK) as events:
                    for number in range(100):
                        events.publish("chat", str(number), None)
                        if number == 20:
                            proxy.cut_after_bytes(40)
                        if number == 50:
                            proxy.blackhole()
                        if number == 70:
                            proxy.heal()
                            proxy.refuse()
                        if number == 80:
                            proxy.heal()
                        await asyncio.sleep(0.005)
                assert (100, 0) == (events.stats().delivered, events.stats().failed)
            numbers = orders(server.delivered)["chat"]
            assert list(range(100)) == list(dict.fromkeys(numbers))

    asyncio.run(main())
