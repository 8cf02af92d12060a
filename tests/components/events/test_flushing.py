from __future__ import annotations

import asyncio
from math import inf, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_perf.components import (
    EventBatcher,
    EventRefusedError,
    FlushPolicy,
    Overflow,
    flush_count,
)
from agent_perf.errors import ConfigError
from agent_perf.sim import SimLoop, simulate
from tests.components.events.publishing import Service


@given(
    st.integers(0, 500),
    st.integers(0, 10_000),
    st.floats(0, 1e6),
    st.floats(0, 100),
    st.integers(1, 10),
    st.integers(1, 10_000),
    st.floats(0, 10),
)
def test_flush_is_bounded_and_prompt(
    count: int, size: int, oldest_s: float, age_s: float, events: int, bytes_: int, delay_s: float
) -> None:
    """
    Whatever is queued, a flush takes at most events_max events and no more than there are;
    it takes some if and only if count, bytes or age has reached its limit.
    """
    policy = FlushPolicy(events_max=events, bytes_max=bytes_, delay_s_max=delay_s)
    now_s = oldest_s + age_s
    taken = flush_count(count, size, oldest_s, now_s, policy)

    assert taken in range(min(count, events) + 1)
    if count:
        due = count >= events or size >= bytes_ or now_s >= oldest_s + delay_s
        assert due == (taken > 0)


def test_waits_for_company_until_its_time() -> None:
    """
    Nine events wait for the tenth for 50 ms, and then go without it.
    """
    policy = FlushPolicy(delay_s_max=0.05)

    assert 0 == flush_count(9, 900, 1.0, 1.049, policy)
    assert 9 == flush_count(9, 900, 1.0, 1.05, policy)
    assert 10 == flush_count(10, 1000, 1.0, 1.0, policy)
    assert 10 == flush_count(25, 2500, 1.0, 1.0, policy)
    assert 2 == flush_count(2, 64 * 1024, 1.0, 1.0, policy)
    assert 0 == flush_count(0, 0, inf, 1.0, policy)


@pytest.mark.parametrize(
    "bad",
    [
        {"events_max": 11},
        {"events_max": 0},
        {"bytes_max": 0},
        {"queue_max": 0},
        {"senders_max": 0},
        {"delay_s_max": -1},
        {"delay_s_max": nan},
    ],
)
def test_policy_is_checked(bad: dict[str, float]) -> None:
    """
    A batch of eleven, which the protocol refuses, cannot be asked for; nor other nonsense.
    """
    with pytest.raises(ConfigError):
        FlushPolicy(**bad)


def test_a_flush_waits_for_what_was_published_before_it() -> None:
    """
    A flush ends while others keep publishing: when what came before it is delivered, at once
    and not after its delay, and not when the queue is empty, which may never be.
    """

    async def main(loop: SimLoop) -> tuple[float, bool, float, int]:
        service = Service(latency_s=0.2)
        events = EventBatcher(service, policy=FlushPolicy(delay_s_max=60.0, senders_max=1))

        async def keep_publishing() -> None:
            while True:
                events.publish("busy", "later", None)
                await asyncio.sleep(0.01)

        for number in range(15):
            events.publish("chat", str(number), None)
        publishing = asyncio.create_task(keep_publishing())
        start_s = loop.time()
        first, second = asyncio.create_task(events.flush()), asyncio.create_task(events.flush())
        await asyncio.sleep(0.05)
        second.cancel()
        await first
        spent_s = loop.time() - start_s
        all_there = {str(number) for number in range(15)} <= set(service.delivered)
        publishing.cancel()
        start_s = loop.time()
        await events.flush()
        await events.flush()
        return round(spent_s, 6), all_there, round(loop.time() - start_s, 6), events.stats().waiting

    assert (0.4, True, 0.8, 0) == simulate(main)


def test_a_flush_ends_with_what_is_given_up_or_drained() -> None:
    """
    Events that fail, that are dropped for newer ones, or handed back are waited for no longer.
    """

    async def main(loop: SimLoop) -> list[float]:
        spent_s = []
        for case in ("failed", "dropped", "drained"):
            service = Service(latency_s=1.0, plan=refuse if case == "failed" else None)
            policy = FlushPolicy(
                events_max=1, queue_max=2, overflow=Overflow.DROP_OLDEST, senders_max=1
            )
            events = EventBatcher(service, policy=policy)
            events.publish("chat", "1", None)
            events.publish("chat", "2", None)
            start_s = loop.time()
            flushing = asyncio.create_task(events.flush())
            await asyncio.sleep(0.5)
            for _ in range(4 if case == "dropped" else 0):
                events.publish("chat", "more", None)
            if case == "drained":
                events.drain()
            await flushing
            spent_s.append(round(loop.time() - start_s, 6))
            events.drain()
        return spent_s

    def refuse(_: int) -> None:
        raise EventRefusedError("no", status=403)

    assert [2.0, 1.0, 0.5] == simulate(main)
