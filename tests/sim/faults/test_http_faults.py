from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import httpx2
import pytest

from agent_perf.sim import Reply, SimHttp, SimLoop, SimPusher, SimRequest, simulate
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
from tests.sim.faults.plans import MS, Outcome, Plan, at_ms, outcome
from tests.sim.services.ledger import round_draws

WINDOW: Any = {"at_s": 0.1, "for_s": 0.1}
LATENCIES: Any = {"http_connect": 0.004, "http_request": 0.01}
HOST = "http://billing.sim"

OK = (200, "ok")
GONE = "RemoteProtocolError: Server disconnected without sending a response."
CUT = "peer closed connection without sending complete message body (incomplete chunked read)"
REFUSED = "ConnectError: [Errno 111] Connection refused by billing.sim (simulated)"
RESET = "[Errno 104] Connection reset by billing.sim (simulated)"
HEADERS = "ReadTimeout: simulated: GET billing.sim/ waited for the headers; the limit is 0.03 s"
CONNECT = "ConnectTimeout: simulated: GET billing.sim/ waited to connect; the limit is 0.03 s"


def network(loop: SimLoop, *faults: Fault) -> tuple[Plan, SimHttp]:
    """Return a network with the host billing.sim, which takes 10 ms for an answer or a chunk."""
    plan = Plan(loop, *faults, draws=round_draws(**LATENCIES))
    net = SimHttp(plan.draws, plan.ledger)
    net.faults = plan

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(3):
            await asyncio.sleep(0.01)
            yield b"x"

    async def handler(request: SimRequest) -> Reply:
        await asyncio.sleep(0.01)
        return Reply(content=chunks() if request.path == "/stream" else b"ok")

    net.mount("billing.sim", handler)
    return plan, net


@pytest.mark.parametrize("library", [httpx, httpx2])
@pytest.mark.parametrize(
    ("fault", "seen"),
    [
        (outage("billing.sim", **WINDOW), [(GONE, 100.0), (REFUSED, 130.0), (OK, 224.0)]),
        (
            reset("billing.sim", **WINDOW),
            [(f"ReadError: {RESET}", 100.0), (f"ConnectError: {RESET}", 130.0), (OK, 224.0)],
        ),
        (hang("billing.sim", **WINDOW), [(OK, 105.0), (HEADERS, 160.0), (OK, 224.0)]),
        (
            partition("billing.sim", "app", **WINDOW),
            [(HEADERS, 125.0), (CONNECT, 160.0), (OK, 224.0)],
        ),
        (
            errors("billing.sim", **WINDOW, status=503),
            [(OK, 105.0), ((503, "simulated failure of billing.sim"), 140.0), (OK, 220.0)],
        ),
        (
            errors("billing.sim", **WINDOW, detail="POST *"),
            [(OK, 105.0), (OK, 140.0), (OK, 220.0)],
        ),
        (slow("billing.sim", **WINDOW, factor=2.5), [(OK, 105.0), (OK, 155.0), (OK, 220.0)]),
        (
            drop_first("billing.sim", 2),
            [(f"ReadError: {RESET}", 99.0), (OK, 144.0), (OK, 220.0)],
        ),
    ],
)
def test_a_real_client_sees_what_a_real_failure_gives(
    fault: Fault, seen: list[Outcome], library: Any
) -> None:
    """
    One request before a window from 100 to 200 ms, one over its begin, one in it, one after.
    """

    async def main(loop: SimLoop) -> list[Outcome]:
        plan, net = network(loop, fault)
        async with net.client(library, timeout=0.03) as client:

            async def get() -> tuple[int, str]:
                response = await client.get(HOST)
                return response.status_code, response.text

            await get()
            await at_ms(loop, 100)
            plan.start()
            found = []
            for ms in (50, 95, 130, 210):
                await at_ms(loop, 100 + ms)
                what, when_ms = await outcome(loop, get())
                found.append((what, when_ms - 100))  # type: ignore[operator]
        return found

    first = (f"ReadError: {RESET}", 50.0) if fault.first else (OK, 60.0)
    assert [first, *seen] == simulate(main)


@pytest.mark.parametrize(
    ("fault", "seen"),
    [
        (outage("billing.sim", **WINDOW), (f"RemoteProtocolError: {CUT}", 100.0)),
        (reset("billing.sim", **WINDOW), (f"ReadError: {RESET}", 100.0)),
        (hang("billing.sim", **WINDOW, operation="http.chunk"), (b"xxx", 210.0)),
        (slow("billing.sim", **WINDOW, factor=2), (b"xxx", 126.0)),
        (partition("app", "billing.sim", **WINDOW), (b"xxx", 210.0)),
    ],
)
def test_a_body_breaks_or_stalls_midway(fault: Fault, seen: Outcome) -> None:
    """
    A stream whose second chunk is due when a window begins breaks, or waits, or is slow.
    """

    async def main(loop: SimLoop) -> Outcome:
        plan, net = network(loop, fault)
        async with net.client(timeout=1.0) as client:
            plan.start()

            async def read() -> bytes:
                async with client.stream("GET", f"{HOST}/stream") as response:
                    return await response.aread()

            # 4 ms to connect, 10 to the headers, and 10 to each of three chunks.
            await at_ms(loop, 72)
            return await outcome(loop, read())

    assert seen == simulate(main)


def test_an_idle_connection_that_broke_is_not_used_again() -> None:
    """
    After a reset between two requests the second one connects anew, and nobody notices.
    """

    async def main(loop: SimLoop) -> tuple[list[int], int]:
        plan, net = network(loop, reset("billing.sim", at_s=0.05, for_s=0.01))
        async with net.client() as client:
            plan.start()
            statuses = [(await client.get(HOST)).status_code]
            await at_ms(loop, 80)
            statuses.append((await client.get(HOST)).status_code)
        return statuses, plan.ledger.counts["http_connects"]

    assert ([200, 200], 2) == simulate(main)


def test_a_partition_separates_hosts_from_each_other() -> None:
    """
    A host that cannot reach another one times out there, while the system reaches both.
    """

    async def main(loop: SimLoop) -> list[object]:
        plan, net = network(loop, partition("shop.sim", "billing.sim", for_s=10))
        async with net.client(timeout=0.5) as client, net.client(timeout=5) as outer:

            async def shop(request: SimRequest) -> Reply:
                try:
                    return Reply(content=(await client.get(HOST)).content)
                except httpx.ConnectTimeout:
                    return Reply(status=504)

            net.mount("shop.sim", shop)
            plan.check_names(hosts=net.hosts(), workers=())
            plan.start()
            direct = (await outer.get(HOST)).status_code
            return [direct, (await outer.get("http://shop.sim")).status_code]

    assert [200, 504] == simulate(main)


def test_a_route_can_fail_too() -> None:
    """
    A host that only a respx route names is a place for faults like any other.
    """

    async def main(loop: SimLoop) -> list[int]:
        plan, net = network(loop, errors("rates.sim", status=429, retry_after_s=2))
        net.router.get("http://rates.sim/usd").respond(200)
        plan.check_names(hosts=net.hosts(), workers=())
        async with net.client() as client:
            before = await client.get("http://rates.sim/usd")
            plan.start()
            after = await client.get("http://rates.sim/usd")
        assert after.headers["retry-after"] == "2"
        return [before.status_code, after.status_code]

    assert [200, 429] == simulate(main)


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        (errors("pusher", status=503), 503),
        (errors("pusher", status=503, operation="pusher.request", detail="GET *"), 401),
        (slow("pusher", added_s=0.1), 401),
    ],
)
def test_pusher_is_a_service_like_any_other(fault: Fault, status: int) -> None:
    """
    Its host is known as ``pusher``, and its requests as ``pusher.request``.
    """

    async def main(loop: SimLoop) -> tuple[int, float]:
        plan = Plan(loop, fault, draws=round_draws(**LATENCIES, pusher_request=0.01))
        net = SimHttp(plan.draws, plan.ledger)
        net.faults = plan
        pusher = SimPusher(net, plan.draws, plan.ledger, app_id="1", key="k", secret="s")
        plan.call_host("pusher.sim", "pusher")
        plan.start()
        async with net.client() as client:
            response = await client.post(f"{pusher.base_url}/apps/1/events", content=b"{}")
        return response.status_code, loop.now_ns / MS

    # Unsigned, a request that gets through is refused, 14 ms after it began; both the
    # handshake and the request are slow.
    assert (status, 214.0 if fault.added_s else 14.0) == simulate(main)
