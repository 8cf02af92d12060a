from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from agent_perf.components import (
    BatcherClosedError,
    Event,
    EventBatcher,
    FlushPolicy,
    PusherClient,
    QueueFullError,
    RateLimiter,
)
from agent_perf.sim import SimHttp, SimLoop, SimPusher, request_scope, running_request, simulate
from tests.components.events.publishing import Service
from tests.components.fakes import Counts, constant_draws


def test_ten_events_are_one_batch_at_once() -> None:
    """
    Twenty-five events make two batches at once, and one when the rest has waited 50 ms.
    """

    async def main(_: SimLoop) -> list[tuple[float, int]]:
        service = Service()
        async with EventBatcher(service, policy=FlushPolicy(delay_s_max=0.05)) as events:
            for number in range(25):
                events.publish(f"channel-{number}", "event", number)
            await asyncio.sleep(1)
        return [(now_s, len(names)) for now_s, names in service.calls]

    assert [(0.0, 10), (0.0, 10), (0.05, 5)] == simulate(main)


def test_the_timer_is_believed() -> None:
    """
    At 0.1 s + 0.2 s, which is more than 0.3 s in floating point, a clock that reads 0.3 s
    does not make the event wait once more.
    """

    async def main(_: SimLoop) -> list[float]:
        service = Service()
        async with EventBatcher(service, policy=FlushPolicy(delay_s_max=0.2)) as events:
            await asyncio.sleep(0.1)
            events.publish("a", "event", None)
            await asyncio.sleep(1)
        return [now_s for now_s, _ in service.calls]

    assert [0.3] == simulate(main)


def test_bytes_flush_too() -> None:
    """
    When ten KiB wait they go, without waiting for the tenth event.
    """

    async def main(_: SimLoop) -> list[tuple[float, int]]:
        service = Service()
        policy = FlushPolicy(bytes_max=10 * 1024)
        async with EventBatcher(service, policy=policy) as events:
            for number in range(4):
                events.publish(f"channel-{number}", "event", "x" * 4_000)
        return [(now_s, len(names)) for now_s, names in service.calls]

    assert [(0.0, 2), (0.0, 2)] == simulate(main)


def test_nothing_is_lost_at_shutdown() -> None:
    """
    Events that were waiting for company when the batcher was closed are delivered before
    aclose returns, however many senders there are.
    """

    async def main(loop: SimLoop) -> tuple[int, float, object]:
        service = Service()
        events = EventBatcher(service, policy=FlushPolicy(delay_s_max=3600, senders_max=2))
        for number in range(57):
            events.publish(f"channel-{number}", "event", number)
        await events.aclose()
        stats = events.stats()
        return len(service.delivered), loop.time(), (stats.delivered, stats.waiting)

    # Six batches, two at a time, 0.1 s each.
    delivered, now_s, stats = simulate(main)
    assert (57, 0.3) == (delivered, round(now_s, 9))
    assert (57, 0) == stats


def test_flush_does_not_wait_for_company() -> None:
    """
    After flush everything published before it is delivered, and publishing goes on.
    """

    async def main(loop: SimLoop) -> list[object]:
        service = Service()
        events = EventBatcher(service, policy=FlushPolicy(delay_s_max=10))
        events.publish("a", "1", None)
        await events.flush()
        flushed = list(service.delivered), loop.time()
        events.publish("a", "2", None)
        await asyncio.sleep(11)
        await events.aclose()
        return [*flushed, service.calls[1]]

    assert [["1"], 0.1, (10.1, ["2"])] == simulate(main)


def test_a_full_queue_says_so() -> None:
    """
    Beyond queue_max events are refused with an error, not dropped in silence, and counted.
    """

    async def main(_: SimLoop) -> tuple[int, int, int]:
        service = Service()
        policy = FlushPolicy(queue_max=3, delay_s_max=1)
        events = EventBatcher(service, policy=policy)
        for number in range(3):
            events.publish("a", str(number), None)
        with pytest.raises(QueueFullError, match="3 events are waiting"):
            events.publish("a", "4", None)
        await events.aclose()
        stats = events.stats()
        return stats.published, stats.rejected, stats.delivered

    assert (3, 1, 3) == simulate(main)


def test_a_closed_batcher_takes_nothing() -> None:
    """
    Publishing after aclose is an error: the event would never be sent.
    """

    async def main(_: SimLoop) -> None:
        events = EventBatcher(Service())
        await events.aclose()
        with pytest.raises(BatcherClosedError):
            events.publish("a", "late", None)

    simulate(main)


def test_closing_in_limited_time_says_what_is_lost() -> None:
    """
    When the service hangs, aclose ends in time, tells how many events are lost, and leaves
    no timer behind.
    """

    async def main(loop: SimLoop) -> tuple[float, int]:
        service = Service(latency_s=3600)
        events = EventBatcher(service, policy=FlushPolicy(delay_s_max=60))
        for number in range(24):
            events.publish("a", str(number), None)
        events.publish("b", "25", None)
        with pytest.raises(BatcherClosedError, match="25 events were not delivered within 5 s"):
            await events.aclose(timeout_s=5)
        ended_s = loop.time()
        await asyncio.sleep(100)
        return ended_s, len(service.calls)

    assert (5.0, 2) == simulate(main)


def test_the_limiter_spaces_requests() -> None:
    """
    With two requests a second four batches go out half a second apart.
    """

    async def main(_: SimLoop) -> list[float]:
        service = Service(latency_s=0.0)
        async with EventBatcher(service, limiter=RateLimiter(2)) as events:
            for number in range(40):
                events.publish(f"channel-{number}", "event", None)
        return [now_s for now_s, _ in service.calls]

    assert [0.0, 0.5, 1.0, 1.5] == simulate(main)


def test_batches_belong_to_no_request() -> None:
    """
    A batch is sent in the context in which the batcher was made, not in that of the
    request that happened to fill it.
    """

    async def main(_: SimLoop) -> list[int]:
        seen: list[int] = []

        async def send(_: Sequence[Event]) -> None:
            seen.append(running_request().request_id)

        events = EventBatcher(send)
        with request_scope(7):
            for number in range(15):
                events.publish("a", str(number), None)
        await asyncio.sleep(1)
        await events.aclose()
        return seen

    assert [-1, -1] == simulate(main)


def test_an_old_event_of_a_busy_channel_is_not_late() -> None:
    """
    When a channel's batch comes back, its waiting events go as soon as they are due, also
    if a timer for younger events of other channels is already running.
    """

    async def main(_: SimLoop) -> list[tuple[float, list[str]]]:
        service = Service(latency_s=0.07)
        async with EventBatcher(service, policy=FlushPolicy(delay_s_max=0.05)) as events:
            events.publish("a", "a1", None)
            await asyncio.sleep(0.08)
            events.publish("a", "a2", None)
            await asyncio.sleep(0.035)
            events.publish("b", "b1", None)
            await asyncio.sleep(1)
        return service.calls

    # a1 leaves at 0.05 and is back at 0.12, when b1's timer is set for 0.165; a2 is due at 0.13.
    assert [(0.05, ["a1"]), (0.13, ["a2", "b1"])] == simulate(main)


def test_through_the_real_protocol() -> None:
    """
    Two hundred events of twenty chats reach a server that checks everything, in twenty-one
    requests and in order: the last batch is what was left.
    """

    async def main(_: SimLoop) -> tuple[int, bool]:
        counts = Counts()
        draws = constant_draws(pusher_request=0.03, http_connect=0.0)
        http = SimHttp(draws, counts)
        server = SimPusher(http, draws, counts, app_id="1", key="key", secret="secret")
        seen: dict[str, list[int]] = {}
        server.delivered = lambda _, channel, __, data: seen.setdefault(channel, []).append(
            int(data)
        )
        async with http.client() as client:
            pusher = PusherClient(
                client, app_id="1", key="key", secret="secret", base_url=server.base_url
            )
            async with EventBatcher(pusher.send_batch) as events:
                for number in range(200):
                    events.publish(f"chat-{number % 20}", "delta", number)
        in_order = all(list(range(chat, 200, 20)) == seen[f"chat-{chat}"] for chat in range(20))
        return counts.total["event_requests"], in_order

    assert (21, True) == simulate(main)
