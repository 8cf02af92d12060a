"""How a batcher ends: in time or not, in doubt, and what it leaves."""

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
    Leftovers,
    RetryPolicy,
)
from agent_perf.sim import SimLoop, simulate
from tests.components.events.ending import names, saved
from tests.components.events.publishing import Service

STEADY = RetryPolicy(attempts=3, wait_s_first=1.0, jitter_s_max=0.0)


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
