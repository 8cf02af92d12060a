"""The batcher against what a model of it allows, through whatever can go wrong."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from agent_perf.components import (
    BatcherClosedError,
    DeliveryGuarantee,
    Event,
    EventBatcher,
    EventDeliveryError,
    EventOutcomeUnknownError,
    EventRefusedError,
    FlushPolicy,
    Leftovers,
    Overflow,
    QueueFullError,
    RetryPolicy,
)
from agent_perf.sim import SimLoop, simulate

OUTCOMES = ["taken", "429", "cut before", "cut after", "hang", "bug"]

steps = st.one_of(
    st.tuples(st.just("publish"), st.sampled_from("abc"), st.integers(0, 9)),
    st.tuples(st.just("wait"), st.sampled_from("abc"), st.integers(0, 40)),
    st.tuples(st.just("sleep"), st.sampled_from([1, 20, 300])),
    st.tuples(st.just("cancel senders")),
)
policies = st.builds(
    FlushPolicy,
    events_max=st.integers(1, 4),
    delay_s_max=st.sampled_from([0.0, 0.03]),
    queue_max=st.integers(1, 6),
    senders_max=st.integers(1, 3),
    overflow=st.sampled_from(Overflow),
)
ends = st.sampled_from(["close", "close in time", "cancel closing", "drain"])


class World:
    """A service that misbehaves by plan, and what happened to each event."""

    def __init__(self, plan: list[str]) -> None:
        self.plan = plan
        self.calls = 0
        self.received: list[str] = []
        self.accepted: list[str] = []
        self.given_up: list[str] = []

    async def send(self, events: Sequence[Event]) -> None:
        outcome = self.plan[self.calls] if self.calls < len(self.plan) else "taken"
        self.calls += 1
        await asyncio.sleep(0.01)
        if any(event.data == "poison" for event in events):
            raise EventRefusedError("400", status=400)
        match outcome:
            case "429":
                raise EventDeliveryError("429", status=429)
            case "cut before":
                raise EventOutcomeUnknownError("cut")
            case "bug":
                raise ZeroDivisionError
        self.received += [event.name for event in events]
        if outcome == "cut after":
            raise EventOutcomeUnknownError("cut")
        if outcome == "hang":
            await asyncio.sleep(0.5)
            raise EventOutcomeUnknownError("timeout")

    def note_failure(self, events: Sequence[Event], error: Exception) -> None:
        ignored = isinstance(error, QueueFullError) and events[0].name not in self.accepted
        if not ignored:
            self.given_up += [event.name for event in events]


async def run(
    world: World,
    script: list[tuple],
    events: EventBatcher,
    waiting_max: int,
) -> None:
    """Publish by script; names say the order in which events were accepted."""
    waiting: list[asyncio.Task[None]] = []
    own = asyncio.current_task()

    async def publish_when_room(channel: str, name: str, patience_ms: int) -> None:
        with contextlib.suppress(TimeoutError, BatcherClosedError):
            async with asyncio.timeout(patience_ms / 1000):
                await events.publish_when_room(channel, name, "")

    for number, step in enumerate(script):
        match step:
            case "publish", channel, kind:
                name = f"{channel}{number}"
                before = events.stats().published
                # Noted before, for what is dropped at once to be known as accepted.
                world.accepted.append(name)
                with contextlib.suppress(QueueFullError):
                    events.publish(channel, name, "poison" if kind == 0 else "")
                if events.stats().published == before:
                    world.accepted.remove(name)
                    world.given_up = [other for other in world.given_up if other != name]
            case "wait", channel, patience_ms:
                name = f"{channel}{number}"
                waiting.append(asyncio.create_task(publish_when_room(channel, name, patience_ms)))
                await asyncio.sleep(0)
            case "sleep", pause_ms:
                await asyncio.sleep(pause_ms / 1000)
            case _:
                for task in asyncio.all_tasks() - {own, *waiting}:
                    task.cancel()
        stats = events.stats()
        # What cancelled senders put back comes on top.
        assert stats.waiting <= waiting_max
        assert stats.under_way >= 0
    await asyncio.gather(*waiting)


async def end(events: EventBatcher, how: str) -> Leftovers:
    match how:
        case "close":
            await events.aclose()
        case "close in time":
            with contextlib.suppress(BatcherClosedError):
                await events.aclose(timeout_s=0.05)
        case "cancel closing":
            closing = asyncio.create_task(events.aclose())
            await asyncio.sleep(0.03)
            closing.cancel()
            await asyncio.gather(closing, return_exceptions=True)
    left = events.drain()
    await asyncio.sleep(5)
    return left


@settings(max_examples=100, deadline=None)
@given(
    st.lists(steps, max_size=40),
    st.lists(st.sampled_from(OUTCOMES), max_size=25),
    policies,
    st.sampled_from(DeliveryGuarantee),
    ends,
)
def test_every_event_has_one_end_and_channels_keep_their_order(
    script: list[tuple],
    plan: list[str],
    policy: FlushPolicy,
    guarantee: DeliveryGuarantee,
    how: str,
) -> None:
    """
    Whatever the service does, publishers do, and however the batcher ends: each event that was
    accepted is delivered, given up or left over, and only one of these; the first arrivals of a
    channel are in the order of publication; at most once, nothing arrives twice; what is left
    as unsent never arrived, what was delivered did.
    """

    async def main(_: SimLoop) -> None:
        world = World(plan)
        retry = RetryPolicy(attempts=4, wait_s_first=0.02, wait_s_max=0.1, jitter_s_max=0.01)
        events = EventBatcher(
            world.send,
            policy=policy,
            retry=retry,
            guarantee=guarantee,
            on_failure=world.note_failure,
        )
        await run(world, script, events, policy.queue_max + policy.senders_max * policy.events_max)
        left = await end(events, how)
        stats = events.stats()

        assert stats.published == stats.delivered + stats.failed + stats.dropped + stats.drained
        assert (0, 0) == (stats.waiting, stats.under_way)
        assert len(left) == stats.drained
        assert how != "close" or not len(left)
        arrived = Counter(world.received)
        unsent = {event.name for event in left.unsent}
        in_doubt = {event.name for event in left.in_doubt}
        assert not unsent & in_doubt
        assert not (unsent | in_doubt) & set(world.given_up)
        assert not unsent & arrived.keys()
        if guarantee is DeliveryGuarantee.AT_MOST_ONCE:
            assert all(count == 1 for count in arrived.values())
        decided = set(world.given_up) | unsent | in_doubt
        assert stats.delivered == len(arrived.keys() - decided)
        for channel in "abc":
            first = [name for name in dict.fromkeys(world.received) if name[0] == channel]
            order = [int(name[1:]) for name in first]
            assert sorted(order) == order
            kept = [int(event.name[1:]) for event in left.events if event.name[0] == channel]
            assert sorted(kept) == kept

    simulate(main)
