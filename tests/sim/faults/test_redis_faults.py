from __future__ import annotations

from typing import Any

import pytest
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from agent_perf.sim import SimLoop, SimRedis, simulate
from agent_perf.sim.faults import (
    Fault,
    drop_first,
    errors,
    hang,
    outage,
    partition,
    reset,
    slow,
)
from tests.sim.faults.plans import Outcome, Plan, at_ms, outcome

REFUSED = (
    "ConnectionError: Error 111 connecting to localhost:6379. Connection refused by redis "
    "(simulated)."
)
RESET = "ConnectionError: Error 104 while writing to socket. Connection reset by redis (simulated)."
READ_TIMEOUT = "TimeoutError: Timeout reading from localhost:6379"
CONNECT_TIMEOUT = "TimeoutError: Timeout connecting to server"
WINDOW: Any = {"at_s": 0.1, "for_s": 0.1}


def reads(
    fault: Fault, *, retries: int = 0, **client_kwargs: Any
) -> tuple[list[Outcome], dict[str, int], int]:
    """
    Read a key before, during and after a window from 100 to 200 ms: outcomes, strikes, connects.

    A connect takes 1 ms, each of the greeting's trips and of the reads 0.4 ms.
    """

    async def main(loop: SimLoop) -> tuple[list[Outcome], dict[str, int], int]:
        plan = Plan(loop, fault)
        service = SimRedis(plan.draws, plan.ledger, command_ns=0)
        service.faults = plan.point("redis")
        retry = Retry(NoBackoff(), retries)
        async with service.client(retry=retry, **client_kwargs) as client:
            await client.set("key", "v")
            await at_ms(loop, 10)
            start_ns = loop.now_ns
            plan.start()
            seen = []
            for ms in (50, 110, 150, 190, 210):
                await at_ms(loop, 10 + ms)
                found, when_ms = await outcome(loop, client.get("key"))
                seen.append((found, round(when_ms - start_ns / 1e6, 3)))  # type: ignore[operator]
            return seen, plan.struck(), plan.ledger.counts["redis_connects"]

    return simulate(main)  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("fault", "client", "seen"),
    [
        # The open connection is found closed; each new one is refused.
        (
            outage("redis", **WINDOW),
            {},
            [(REFUSED, 110.0), (REFUSED, 150.0), (REFUSED, 190.0), (b"v", 212.2)],
        ),
        (
            hang("redis", **WINDOW),
            {"socket_timeout": 0.03},
            [(READ_TIMEOUT, 140.0), (READ_TIMEOUT, 181.0), (b"v", 201.2), (b"v", 210.4)],
        ),
        # Without a time-out the client waits the window out.
        (hang("redis", **WINDOW), {}, [(b"v", 200.4), (b"v", 200.8), (b"v", 201.2), (b"v", 210.4)]),
        (
            hang("redis", **WINDOW, detail="SET"),
            {},
            [(b"v", 110.4), (b"v", 150.4), (b"v", 190.4), (b"v", 210.4)],
        ),
        (
            partition("app", "redis", **WINDOW),
            {"socket_timeout": 0.02, "socket_connect_timeout": 0.01},
            [
                (READ_TIMEOUT, 130.0),
                (CONNECT_TIMEOUT, 160.0),
                (CONNECT_TIMEOUT, 200.0),
                (b"v", 212.2),
            ],
        ),
        (
            partition("ingest", "redis", **WINDOW),
            {},
            [(b"v", 110.4), (b"v", 150.4), (b"v", 190.4), (b"v", 210.4)],
        ),
        (
            errors("redis", **WINDOW, detail="GET", message="OOM command not allowed"),
            {},
            [
                ("OutOfMemoryError: command not allowed", 110.4),
                ("OutOfMemoryError: command not allowed", 150.4),
                ("OutOfMemoryError: command not allowed", 190.4),
                (b"v", 210.4),
            ],
        ),
        (
            slow("redis", **WINDOW, factor=10, added_s=0.005),
            {},
            [(b"v", 119.0), (b"v", 159.0), (b"v", 199.0), (b"v", 210.4)],
        ),
    ],
)
def test_a_real_client_sees_what_a_real_failure_gives(
    fault: Fault, client: dict[str, Any], seen: list[Outcome]
) -> None:
    """
    Before the window all is well; in it and after it, errors and instants are exact.
    """
    found, _, _ = reads(fault, **client)

    assert [(b"v", 50.4), *seen] == found


def test_an_open_connection_is_reset() -> None:
    """
    At a reset's begin the idle connection breaks, and the client's one retry connects anew.
    """
    found, struck, connects = reads(
        reset("redis", **WINDOW, operation="redis.trip", detail="DEL"), retries=1
    )

    assert [(b"v", 50.4), (b"v", 112.2), (b"v", 150.4), (b"v", 190.4), (b"v", 210.4)] == found
    assert {"reset redis": 1} == struck
    assert connects == 2


def test_the_first_trips_are_dropped() -> None:
    """
    Two reads are reset, wherever they fall; the third opens a connection and succeeds.
    """
    found, struck, connects = reads(drop_first("redis", 2, detail="GET"))

    assert [(RESET, 50.0), (RESET, 112.2 - 0.4), (b"v", 152.2)] == found[:3]
    assert {"drop_first redis": 2} == struck
    assert connects == 3


def test_a_command_under_way_breaks_with_the_connection() -> None:
    """
    At the begin of an outage whoever waits for a reply learns it at that very instant.
    """

    async def main(loop: SimLoop) -> list[object]:
        plan = Plan(loop, outage("redis", at_s=0.1, for_s=1))
        service = SimRedis(plan.draws, plan.ledger)
        service.faults = plan.point("redis")
        async with service.client(retry=Retry(NoBackoff(), 0)) as client:
            await client.ping()
            await at_ms(loop, 10)
            plan.start()
            seen = await outcome(loop, client.blpop("queue", timeout=0))
        return [seen, plan.struck()]

    assert [
        ("ConnectionError: Connection closed by server.", 110.0),
        {"outage redis": 1},
    ] == simulate(main)


def test_a_reply_under_way_waits_for_the_partition_to_end() -> None:
    """
    A command sent before a partition, and answered in it, gets its reply when it has healed.
    """

    async def main(loop: SimLoop) -> Outcome:
        plan = Plan(loop, partition("app", "redis", at_s=0.0003, for_s=1))
        service = SimRedis(plan.draws, plan.ledger, command_ns=0)
        service.faults = plan.point("redis")
        async with service.client() as client:
            await client.ping()
            await at_ms(loop, 10)
            plan.start()
            return await outcome(loop, client.ping())

    assert (True, 1010.3) == simulate(main)
