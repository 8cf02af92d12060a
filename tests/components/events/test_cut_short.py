"""Senders that are cancelled, and files of events that end in the middle: what is left is whole."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from agent_perf.components import (
    DeliveryGuarantee,
    Event,
    EventBatcher,
    EventDeliveryError,
    EventFile,
    EventOutcomeUnknownError,
    EventRefusedError,
    FlushPolicy,
    InvalidEventError,
    Leftovers,
    QueueFullError,
    RetryPolicy,
    make_event,
)
from agent_perf.sim import SimLoop, simulate
from tests.components.events.ending import names, saved
from tests.components.events.publishing import Service


@pytest.mark.parametrize("guarantee", DeliveryGuarantee)
def test_a_sender_cancelled_from_outside_loses_nothing(guarantee: DeliveryGuarantee) -> None:
    """
    If somebody cancels all tasks of the loop, what was on its way is sent again in its place;
    at most once, it is given up.
    """

    async def main(_: SimLoop) -> tuple[list[str], int]:
        service = Service(latency_s=1.0)
        events = EventBatcher(service, policy=FlushPolicy(delay_s_max=0.0), guarantee=guarantee)
        events.publish("chat", "1", None)
        await asyncio.sleep(0.5)
        events.publish("chat", "2", None)
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
        await asyncio.sleep(0.5)
        await events.aclose()
        return service.delivered, events.stats().failed

    expected = (["1", "2"], 0) if guarantee is DeliveryGuarantee.AT_LEAST_ONCE else (["2"], 1)
    assert expected == simulate(main)


@pytest.mark.parametrize(
    ("end_s", "in_doubt", "unsent", "repeated"),
    [
        # Back in the queue; on its way again, with another; clearly refused; a third time; taken.
        (2.0, ["1"], ["2"], 0),
        (3.0, ["1", "2"], [], 1),
        (4.0, ["1"], ["2"], 1),
        (6.0, ["1", "2"], [], 2),
        (7.0, [], [], 2),
    ],
)
def test_a_sender_cancelled_from_outside_leaves_doubt(
    end_s: float, in_doubt: list[str], unsent: list[str], repeated: int
) -> None:
    """
    What was on its way when its sender was cancelled stays in doubt until it is decided, and
    counts as repeated each time it is sent again; what shares a batch with it does not.
    """

    def refuse_second(call: int) -> None:
        if call == 2:
            raise EventDeliveryError("429")

    async def main(_: SimLoop) -> tuple[list[str], list[str], int]:
        retry = RetryPolicy(attempts=2, wait_s_first=2.0, wait_s_max=2.0, jitter_s_max=0.0)
        service = Service(latency_s=1.0, plan=refuse_second)
        events = EventBatcher(service, policy=FlushPolicy(delay_s_max=1.0), retry=retry)
        events.publish("chat", "1", None)
        await asyncio.sleep(1.5)
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
        events.publish("chat", "2", None)
        await asyncio.sleep(end_s - 1.5)
        left = events.drain()
        return names(left.in_doubt), names(left.unsent), events.stats().repeated

    assert (in_doubt, unsent, repeated) == simulate(main)


def test_a_sender_cancelled_before_it_began_loses_nothing() -> None:
    """
    The same holds for a task that was cancelled before its first step.
    """

    async def main(_: SimLoop) -> list[str]:
        service = Service(latency_s=1.0)
        events = EventBatcher(service, policy=FlushPolicy(delay_s_max=0.0))
        events.publish("chat", "1", None)
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
        await asyncio.sleep(0.5)
        events.publish("chat", "2", None)
        await events.aclose()
        return service.delivered

    assert ["1", "2"] == simulate(main)


def test_half_a_line_was_never_saved(tmp_path: Path) -> None:
    """
    What a crash left half written is left out, and does not spoil what is saved after it; a
    damaged line is an error, and the file stays.
    """
    path = tmp_path / "events.jsonl"
    kept = EventFile(path)
    assert [] == saved(kept)
    kept.save([])
    assert not path.exists()
    one, two = make_event("chat", "1", None), make_event("chat", "2", None, socket_id="1.1")
    kept.save([one])
    path.write_bytes(path.read_bytes() + b'{"channel":"ch')
    kept.save(Leftovers(in_doubt=(two,), unsent=(one,)))
    path.write_bytes(path.read_bytes() + b'{"chan')
    assert [one, two, one] == saved(kept)
    with kept.replay():
        pass
    path.write_bytes(b'{"channel":"ch\n')
    with pytest.raises(InvalidEventError, match="line 1"):
        saved(kept)
    assert path.exists()


@pytest.mark.parametrize("how", ["full", "crash", "time"])
def test_a_replay_that_does_not_end_keeps_its_events(how: str, tmp_path: Path) -> None:
    """
    Events are in the file until the replay is over, and once, however often it is tried: when
    the batcher has no room for them, when the process ends, and when what is left is spilled
    into the same file.
    """
    path = tmp_path / "events.jsonl"
    before = [make_event("chat", str(number), None) for number in range(3)]

    async def main(_: SimLoop) -> None:
        kept = EventFile(path)
        events = EventBatcher(
            Service(latency_s=3600),
            policy=FlushPolicy(queue_max=2 if how == "full" else 9),
            spill=None if how == "crash" else kept.save,
        )

        async def replay() -> None:
            with kept.replay() as found:
                for event in found:
                    events.publish_event(event)
                await events.flush()

        error = {"full": QueueFullError, "crash": TimeoutError, "time": TimeoutError}[how]
        with pytest.raises(error):
            await asyncio.wait_for(replay(), 10)
        if how == "crash":
            events.drain()
        else:
            await events.aclose(timeout_s=1)

    EventFile(path).save(before)
    for _ in range(3):
        simulate(main)
        assert before == saved(EventFile(path))


def test_what_is_saved_during_a_replay_stays(tmp_path: Path) -> None:
    """
    The end of a replay removes what it gave, and nothing that was saved since.
    """
    kept = EventFile(tmp_path / "events.jsonl")
    one, two = make_event("chat", "1", None), make_event("chat", "1", None)
    kept.save([one])
    with kept.replay() as events:
        assert (one,) == events
        kept.save([*events, two])
    assert [two] == saved(kept)
    assert ["events.jsonl"] == [path.name for path in tmp_path.iterdir()]


def test_a_doubtful_batch_sent_one_by_one_stays_in_doubt() -> None:
    """
    A batch that may have arrived and is then refused is sent singly: until each of its events
    is decided, each is in doubt.
    """

    async def send(events: Sequence[Event]) -> None:
        sizes.append(len(events))
        if len(sizes) == 1:
            raise EventOutcomeUnknownError("cut after it arrived")
        if len(events) > 1:
            raise EventRefusedError("400", status=400)
        await asyncio.sleep(1)

    sizes: list[int] = []

    async def main(_: SimLoop) -> tuple[list[str], list[str], int]:
        retry = RetryPolicy(attempts=3, wait_s_first=1.0, jitter_s_max=0.0)
        events = EventBatcher(send, policy=FlushPolicy(delay_s_max=1.0), retry=retry)
        for number in range(3):
            events.publish("chat", str(number), None)
        # Sent at 1 s and at 2 s; the first single one is through at 3 s.
        await asyncio.sleep(3.5)
        left = events.drain()
        return names(left.in_doubt), names(left.unsent), events.stats().repeated

    assert (["1", "2"], [], 5) == simulate(main)
    assert [3, 3, 1, 1] == sizes


def test_an_on_failure_that_raises_loses_nothing_of_a_cancelled_sender() -> None:
    """
    At most once, a cancelled sender gives up what was on its way; if on_failure raises then,
    the others of its batch are left over all the same.
    """

    async def send(events: Sequence[Event]) -> None:
        if len(events) > 1:
            raise EventRefusedError("400", status=400)
        await asyncio.sleep(60)

    def fail(_events: Sequence[Event], _error: Exception) -> None:
        raise RuntimeError("on_failure")

    async def main(loop: SimLoop) -> tuple[int, list[str]]:
        loop.set_exception_handler(lambda _, context: told.append(str(context.get("exception"))))
        events = EventBatcher(
            send,
            policy=FlushPolicy(delay_s_max=1.0),
            guarantee=DeliveryGuarantee.AT_MOST_ONCE,
            on_failure=fail,
        )
        for number in range(3):
            events.publish("chat", str(number), None)
        await asyncio.sleep(1.5)
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        left = events.drain()
        return events.stats().failed, names([*left.in_doubt, *left.unsent])

    told: list[str] = []

    assert (1, ["1", "2"]) == simulate(main)
    assert ["on_failure"] == told
