"""More events than the queue holds, and events that are published twice."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

import pytest

from agent_perf.components import (
    BatcherClosedError,
    Event,
    EventBatcher,
    EventDeliveryError,
    FlushPolicy,
    Overflow,
    QueueFullError,
    RecentKeys,
    RetryPolicy,
)
from agent_perf.errors import ConfigError
from agent_perf.sim import SimLoop, simulate
from tests.components.events.publishing import Service


def policy(overflow: Overflow = Overflow.REFUSE) -> FlushPolicy:
    return FlushPolicy(queue_max=3, delay_s_max=1.0, overflow=overflow)


@pytest.mark.parametrize(
    ("overflow", "delivered", "lost", "counts"),
    [
        (Overflow.DROP_OLDEST, ["2", "3", "4"], ["0", "1"], (5, 2, 0)),
        (Overflow.DROP_NEWEST, ["0", "1", "2"], ["3", "4"], (3, 0, 2)),
    ],
)
def test_what_is_dropped_is_counted_and_told(
    overflow: Overflow,
    delivered: list[str],
    lost: list[str],
    counts: tuple[int, int, int],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """
    Five events for a queue of three: the oldest two, or the newest two, are handed to
    on_failure and counted, the log says so once, and the others arrive.
    """

    async def main(_: SimLoop) -> tuple[object, ...]:
        service, given_up = Service(), []

        def on_failure(events: Sequence[Event], error: Exception) -> None:
            assert isinstance(error, QueueFullError)
            given_up.extend(event.name for event in events)

        async with EventBatcher(service, policy=policy(overflow), on_failure=on_failure) as events:
            for number in range(5):
                events.publish(f"chat-{number % 2}", str(number), None)
        stats = events.stats()
        assert stats.published == stats.delivered + stats.dropped
        return service.delivered, given_up, (stats.published, stats.dropped, stats.ignored)

    with caplog.at_level(logging.ERROR):
        seen = simulate(main)
    assert (sorted(delivered), lost, counts) == (sorted(seen[0]), *seen[1:])
    assert 1 == len(caplog.messages)


def test_the_oldest_may_wait_for_its_channel() -> None:
    """
    While a channel's batch is on its way, its next event is still the oldest, and is dropped.
    """

    async def main(_: SimLoop) -> list[str]:
        service = Service(latency_s=10.0)
        events = EventBatcher(service, policy=policy(Overflow.DROP_OLDEST))
        events.publish("busy", "0", None)
        await asyncio.sleep(1.5)
        for number, channel in enumerate(["busy", "free", "free", "free"], 1):
            events.publish(channel, str(number), None)
        await events.aclose()
        return service.delivered

    assert ["0", "2", "3", "4"] == simulate(main)


def test_publishers_wait_for_room_in_order() -> None:
    """
    Ten publishers for a queue of three: three are accepted at once, the others as batches
    leave, in the order of asking; nobody who publishes without waiting gets in between.
    """

    async def main(loop: SimLoop) -> tuple[list[str], list[float], int]:
        service = Service(latency_s=1.0)
        events = EventBatcher(
            service, policy=FlushPolicy(queue_max=3, delay_s_max=0.0, senders_max=1, events_max=2)
        )
        accepted: list[float] = []

        async def publish(number: int) -> None:
            await events.publish_when_room("chat", str(number), None)
            accepted.append(loop.time())

        tasks = [asyncio.create_task(publish(number)) for number in range(10)]
        await asyncio.sleep(0.5)
        with pytest.raises(QueueFullError):
            events.publish("chat", "hasty", None)
        await asyncio.gather(*tasks)
        await events.aclose()
        return service.delivered, accepted, events.stats().waited

    delivered, accepted, waited = simulate(main)
    assert [str(number) for number in range(10)] == delivered
    # The first goes at once, and makes room for a fourth.
    assert [0.0] * 4 + [1.0] * 2 + [2.0] * 2 + [3.0] * 2 == accepted
    assert 6 == waited


def test_dropping_the_oldest_lets_nobody_overtake() -> None:
    """
    While a publisher waits for room, an event published without waiting is given up, not the
    oldest one for it; when nobody waits any more, the oldest is.
    """

    async def main(_: SimLoop) -> tuple[list[str], list[str], tuple[int, ...]]:
        service, given_up = Service(latency_s=1.0), []
        policy = FlushPolicy(
            queue_max=1, delay_s_max=0.0, senders_max=1, overflow=Overflow.DROP_OLDEST
        )
        events = EventBatcher(
            service,
            policy=policy,
            on_failure=lambda lost, _: given_up.extend(event.name for event in lost),
        )
        events.publish("a", "1", None)
        events.publish("a", "2", None)
        waiting = asyncio.create_task(events.publish_when_room("b", "3", None))
        await asyncio.sleep(0)
        events.publish("b", "4", None, key="4")
        await waiting
        events.publish("b", "5", None, key="4")
        await events.aclose()
        stats = events.stats()
        return service.delivered, given_up, (stats.published, stats.dropped, stats.ignored)

    assert (["1", "2", "5"], ["4", "3"], (4, 1, 1)) == simulate(main)


def test_who_gives_up_waiting_is_not_published() -> None:
    """
    A publisher whose wait is cancelled, and one who waits when the batcher is closed, get
    nothing in; the first may publish the same key again.
    """

    async def main(_: SimLoop) -> tuple[list[str], int]:
        service = Service(latency_s=1.0)
        events = EventBatcher(
            service, policy=FlushPolicy(queue_max=1, delay_s_max=0.0, senders_max=1)
        )
        events.publish("chat", "under way", None)
        events.publish("chat", "waiting", None)
        impatient = asyncio.create_task(events.publish_when_room("chat", "no", None, key="k"))
        patient = asyncio.create_task(events.publish_when_room("chat", "yes", None))
        late = asyncio.create_task(events.publish_when_room("chat", "late", None))
        await asyncio.sleep(0.5)
        impatient.cancel()
        await asyncio.sleep(1.0)
        assert patient.done()
        closing = asyncio.create_task(events.aclose())
        with pytest.raises(BatcherClosedError, match="while event 'late' waited"):
            await late
        await closing
        return service.delivered, events.stats().published

    assert (["under way", "waiting", "yes"], 3) == simulate(main)


def test_cancelled_publishers_do_not_pile_up() -> None:
    """
    Ten thousand publishers who give up one after another during an outage leave nothing behind.
    """

    async def main(_: SimLoop) -> int:
        events = EventBatcher(Service(latency_s=1e6), policy=policy())
        for number in range(3):
            events.publish("chat", str(number), None)
        for number in range(10_000):
            task = asyncio.create_task(events.publish_when_room("chat", "x", None, key=number))
            await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        waiters = len(events._admission._waiters) + len(events._admission._keys)
        events.drain()
        return waiters

    assert 0 == simulate(main)


def test_a_key_is_published_once() -> None:
    """
    An event whose key was accepted within the window is counted, and not sent again; after
    the window it is new.
    """

    async def main(_: SimLoop) -> tuple[list[str], int]:
        service = Service()
        events = EventBatcher(service, keys=RecentKeys(window_s=10.0))
        events.publish("chat", "1", None, key="answer-1")
        events.publish("chat", "1 again", None, key="answer-1")
        events.publish("chat", "2", None, key="answer-2")
        await asyncio.sleep(9)
        await events.publish_when_room("chat", "1 again", None, key="answer-1")
        await asyncio.sleep(1.5)
        events.publish("chat", "1 much later", None, key="answer-1")
        await events.aclose()
        return service.delivered, events.stats().duplicates

    assert (["1", "2", "1 much later"], 2) == simulate(main)


def test_what_was_given_up_may_come_again() -> None:
    """
    The key of an event that was refused, dropped or could not be delivered is free again.
    """

    async def main(_: SimLoop) -> tuple[list[str], int]:
        def plan(call: int) -> None:
            if call == 1:
                raise EventDeliveryError("no")

        service = Service(plan=plan)
        events = EventBatcher(
            service, policy=policy(Overflow.DROP_OLDEST), retry=RetryPolicy(attempts=1)
        )
        events.publish("chat", "failed", None, key="a")
        await events.flush()
        events.publish("chat", "failed again", None, key="a")
        for number in range(3):
            events.publish("chat", str(number), None)
        # It was dropped for the third.
        events.publish("chat", "dropped again", None, key="a")
        await events.aclose()
        return service.delivered, events.stats().duplicates

    assert (["1", "2", "dropped again"], 0) == simulate(main)


def test_recent_keys_are_bounded() -> None:
    """
    No more than keys_max are remembered, and none longer than its window; the oldest go first.
    """
    keys = RecentKeys(window_s=10, keys_max=3)
    assert [True] * 4 == [keys.add(key, 0.0) for key in "abcd"]
    assert 3 == len(keys)
    assert (True, False) == (keys.add("a", 1.0), keys.add("d", 9.9))
    assert keys.add("d", 10.0)
    keys.add("x", 100.0)
    keys.add("y", 100.0)
    assert 2 == len(keys)
    keys.forget("x")
    keys.forget("never seen")
    assert keys.add("x", 100.0)


@pytest.mark.parametrize("bad", [{"window_s": 0.0}, {"window_s": float("inf")}, {"keys_max": 0}])
def test_recent_keys_are_checked(bad: dict[str, float]) -> None:
    """
    A window of nothing or of for ever is refused.
    """
    with pytest.raises(ConfigError):
        RecentKeys(**bad)
