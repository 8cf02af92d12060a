"""How a batcher ends: in time or not, cancelled, in doubt, and what it leaves."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from agent_perf.components import (
    BatcherClosedError,
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
from tests.components.events.publishing import Service

STEADY = RetryPolicy(attempts=3, wait_s_first=1.0, jitter_s_max=0.0)


def names(events: Sequence[Event]) -> list[str]:
    return [event.name for event in events]


class Crash(BaseException):
    """The end of the process."""


def saved(kept: EventFile) -> list[Event]:
    """Return what is in the file, and leave it there."""
    found: list[Event] = []
    with pytest.raises(Crash), kept.replay() as events:
        found += events
        raise Crash
    return found


def test_what_may_have_been_delivered_is_told_apart() -> None:
    """
    When closing takes too long, drain returns what was on its way as in doubt, and what was
    not sent, or was certainly refused, as unsent, in order; asked again it returns nothing.
    """

    async def send(events: Sequence[Event]) -> None:
        if events[0].channel == "refused":
            raise EventDeliveryError("429")
        await asyncio.sleep(3600)

    async def main(_: SimLoop) -> tuple[object, ...]:
        retry = RetryPolicy(attempts=99, wait_s_first=60, wait_s_max=60, jitter_s_max=0)
        events = EventBatcher(send, policy=FlushPolicy(delay_s_max=0.0), retry=retry)
        events.publish("hanging", "1", None)
        events.publish("refused", "2", None)
        await asyncio.sleep(0.1)
        events.publish("hanging", "3", None)
        events.publish("refused", "4", None)
        with pytest.raises(BatcherClosedError, match="4 events .* drain\\(\\) returns them"):
            await events.aclose(timeout_s=5)
        left = events.drain()
        stats = events.stats()
        counts = (stats.published, stats.drained, stats.waiting, stats.under_way)
        return names(left.in_doubt), names(left.unsent), len(left), counts, len(events.drain())

    assert (["1"], ["2", "3", "4"], 4, (4, 4, 0, 0), 0) == simulate(main)


def test_one_unknown_outcome_leaves_doubt() -> None:
    """
    A batch whose first attempt timed out is in doubt, although the second was refused.
    """

    def plan(call: int) -> None:
        raise EventOutcomeUnknownError("?") if call == 1 else EventDeliveryError("429")

    async def main(_: SimLoop) -> tuple[list[str], list[str], int]:
        events = EventBatcher(
            Service(plan=plan), retry=RetryPolicy(attempts=99, wait_s_first=1, jitter_s_max=0)
        )
        events.publish("chat", "1", None)
        await asyncio.sleep(2)
        left = events.drain()
        return names(left.in_doubt), names(left.unsent), events.stats().repeated

    assert (["1"], [], 1) == simulate(main)


def test_a_batch_sent_one_by_one_is_in_three_parts() -> None:
    """
    Of a batch whose bad event made it be sent singly, what is delivered is not left over,
    what is on its way is in doubt, and the rest is unsent.
    """

    async def send(events: Sequence[Event]) -> None:
        await asyncio.sleep(1)
        if len(events) > 1:
            raise EventRefusedError("413", status=413)

    async def main(_: SimLoop) -> tuple[list[str], list[str], int]:
        events = EventBatcher(send, policy=FlushPolicy(delay_s_max=0.0))
        for number in range(4):
            events.publish("chat", str(number), None)
        # The first went alone; the next three are refused after 2 s, and one is through by 3 s.
        await asyncio.sleep(3.5)
        left = events.drain()
        return names(left.in_doubt), names(left.unsent), events.stats().delivered

    assert (["2"], ["3"], 2) == simulate(main)


@pytest.mark.parametrize(
    ("guarantee", "delivered", "counts"),
    [
        (DeliveryGuarantee.AT_LEAST_ONCE, ["1", "1", "2"], (2, 0, 2)),
        (DeliveryGuarantee.AT_MOST_ONCE, ["1", "2"], (1, 1, 0)),
    ],
)
def test_an_unknown_outcome_is_sent_again_or_not(
    guarantee: DeliveryGuarantee, delivered: list[str], counts: tuple[int, int, int]
) -> None:
    """
    A batch that was taken, and whose answer was lost, comes twice or is given up, as chosen;
    what was refused is sent again either way.
    """
    taken: list[str] = []
    calls = 0

    async def send(events: Sequence[Event]) -> None:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise EventDeliveryError("429")
        if calls == 1 or events[0].name == "2":
            taken.extend(names(events))
        if calls == 1:
            raise EventOutcomeUnknownError("cut")
        if events[0].name == "1":
            taken.extend(names(events))

    async def main(_: SimLoop) -> tuple[int, int, int]:
        policy = FlushPolicy(delay_s_max=0.0, events_max=1)
        async with EventBatcher(send, policy=policy, retry=STEADY, guarantee=guarantee) as events:
            events.publish("chat", "1", None)
            events.publish("chat", "2", None)
        stats = events.stats()
        return stats.delivered, stats.failed, stats.repeated

    assert counts == simulate(main)
    assert delivered == taken


def test_a_cancelled_closing_keeps_what_is_left(caplog: pytest.LogCaptureFixture) -> None:
    """
    When aclose is cancelled in the middle of a flush it says what is left; delivery goes on,
    and drain returns what has not arrived by then.
    """

    async def main(_: SimLoop) -> tuple[object, ...]:
        service = Service(latency_s=1.0)
        events = EventBatcher(service, policy=FlushPolicy(events_max=1))
        for number in range(4):
            events.publish("chat", str(number), None)
        closing = asyncio.create_task(events.aclose())
        await asyncio.sleep(1.5)
        closing.cancel()
        await asyncio.gather(closing, return_exceptions=True)
        assert closing.cancelled()
        await asyncio.sleep(1.0)
        left = events.drain()
        await asyncio.sleep(10)
        return service.delivered, names(left.in_doubt), names(left.unsent)

    assert (["0", "1"], ["2"], ["3"]) == simulate(main)
    assert "closing was cancelled with 2 events waiting and 1 under way" in caplog.text


@pytest.mark.parametrize("how", ["time", "cancel"])
def test_what_is_left_is_spilled(how: str, tmp_path: Path) -> None:
    """
    With a file to spill to, closing in too little time is no error, and a cancelled closing
    loses nothing: the next process takes the events out and publishes them in order.
    """
    kept = EventFile(tmp_path / "events.jsonl")

    async def ends(_: SimLoop) -> tuple[int, int]:
        events = EventBatcher(
            Service(latency_s=3600), policy=FlushPolicy(delay_s_max=0), spill=kept.save
        )
        for number in range(25):
            events.publish("chat", str(number), {"n": number, "text": "é\n"})
        closing = asyncio.create_task(events.aclose(timeout_s=5 if how == "time" else None))
        await asyncio.sleep(1)
        if how == "cancel":
            closing.cancel()
        await asyncio.gather(closing, return_exceptions=True)
        assert (how == "cancel") == closing.cancelled()
        return len(events.drain()), events.stats().drained

    async def begins(_: SimLoop) -> list[str]:
        service = Service()
        async with EventBatcher(service, spill=kept.save) as events:
            with kept.replay() as before:
                for event in before:
                    events.publish_event(event)
                await events.flush()
        return service.delivered

    assert (0, 25) == simulate(ends)
    assert [str(number) for number in range(25)] == simulate(begins)
    assert [] == saved(kept)


def test_a_spill_that_fails_loses_nothing() -> None:
    """
    If what is left cannot be saved, closing raises that error and drain still returns it.
    """

    def spill(_: Leftovers) -> None:
        raise OSError("no space left")

    async def main(_: SimLoop) -> int:
        events = EventBatcher(Service(latency_s=3600), spill=spill)
        events.publish("chat", "1", None)
        with pytest.raises(OSError, match="no space"):
            await events.aclose(timeout_s=1)
        return len(events.drain())

    assert 1 == simulate(main)


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
