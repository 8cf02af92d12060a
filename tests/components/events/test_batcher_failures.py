"""Events that a service does not take at once."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent_perf.components import (
    Event,
    EventBatcher,
    EventDeliveryError,
    EventRefusedError,
    FlushPolicy,
    InvalidEventError,
    RetryPolicy,
)
from agent_perf.sim import SimLoop, simulate
from tests.components.events.publishing import Service

STEADY = RetryPolicy(attempts=3, wait_s_first=1.0, jitter_s_max=0.0)


def test_a_retry_is_not_overtaken() -> None:
    """
    While a channel's batch is being retried its next events wait; other channels go on.
    """

    def plan(call: int) -> None:
        if call == 1:
            raise EventDeliveryError("busy")

    async def main(_: SimLoop) -> list[str]:
        service = Service(plan=plan)
        async with EventBatcher(
            service, policy=FlushPolicy(delay_s_max=0.0), retry=STEADY
        ) as events:
            events.publish("a", "a1", None)
            await asyncio.sleep(0.5)
            events.publish("a", "a2", None)
            events.publish("b", "b1", None)
        return service.delivered

    assert ["b1", "a1", "a2"] == simulate(main)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 40)), max_size=60),
    st.sets(st.integers(1, 12)),
    st.integers(1, 4),
)
def test_order_holds_whatever_fails(
    published: list[tuple[str, int]], failing: set[int], senders_max: int
) -> None:
    """
    However publishing, sending and failing interleave, each event is delivered once, in
    the order of its channel.
    """

    def plan(call: int) -> None:
        if call in failing:
            raise EventDeliveryError("busy")

    async def main(_: SimLoop) -> list[str]:
        service = Service(plan=plan)
        policy = FlushPolicy(events_max=4, delay_s_max=0.03, senders_max=senders_max)
        retry = RetryPolicy(attempts=20, wait_s_first=0.05, jitter_s_max=0.02)
        async with EventBatcher(service, policy=policy, retry=retry) as events:
            for number, (channel, pause_ms) in enumerate(published):
                await asyncio.sleep(pause_ms / 1000)
                events.publish(channel, f"{channel}-{number}", None)
        return service.delivered

    delivered = simulate(main)
    for channel in "abc":
        assert [
            f"{name}-{number}" for number, (name, _) in enumerate(published) if name == channel
        ] == [name for name in delivered if name.startswith(channel)]


def test_waits_between_attempts_and_gives_up_loudly(caplog: pytest.LogCaptureFixture) -> None:
    """
    After three attempts, 1 s and 2 s apart, the events are counted, logged and handed to
    whoever wants them.
    """
    lost: list[tuple[list[str], str]] = []

    def plan(_: int) -> None:
        raise EventDeliveryError("busy")

    def on_failure(events: Sequence[Event], error: Exception) -> None:
        lost.append(([event.name for event in events], str(error)))

    async def main(_: SimLoop) -> tuple[list[float], object]:
        service = Service(latency_s=0.0, plan=plan)
        events = EventBatcher(service, retry=STEADY, on_failure=on_failure)
        events.publish("a", "1", None)
        events.publish("a", "2", None)
        await events.aclose()
        stats = events.stats()
        return [now_s for now_s, _ in service.calls], (stats.failed, stats.attempts, stats.batches)

    with caplog.at_level(logging.ERROR):
        assert ([0.0, 1.0, 3.0], (2, 3, 1)) == simulate(main)
    assert [(["1", "2"], "busy")] == lost
    assert ["2 events are lost"] == caplog.messages


def test_one_bad_event_does_not_take_nine_good_ones_along() -> None:
    """
    A batch that is refused for its content is sent one by one: only the bad one is lost.
    """

    async def main(_: SimLoop) -> tuple[list[str], int]:
        delivered: list[str] = []

        async def send(events: Sequence[Event]) -> None:
            if any(event.name == "bad" for event in events):
                raise EventRefusedError("status 413", status=413)
            delivered.extend(event.name for event in events)

        events = EventBatcher(send)
        for name in ("1", "2", "bad", "3"):
            events.publish("a", name, None)
        events.publish("a", "4", None)
        await events.aclose()
        return delivered, events.stats().failed

    assert (["1", "2", "3", "4"], 1) == simulate(main)


def test_wrong_credentials_are_not_tried_ten_times_over() -> None:
    """
    A refusal that is not about the content loses the batch in one request.
    """

    def plan(_: int) -> None:
        raise EventRefusedError("status 401", status=401)

    async def main(_: SimLoop) -> tuple[int, int]:
        service = Service(plan=plan)
        events = EventBatcher(service)
        for number in range(10):
            events.publish("a", str(number), None)
        await events.aclose()
        return len(service.calls), events.stats().failed

    assert (1, 10) == simulate(main)


def test_a_bug_in_the_sender_does_not_stop_the_queue(caplog: pytest.LogCaptureFixture) -> None:
    """
    An error that nobody foresaw loses its batch loudly; later events are delivered.
    """

    def plan(call: int) -> None:
        if call == 1:
            raise ZeroDivisionError("a bug")

    async def main(_: SimLoop) -> list[str]:
        service = Service(plan=plan)
        async with EventBatcher(service, policy=FlushPolicy(delay_s_max=0)) as events:
            events.publish("a", "1", None)
            events.publish("a", "2", None)
        return service.delivered

    assert ["2"] == simulate(main)
    assert "a bug" in caplog.text


def test_a_bad_event_is_an_error_where_it_is_published() -> None:
    """
    The publisher learns of a bad channel at once; the others' events are not touched.
    """

    async def main(_: SimLoop) -> list[str]:
        service = Service()
        async with EventBatcher(service) as events:
            events.publish("good", "1", None)
            with pytest.raises(InvalidEventError):
                events.publish("bad channel", "2", None)
        return service.delivered

    assert ["1"] == simulate(main)


def test_a_bug_in_on_failure_loses_nothing_else() -> None:
    """
    If on_failure raises at a batch's third event, the loop reports it, and the nine others
    are delivered.
    """
    reported: list[object] = []

    async def send(events: Sequence[Event]) -> None:
        if any(event.name == "bad" for event in events):
            raise EventRefusedError("status 413", status=413)
        delivered.extend(event.name for event in events)

    def on_failure(events: Sequence[Event], error: Exception) -> None:
        raise ZeroDivisionError("a bug")

    delivered: list[str] = []

    async def main(loop: SimLoop) -> tuple[int, int]:
        loop.set_exception_handler(lambda _, context: reported.append(context["exception"]))
        events = EventBatcher(send, on_failure=on_failure)
        for number in range(10):
            events.publish("a", "bad" if number == 2 else str(number), None)
        await events.aclose()
        stats = events.stats()
        return stats.failed, stats.under_way

    assert (1, 0) == simulate(main)
    assert list("013456789") == delivered
    assert ["a bug"] == [str(error) for error in reported]
