"""The batcher over the pool, through the faults of a simulated network."""

from __future__ import annotations

import asyncio

import pytest

from agent_perf.components import (
    DeliveryGuarantee,
    EventBatcher,
    FlushPolicy,
    PusherClient,
    PusherPool,
    RetryPolicy,
)
from agent_perf.components.events.batcher_stats import BatcherStats
from agent_perf.sim import SimHttp, SimLoop, SimPusher, simulate
from agent_perf.sim.faults import Fault, errors, hang, outage, partition, reset, slow
from tests.sim.faults.plans import Plan
from tests.sim.services.ledger import round_draws

HOST = "pusher"
CHATS = 5
EVENTS = 200


def publish_through(
    *faults: Fault, guarantee: DeliveryGuarantee, per_s: int | None = None
) -> tuple[dict[str, list[int]], BatcherStats]:
    """Publish for two seconds; return what arrived by channel, and what became of it."""

    async def main(loop: SimLoop) -> tuple[dict[str, list[int]], BatcherStats]:
        plan = Plan(loop, *faults, draws=round_draws(http_connect=0.004, pusher_request=0.01))
        http = SimHttp(plan.draws, plan.ledger)
        http.faults = plan
        server = SimPusher(http, plan.draws, plan.ledger, app_id="1", key="key", secret="secret")
        plan.call_host("pusher.sim", HOST)
        plan.start()
        if per_s is not None:
            server.limit(requests_per_s=per_s)
        arrived: dict[str, list[int]] = {}
        server.delivered = lambda _, channel, __, data: arrived.setdefault(channel, []).append(
            int(data)
        )
        retry = RetryPolicy(attempts=50, wait_s_first=0.05, wait_s_max=0.5, jitter_s_max=0.01)
        async with http.client(timeout=0.2) as client:
            clients = [
                PusherClient(
                    client, app_id="1", key="key", secret="secret", base_url=server.base_url
                )
                for _ in range(3)
            ]
            async with (
                PusherPool(clients) as pool,
                EventBatcher(
                    pool.send_batch,
                    policy=FlushPolicy(delay_s_max=0.02),
                    retry=retry,
                    guarantee=guarantee,
                ) as events,
            ):
                for number in range(EVENTS):
                    events.publish(f"chat-{number % CHATS}", "delta", number)
                    await asyncio.sleep(0.01)
        assert bool(faults) == bool(plan.struck())
        return arrived, events.stats()

    return simulate(main)


WINDOW = {"at_s": 0.5, "for_s": 1.0}


@pytest.mark.parametrize(
    "fault",
    [
        outage(HOST, **WINDOW),
        reset(HOST, **WINDOW),
        hang(HOST, **WINDOW),
        partition(HOST, "app", **WINDOW),
        errors(HOST, **WINDOW, status=429),
        errors(HOST, **WINDOW, status=503),
        slow(HOST, **WINDOW, factor=10),
    ],
    ids=lambda fault: type(fault).__name__ + str(getattr(fault, "kind", "")),
)
@pytest.mark.parametrize("guarantee", DeliveryGuarantee)
def test_a_second_of_trouble(fault: Fault, guarantee: DeliveryGuarantee) -> None:
    """
    Through a second of each fault, what arrives of a channel first arrives in order; at least
    once, all of it arrives; at most once, nothing arrives twice, and what is missing is counted.
    """
    arrived, stats = publish_through(fault, guarantee=guarantee)
    missing = 0
    for chat in range(CHATS):
        numbers = arrived[f"chat-{chat}"]
        first = list(dict.fromkeys(numbers))
        assert sorted(first) == first
        missing += EVENTS // CHATS - len(first)
        if guarantee is DeliveryGuarantee.AT_MOST_ONCE:
            assert first == numbers
    assert EVENTS == stats.delivered + stats.failed
    if guarantee is DeliveryGuarantee.AT_LEAST_ONCE:
        assert (0, 0) == (missing, stats.failed)
    else:
        assert missing <= stats.failed
    assert (0, 0) == (stats.waiting, stats.under_way)


def test_a_limit_of_the_service_is_kept_to() -> None:
    """
    A service that takes eight requests a second, and asks the rest to come back, gets
    everything, each event once and in order.
    """
    arrived, stats = publish_through(guarantee=DeliveryGuarantee.AT_MOST_ONCE, per_s=8)

    for chat in range(CHATS):
        assert list(range(chat, EVENTS, CHATS)) == arrived[f"chat-{chat}"]
    assert (EVENTS, 0, 0) == (stats.delivered, stats.failed, stats.repeated)
    assert stats.attempts > stats.batches


def test_runs_of_equal_trouble_are_equal() -> None:
    """
    The same faults give the same figures, to the last.
    """
    twice = [
        publish_through(reset(HOST, **WINDOW), guarantee=DeliveryGuarantee.AT_LEAST_ONCE)
        for _ in range(2)
    ]

    assert twice[0] == twice[1]
    assert twice[0][1].latency_s_p99 > twice[0][1].latency_s_p50 > 0
