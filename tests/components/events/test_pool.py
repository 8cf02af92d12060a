from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent_perf.components import (
    BatcherClosedError,
    Event,
    EventBatcher,
    EventDeliveryError,
    EventOutcomeUnknownError,
    EventRefusedError,
    PusherClient,
    PusherPool,
    QueueFullError,
    make_event,
)
from agent_perf.errors import ConfigError
from agent_perf.sim import SimHttp, SimLoop, SimPusher, simulate
from tests.components.fakes import Counts, constant_draws


class Client:
    """Takes *latency_s* per request, or fails with *error*."""

    def __init__(self, log: list[tuple[str, str]], name: str) -> None:
        self.log = log
        self.name = name
        self.latency_s = 0.1
        self.error: Exception | None = None

    async def send(self, event: Event) -> None:
        await self.send_batch([event])

    async def send_batch(self, events: Sequence[Event]) -> None:
        if self.error is None:
            await asyncio.sleep(self.latency_s)
        if self.error is not None:
            raise self.error
        self.log += [(self.name, event.name) for event in events]

    async def ping(self) -> None:
        await self.send_batch([])


def make_clients(names: str = "abcde") -> tuple[list[tuple[str, str]], list[Client]]:
    log: list[tuple[str, str]] = []
    return log, [Client(log, name) for name in names]


def event(channel: str, name: object) -> Event:
    return make_event(channel, str(name), None)


def test_five_channels_go_at_once_over_five_clients() -> None:
    """
    Events of five channels go to five clients, and take as long as one.
    """

    async def main(loop: SimLoop) -> tuple[object, float]:
        log, clients = make_clients()
        async with PusherPool(clients) as pool:
            await asyncio.gather(*(pool.send(event(f"chat-{n}", n)) for n in range(5)))
        return log, loop.time()

    assert ([("a", "0"), ("b", "1"), ("c", "2"), ("d", "3"), ("e", "4")], 0.1) == simulate(main)


def test_one_channel_keeps_its_order() -> None:
    """
    Events of one channel go one after another, although the first takes longest.
    """

    async def main(loop: SimLoop) -> tuple[list[str], float]:
        log, clients = make_clients()
        clients[0].latency_s = 1.0
        async with PusherPool(clients) as pool:
            first = asyncio.create_task(pool.send(event("chat", 0)))
            await asyncio.sleep(0)
            clients[0].latency_s = 0.1
            rest = [pool.send(event("chat", n)) for n in (1, 2)]
            batch = pool.send_batch([event("chat", 3), event("other", 4)])
            await asyncio.gather(first, *rest, batch)
        return [name for _, name in log], round(loop.time(), 9)

    assert (["0", "1", "2", "3", "4"], 1.3) == simulate(main)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.lists(st.sampled_from("abc"), min_size=1, max_size=4),
            st.integers(0, 30),
            st.integers(0, 9),
        ),
        max_size=30,
    )
)
def test_order_holds_whatever_clients_do(script: list[tuple[list[str], int, int]]) -> None:
    """
    However batches overlap and clients differ in speed, fail and rest, what is delivered of a
    channel is in the order of sending, each event once, and what is not was told to its sender.
    """

    async def main(_: SimLoop) -> None:
        log, clients = make_clients("xyz")
        pool = PusherPool(clients, requests_max=2, failures_max=2, rest_s=0.05)
        tasks = []
        for number, (channels, pause_ms, trouble) in enumerate(script):
            await asyncio.sleep(pause_ms / 1000)
            client = clients[trouble % 3]
            client.latency_s = 0.01 * (1 + trouble)
            client.error = None if trouble < 6 else EventDeliveryError("no connection")
            events = [event(channel, f"{channel}{number}") for channel in channels]
            tasks.append(asyncio.create_task(pool.send_batch(events)))
        results = await asyncio.gather(*tasks, return_exceptions=True)
        await pool.aclose()

        delivered = [name for _, name in log]
        for channel in "abc":
            assert [
                f"{channel}{number}"
                for number, (channels, _, _) in enumerate(script)
                for one in channels
                if results[number] is None and one == channel
            ] == [name for name in delivered if name[0] == channel]
        stats = pool.stats()
        assert (0, 0, 0) == (stats.in_flight, stats.waiting, stats.channels)
        assert stats.failed == sum(result is not None for result in results)

    simulate(main)


def test_a_client_without_a_connection_does_not_stop_the_others() -> None:
    """
    What one client cannot send at all another does at once; after three such requests the
    client rests, and is not asked.
    """

    async def main(loop: SimLoop) -> tuple[int, object, float]:
        log, clients = make_clients("ab")
        clients[0].error = EventDeliveryError("no connection")
        pool = PusherPool(clients, failures_max=3, rest_s=60)
        for number in range(10):
            await pool.send(event("chat", number))
        stats = pool.stats()
        return len(log), (stats.moved, stats.failed, stats.rests, stats.resting), loop.time()

    delivered, counts, now_s = simulate(main)
    assert (10, (3, 0, 1, 1), 1.0) == (delivered, counts, round(now_s, 9))


@pytest.mark.parametrize(
    ("error", "failures"),
    [
        (EventOutcomeUnknownError("no answer"), 1),
        (EventDeliveryError("status 429", status=429), 0),
        (EventRefusedError("status 400", status=400), 0),
    ],
)
def test_what_may_have_been_delivered_is_not_sent_by_another(
    error: Exception, failures: int
) -> None:
    """
    An unknown outcome, and an answer, go to the caller; only the first counts against the client.
    """

    async def main(_: SimLoop) -> tuple[int, int, int]:
        log, clients = make_clients("ab")
        clients[0].error = error
        pool = PusherPool(clients, failures_max=1)
        with pytest.raises(type(error)):
            await pool.send(event("chat", 1))
        stats = pool.stats()
        return len(log), stats.resting, stats.moved

    assert (0, failures, 0) == simulate(main)


def test_ten_thousand_publishers_are_served_in_bounded_room() -> None:
    """
    Of ten thousand at once fifty are on their way at a time, and all arrive.
    """

    async def main(loop: SimLoop) -> tuple[int, int, float]:
        log, clients = make_clients()
        pool = PusherPool(clients, requests_max=10)
        tasks = [asyncio.create_task(pool.send(event(f"chat-{n}", n))) for n in range(10_000)]
        await asyncio.sleep(0.05)
        in_flight = pool.stats().in_flight
        await asyncio.gather(*tasks)
        return len(log), in_flight, round(loop.time(), 6)

    assert (10_000, 50, 20.0) == simulate(main)


def test_too_many_are_refused() -> None:
    """
    Beyond waiting_max a call is an error at once, counted, and nothing is sent of it.
    """

    async def main(_: SimLoop) -> tuple[int, int]:
        log, clients = make_clients("a")
        pool = PusherPool(clients, requests_max=1, waiting_max=2)
        tasks = [asyncio.create_task(pool.send(event("chat", n))) for n in range(3)]
        await asyncio.sleep(0)
        with pytest.raises(QueueFullError, match="2 requests wait"):
            await pool.send(event("other", 4))
        await asyncio.gather(*tasks)
        return len(log), pool.stats().refused

    assert (3, 1) == simulate(main)


def test_cancelled_callers_leave_nothing_behind() -> None:
    """
    Callers that give up while they run, or wait for their channel or for a client, do not
    hold up those after them.
    """

    async def main(loop: SimLoop) -> tuple[list[str], float]:
        log, clients = make_clients("a")
        pool = PusherPool(clients, requests_max=1)
        channels = ["chat", "chat", "other", "chat", "other"]
        tasks = [
            asyncio.create_task(pool.send(event(channel, n))) for n, channel in enumerate(channels)
        ]
        await asyncio.sleep(0.05)
        for task in tasks[:3]:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await pool.aclose()
        return [name for _, name in log], round(loop.time(), 9)

    assert (["3", "4"], 0.25) == simulate(main)


def test_closing_waits_and_then_refuses() -> None:
    """
    Closing lets what is under way end, closes what is closed with the pool, and then sending
    is an error.
    """

    class Http:
        closed_s = 0.0

        async def aclose(self) -> None:
            self.closed_s = asyncio.get_running_loop().time()

    async def main(_: SimLoop) -> tuple[int, float]:
        log, clients = make_clients("a")
        http = Http()
        pool = PusherPool(clients, closing=[http])
        tasks = [asyncio.create_task(pool.send(event("chat", n))) for n in range(3)]
        await asyncio.sleep(0)
        await pool.aclose()
        await asyncio.gather(*tasks)
        with pytest.raises(BatcherClosedError):
            await pool.send(event("chat", 4))
        return len(log), round(http.closed_s, 9)

    assert (3, 0.3) == simulate(main)


def test_health_asks_the_service() -> None:
    """
    A service that takes a batch of nothing is up; one with other credentials, or none, is not,
    and the reason is told.
    """

    async def main(_: SimLoop) -> list[tuple[bool, float, str]]:
        counts = Counts()
        draws = constant_draws(pusher_request=0.03, http_connect=0.0)
        http = SimHttp(draws, counts)
        server = SimPusher(http, draws, counts, app_id="1", key="key", secret="secret")
        seen = []
        async with http.client() as client:
            for url, secret in (
                (server.base_url, "secret"),
                (server.base_url, "wrong"),
            ):
                pool = PusherPool(
                    [PusherClient(client, app_id="1", key="key", secret=secret, base_url=url)]
                )
                health = await pool.health()
                seen.append((health.is_up, round(health.latency_s, 9), health.detail[:29]))
        return seen

    assert [
        (True, 0.03, ""),
        (False, 0.03, "EventRefusedError: POST /apps"),
    ] == simulate(main)


def test_under_a_batcher() -> None:
    """
    A batcher over a pool delivers everything in order of its channels.
    """

    async def main(_: SimLoop) -> list[str]:
        log, clients = make_clients()
        async with PusherPool(clients) as pool, EventBatcher(pool.send_batch) as events:
            for number in range(100):
                events.publish(f"chat-{number % 7}", str(number), None)
        return [name for _, name in log]

    delivered = simulate(main)
    for chat in range(7):
        assert [str(number) for number in range(chat, 100, 7)] == [
            name for name in delivered if int(name) % 7 == chat
        ]


@pytest.mark.parametrize(
    "bad", [{"requests_max": 0}, {"waiting_max": 0}, {"failures_max": 0}, {"rest_s": 0.0}]
)
def test_arguments_are_checked(bad: dict[str, float]) -> None:
    """
    A pool that could not work is refused, as is one of nobody.
    """
    with pytest.raises(ConfigError, match="want"):
        PusherPool(make_clients()[1], **bad)
    with pytest.raises(ConfigError, match="no clients"):
        PusherPool([])
