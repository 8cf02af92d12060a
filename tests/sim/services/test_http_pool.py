"""The simulated pool gives connections as the real pools of httpcore do."""

import asyncio
from collections.abc import Sequence
from types import ModuleType
from typing import Any

import httpcore
import httpcore2
import httpx
import httpx2
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from agent_perf.errors import ConfigError
from agent_perf.sim import Reply, SimHttp, SimLoop, SimRequest, simulate
from agent_perf.sim.services.http_pool import ConnectionPool
from tests.sim.services.ledger import Ledger, round_draws

both = pytest.mark.parametrize("library", [httpx, httpx2], ids=["httpx", "httpx2"])
MS = 1_000_000
CONNECT_S = 0.001

Result = tuple[list[int], int]
"""When each request ended, in ns from the first; the number of connects."""

Ask = tuple[int, str, int]
"""When, in units of 0.1 s; of which host; how long it answers, in 0.1 s."""

Bounds = tuple[int, int, float | None]
"""max_connections, max_keepalive_connections and keepalive_expiry in s."""

asks = st.lists(
    st.tuples(st.integers(0, 30), st.sampled_from(["a.sim", "b.sim"]), st.integers(1, 20)),
    max_size=12,
)
bound = st.tuples(st.integers(1, 4), st.integers(0, 4), st.sampled_from([None, 0.75, 5.0]))
CORES = {httpx: httpcore, httpx2: httpcore2}


class Wire:
    """A network backend for httpcore whose servers answer after the seconds in the path."""

    def __init__(self) -> None:
        self.connects = 0

    async def connect_tcp(self, host: str, port: int, **options: object) -> "WireStream":
        self.connects += 1
        await asyncio.sleep(CONNECT_S)
        return WireStream()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class WireStream:
    """One of its connections."""

    latency_s = 0.0

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        if buffer:  # An empty body is written, too.
            self.latency_s = int(buffer.split(b" ", 2)[1][1:]) / 1000

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        await asyncio.sleep(self.latency_s)
        return b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

    async def aclose(self) -> None: ...

    def get_extra_info(self, info: str) -> object:
        return None


async def answer(request: SimRequest) -> Reply:
    await asyncio.sleep(int(request.path[1:]) / 1000)
    return Reply(content=b"ok")


async def drive(loop: SimLoop, client: Any, plan: Sequence[Ask]) -> list[int]:
    """Return when each request ended, in ns."""
    start_ns = loop.now_ns

    async def one(index: int, ask: Ask) -> int:
        at, host, length = ask
        # No two begin or end at one instant: then the order would be the loop's affair.
        await asyncio.sleep(at * 0.1 + index * 0.001)
        await client.get(f"http://{host}/{length * 100 + index * 7}", timeout=None)
        return loop.now_ns - start_ns

    return await asyncio.gather(*(one(index, ask) for index, ask in enumerate(plan)))


async def simulated(loop: SimLoop, library: Any, plan: Sequence[Ask], bounds: Bounds) -> Result:
    ledger = Ledger()
    http = SimHttp(round_draws(http_connect=CONNECT_S), ledger)
    http.mount("a.sim", answer)
    http.mount("b.sim", answer)
    limits = library.Limits(
        max_connections=bounds[0], max_keepalive_connections=bounds[1], keepalive_expiry=bounds[2]
    )
    async with http.client(library, limits=limits) as client:
        ends = await drive(loop, client, plan)
    return ends, ledger.counts["http_connects"]


async def real(loop: SimLoop, library: Any, plan: Sequence[Ask], bounds: Bounds) -> Result:
    wire = Wire()
    transport = library.AsyncHTTPTransport()
    transport._pool = CORES[library].AsyncConnectionPool(
        max_connections=bounds[0],
        max_keepalive_connections=bounds[1],
        keepalive_expiry=bounds[2],
        network_backend=wire,
    )
    async with library.AsyncClient(transport=transport) as client:
        ends = await drive(loop, client, plan)
    return ends, wire.connects


def both_results(library: Any, plan: Sequence[Ask], bounds: Bounds) -> list[Result]:
    async def main(loop: SimLoop) -> list[Result]:
        return [
            await real(loop, library, plan, bounds),
            await simulated(loop, library, plan, bounds),
        ]

    return simulate(main)


@settings(deadline=None, max_examples=40)
@given(plan=asks, bounds=bound)
@example(plan=[(0, "a.sim", 5), (0, "b.sim", 1), (0, "a.sim", 1)], bounds=(1, 1, 5.0))
def test_agrees_with_httpcore2(plan: list[Ask], bounds: Bounds) -> None:
    """Any requests under any limits end when they do over httpcore2, after as many connects."""
    expected, result = both_results(httpx2, plan, bounds)

    assert expected == result


@settings(deadline=None, max_examples=40)
@given(plan=asks, bounds=bound, spare=st.booleans())
def test_agrees_with_httpcore(plan: list[Ask], bounds: Bounds, spare: bool) -> None:
    """
    Likewise over httpcore 1.0, for one origin, or for more that need not wait.

    Waiting for several origins, it can promise one idle connection twice; its successor
    mended that, and the simulation does not have it.
    """
    if spare:
        bounds = (len(plan) + 1, *bounds[1:])
    else:
        plan = [(at, "a.sim", length) for at, _, length in plan]

    expected, result = both_results(httpx, plan, bounds)

    assert expected == result


def test_httpx_reconnects_beyond_its_keepalive_limit() -> None:
    """While one connection is busy, httpcore 1.0 keeps no idle one of 1 allowed; 2 keeps it."""
    plan = [(0, "a.sim", 1), (0, "a.sim", 9), (3, "a.sim", 1)]

    assert [3, 3] == [connects for _, connects in both_results(httpx, plan, (10, 1, 5.0))]
    assert [2, 2] == [connects for _, connects in both_results(httpx2, plan, (10, 1, 5.0))]


async def stuck(request: SimRequest) -> Reply:
    await asyncio.sleep(1.0)
    return Reply(content=b"x" * 8)


def world(ledger: Ledger | None = None) -> SimHttp:
    http = SimHttp(round_draws(http_connect=CONNECT_S), ledger or Ledger())
    http.mount("x.sim", stuck)
    return http


@both
def test_waiters_are_served_in_their_order(library: ModuleType) -> None:
    """Five requests over one connection end one after the other, as they came."""

    async def main(loop: SimLoop) -> list[int]:
        client = world().client(library, limits=library.Limits(max_connections=1), timeout=None)
        ends: list[int] = []

        async def one(index: int) -> None:
            await client.get("http://x.sim/")
            ends.append(index * 10_000 + loop.now_ns // MS)

        await asyncio.gather(*(one(index) for index in range(5)))
        return ends

    assert [1001, 12001, 23001, 34001, 45001] == simulate(main)


@both
def test_unread_body_keeps_its_connection(library: ModuleType) -> None:
    """A streamed response holds its connection until it is read to its end, or closed."""

    async def main(loop: SimLoop) -> list[int]:
        client = world().client(library, limits=library.Limits(max_connections=1), timeout=None)
        pool = client._transport.pool
        taken = []
        async with client.stream("GET", "http://x.sim/") as response:
            waiting = asyncio.create_task(client.get("http://x.sim/"))
            await asyncio.sleep(3)
            taken.append(pool.waiting_count)
            await response.aread()
            taken.append(pool.waiting_count)
        await waiting
        return [*taken, loop.now_ns // MS]

    assert [1, 0, 1001 + 3000 + 1000] == simulate(main)


@both
def test_closed_half_read_is_not_reused(library: ModuleType) -> None:
    """A body that is closed before its end closes the connection: the next request connects."""
    ledger = Ledger()

    async def main(loop: SimLoop) -> int:
        client = world(ledger).client(library, timeout=None)
        async with client.stream("GET", "http://x.sim/"):
            pass
        open_count: int = client._transport.pool.open_count
        await client.get("http://x.sim/")
        return open_count

    assert 0 == simulate(main)
    assert 2 == ledger.counts["http_connects"]


@both
@pytest.mark.parametrize("when_s", [0.0005, 0.5, 1.5])
def test_cancelled_request_releases(library: ModuleType, when_s: float) -> None:
    """Cancelled while it connects, waits for the headers or stands in line, it leaves."""

    async def main(loop: SimLoop) -> tuple[int, int, bytes]:
        client = world().client(library, limits=library.Limits(max_connections=1), timeout=None)
        first = asyncio.create_task(client.get("http://x.sim/"))
        second = asyncio.create_task(client.get("http://x.sim/"))
        await asyncio.sleep(when_s)
        (first if when_s < 1 else second).cancel()
        await asyncio.gather(first, second, return_exceptions=True)
        pool = client._transport.pool
        response = await client.get("http://x.sim/")
        return pool.open_count, pool.waiting_count, response.content

    assert (1, 0, b"x" * 8) == simulate(main)


@both
def test_given_and_cancelled_at_once(library: ModuleType) -> None:
    """A connection given to a request that is cancelled at that instant goes to the next."""

    async def main(loop: SimLoop) -> list[int]:
        client = world().client(library, limits=library.Limits(max_connections=1), timeout=None)
        ends: list[int] = []

        async def one(index: int) -> None:
            await client.get("http://x.sim/")
            ends.append(loop.now_ns // MS + index * 10_000)
            if index == 0:
                tasks[1].cancel()

        tasks = [asyncio.create_task(one(index)) for index in range(3)]
        await asyncio.gather(*tasks, return_exceptions=True)
        assert tasks[1].cancelled()
        return ends

    assert [1001, 22001] == simulate(main)


def test_who_is_cancelled_first_is_passed_over() -> None:
    """
    Cancelled at the instant at which a connection comes back: the next in line gets it.
    """
    origin = ("http", "a.sim", None)

    async def main(loop: SimLoop) -> tuple[bool, bool, int]:
        pool = ConnectionPool(
            max_connections=1, max_keepalive_connections=1, keepalive_expiry_s=None
        )
        only = pool.take(origin, loop)
        assert only is not None
        cancelled = asyncio.create_task(pool.wait(origin, loop))
        following = asyncio.create_task(pool.wait(origin, loop))
        await asyncio.sleep(1)
        cancelled.cancel()
        pool.give_back(only, loop, reusable=True)
        return await following is only, cancelled.cancelled(), pool.waiting_count

    assert (True, True, 0) == simulate(main)


def test_client_per_request_is_seen() -> None:
    """Who makes a client for each request pays a handshake each time, and it is counted."""
    shared, fresh = Ledger(), Ledger()

    async def main(loop: SimLoop) -> list[int]:
        async with world(shared).client(timeout=None) as client:
            for _ in range(5):
                await client.get("http://x.sim/")
        middle_ns, http = loop.now_ns, world(fresh)
        for _ in range(5):
            async with http.client(timeout=None) as client:
                await client.get("http://x.sim/")
        return [middle_ns // MS, (loop.now_ns - middle_ns) // MS]

    assert [5001, 5005] == simulate(main)
    assert (1, 5) == (shared.counts["http_connects"], fresh.counts["http_connects"])


@both
@pytest.mark.parametrize(("idle_s", "connects"), [(0.5, 1), (0.500000001, 2)])
def test_keepalive_expiry(library: ModuleType, idle_s: float, connects: int) -> None:
    """An idle connection is good until the instant of its expiry, and closed after it."""
    ledger = Ledger()

    async def main(loop: SimLoop) -> None:
        limits = library.Limits(keepalive_expiry=0.5)
        client = world(ledger).client(library, limits=limits, timeout=None)
        await client.get("http://x.sim/")
        await asyncio.sleep(idle_s)
        await client.get("http://x.sim/")

    simulate(main)

    assert connects == ledger.counts["http_connects"]


def test_closed_client_keeps_nothing() -> None:
    """Closing the client closes its idle connections, and their timers."""

    async def main(loop: SimLoop) -> tuple[int, int]:
        client = world().client(timeout=500)
        await client.get("http://x.sim/")
        before = client._transport.pool.open_count
        await client.aclose()
        return before, client._transport.pool.open_count

    assert (1, 0) == simulate(main)


def test_bad_limit() -> None:
    """A pool without connections is refused, by name."""
    with pytest.raises(ConfigError, match="max_connections=0"):
        world().transport(max_connections=0)
