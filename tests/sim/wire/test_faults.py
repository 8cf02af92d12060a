"""Faults on the wire: connections refused, closed, reset and cut off; answers held or refused."""

from __future__ import annotations

import asyncio
from contextlib import nullcontext
from typing import Any

import httpx
import pytest
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from agent_perf.sim import Reply, SimLoop, simulate
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
from agent_perf.sim.wire import Network
from agent_perf.sim.wire.http import WireHttp
from agent_perf.sim.wire.redis import WireRedis
from tests.sim.faults.plans import Outcome, Plan, at_ms, outcome
from tests.sim.wire.nets import draws, ideal

WINDOW: Any = {"at_s": 0.1, "for_s": 0.1}

# One ask before a window from 100 to 200 ms, three in it, one after. A connect takes 2 ms,
# a trip 1 ms, and each greeting of redis-py three trips.
ASKED_MS = (50, 110, 150, 190, 220)


async def asked(loop: SimLoop, plan: Plan, ask: Any) -> list[Outcome]:
    """Return what came of each ask, and when, in ms from the plan's begin."""
    await ask()
    await at_ms(loop, 100)
    plan.start()
    found = []
    for ms in ASKED_MS:
        await at_ms(loop, 100 + ms)
        what, when_ms = await outcome(loop, ask())
        found.append((str(what).split(":")[0], round(when_ms - 100, 6)))
    return found


def redis_reads(fault: Fault, **client_kwargs: Any) -> list[Outcome]:
    """Return what a redis-py client without retries sees of *fault*."""

    async def main(loop: SimLoop) -> list[Outcome]:
        plan = Plan(loop, fault, draws=draws())
        network = Network(loop, plan.draws, plan.ledger)
        service = WireRedis(network, plan.draws, plan.ledger, link=ideal("redis"), command_ns=0)
        service.faults = plan.point("redis")
        retry = Retry(NoBackoff(), 0)
        async with service.client(retry=retry, **client_kwargs) as client:
            return await asked(loop, plan, lambda: client.echo("v"))

    return simulate(main)


@pytest.mark.parametrize(
    ("fault", "client", "seen"),
    [
        # redis-py with its notifications of maintenance does not look whether an idle
        # connection was closed: one request pays for it, the next are refused.
        (
            outage("redis", **WINDOW),
            {},
            [*(("ConnectionError", ms) for ms in (110, 150, 190)), ("b'v'", 226)],
        ),
        (
            reset("redis", **WINDOW),
            {},
            [*(("ConnectionError", ms) for ms in (110, 150, 190)), ("b'v'", 226)],
        ),
        (
            hang("redis", **WINDOW),
            {"socket_timeout": 0.03},
            [("TimeoutError", 140), ("TimeoutError", 182), ("b'v'", 203.5), ("b'v'", 221)],
        ),
        # The request waits at the server: what is left after the window is the way back.
        (hang("redis", **WINDOW), {}, [("b'v'", ms) for ms in (200.5, 201.5, 202.5, 221)]),
        (
            partition("app", "redis", **WINDOW),
            {"socket_timeout": 0.03},
            [("TimeoutError", 140), ("b'v'", 206), ("b'v'", 207), ("b'v'", 221)],
        ),
        (
            errors("redis", **WINDOW),
            {},
            [*(("ResponseError", ms) for ms in (111, 151, 191)), ("b'v'", 221)],
        ),
        (
            slow("redis", **WINDOW, factor=4),
            {},
            [*(("b'v'", ms) for ms in (114, 154, 194)), ("b'v'", 221)],
        ),
    ],
)
def test_redis_py_sees_what_a_real_failure_gives(
    fault: Fault, client: dict[str, Any], seen: list[Outcome]
) -> None:
    """Errors, times and recovery, with redis-py's own connections and no retries."""
    assert [("b'v'", 51), *seen] == redis_reads(fault, **client)


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Take 5 ms for an empty answer."""
    await asyncio.sleep(0.005)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body"})


def http_asks(fault: Fault, *, served: bool = False, **client_kwargs: Any) -> list[Outcome]:
    """Return what a real httpx client sees of *fault* at a host, or an app, that takes 5 ms."""

    async def main(loop: SimLoop) -> list[Outcome]:
        plan = Plan(loop, fault, draws=draws())
        network = Network(loop, plan.draws, plan.ledger, link=ideal())
        http = WireHttp(network, plan.draws, plan.ledger)
        http.faults = plan

        async def handler(request: object) -> Reply:
            await asyncio.sleep(0.005)
            return Reply()

        if not served:
            http.mount("api.sim", handler)
        limits = httpx.Limits(keepalive_expiry=None)
        async with (
            http.serve(app, host="api.sim", lifespan="off", timeout_keep_alive=75)
            if served
            else nullcontext(),
            http.client(limits=limits, **client_kwargs) as client,
        ):

            async def ask() -> int:
                return (await client.get("http://api.sim/")).status_code

            return await asked(loop, plan, ask)

    return simulate(main)


@pytest.mark.parametrize("served", [False, True])
@pytest.mark.parametrize(
    ("fault", "client", "seen"),
    [
        # The pool sees that its idle connection is closed, and tries another: refused.
        (outage("api.sim", **WINDOW), {}, [*(("ConnectError", ms) for ms in (110, 150, 190)), 228]),
        (reset("api.sim", **WINDOW), {}, [*(("ConnectError", ms) for ms in (110, 150, 190)), 228]),
        (
            hang("api.sim", **WINDOW),
            {"timeout": 0.03},
            [("ReadTimeout", 140), ("ReadTimeout", 182), 205.5, 226],
        ),
        (hang("api.sim", **WINDOW), {}, [205.5, 211.5, 217.5, 226]),
        (
            partition("app", "api.sim", **WINDOW),
            {"timeout": 0.03},
            [("ReadTimeout", 140), ("ConnectTimeout", 180), 208, 226],
        ),
        (slow("api.sim", **WINDOW, factor=4), {}, [131, 171, 211, 226]),
        (drop_first("api.sim", 1), {}, [118, 156, 196, 226]),
    ],
)
def test_httpx_sees_what_a_real_failure_gives(
    fault: Fault, client: dict[str, Any], seen: list[Outcome | float], served: bool
) -> None:
    """Errors, times and recovery, at mounted hosts and served apps, with httpx's own pool."""
    first = ("ReadError", 51) if fault.first else ("200", 56)
    wanted = [one if isinstance(one, tuple) else ("200", one) for one in seen]

    assert [first, *wanted] == http_asks(fault, served=served, **client)


@pytest.mark.parametrize("served", [False, True])
def test_an_error_is_said_in_the_hosts_own_words(served: bool) -> None:
    """A share of one of errors: each request in the window gets the status, and counts."""
    found = http_asks(errors("api.sim", **WINDOW, status=503), served=served)

    assert ["200", "503", "503", "503", "200"] == [what for what, _ in found]


@pytest.mark.parametrize("served", [False, True])
def test_a_stream_is_cut_in_the_middle(served: bool) -> None:
    """An outage while chunks come: the client gets what had left, and then its own error."""

    async def main(loop: SimLoop) -> tuple[list[bytes], float]:
        plan = Plan(loop, outage("api.sim", at_s=0.025, for_s=1), draws=draws())
        network = Network(loop, plan.draws, plan.ledger, link=ideal())
        http = WireHttp(network, plan.draws, plan.ledger)
        http.faults = plan

        async def chunks():
            for number in range(10):
                yield b"%d" % number
                await asyncio.sleep(0.010)

        async def handler(request: object) -> Reply:
            return Reply(content=chunks())

        async def stream(scope: Any, receive: Any, send: Any) -> None:
            await send({"type": "http.response.start", "status": 200, "headers": []})
            async for chunk in chunks():
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
            await send({"type": "http.response.body"})

        if not served:
            http.mount("api.sim", handler)
        came: list[bytes] = []
        async with (
            http.serve(stream, host="api.sim", lifespan="off") if served else nullcontext(),
            http.client() as client,
            client.stream("GET", "http://api.sim/") as response,
        ):
            plan.start()
            start_ns = loop.now_ns
            with pytest.raises(httpx.RemoteProtocolError, match="incomplete chunked read"):
                async for chunk in response.aiter_raw():
                    came.append(chunk)  # noqa: PERF401  # What came before the error counts.
            return came, (loop.now_ns - start_ns) / 1e6

    came, cut_ms = simulate(main)

    # 25 ms, and half a trip until the client learns of it.
    assert 25.5 == cut_ms
    assert [b"0", b"1", b"2"] == came


@pytest.mark.parametrize("served", [False, True])
@pytest.mark.parametrize("operation", ["http.chunk", "http.*"])
def test_chunks_come_late(served: bool, operation: str) -> None:
    """Each chunk of a slow host's stream takes twice its time; so does an app's."""

    async def main(loop: SimLoop) -> list[float]:
        plan = Plan(loop, slow("api.sim", factor=2, operation=operation), draws=draws())
        network = Network(loop, plan.draws, plan.ledger, link=ideal())
        http = WireHttp(network, plan.draws, plan.ledger)
        http.faults = plan
        plan.start()

        async def chunks():
            for number in range(3):
                yield b"%d" % number
                await asyncio.sleep(0.010)

        async def handler(request: object) -> Reply:
            return Reply(content=chunks())

        async def stream(scope: Any, receive: Any, send: Any) -> None:
            await send({"type": "http.response.start", "status": 200, "headers": []})
            async for chunk in chunks():
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
            await send({"type": "http.response.body"})

        if not served:
            http.mount("api.sim", handler)
        async with (
            http.serve(stream, host="api.sim", lifespan="off") if served else nullcontext(),
            http.client() as client,
            client.stream("GET", "http://api.sim/") as response,
        ):
            start_ns, times = loop.now_ns, []
            async for _ in response.aiter_raw():
                times.append((loop.now_ns - start_ns) / 1e6)  # noqa: PERF401
            return times

    assert [0.0, 20.0, 40.0] == simulate(main)
