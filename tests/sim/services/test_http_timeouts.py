"""Time-outs that mocks skip, enforced to the nanosecond, for both client libraries."""

import asyncio
from collections.abc import AsyncIterator
from types import ModuleType
from typing import Any

import httpx
import httpx2
import pytest

from agent_perf.sim import Reply, SimHttp, SimLoop, SimRequest, simulate
from tests.sim.services.ledger import Ledger, round_draws

both = pytest.mark.parametrize("library", [httpx, httpx2], ids=["httpx", "httpx2"])
MS = 1_000_000


def slow_http(seconds: float, ledger: Ledger | None = None, **kwargs: Any) -> SimHttp:
    """Return a world with one host, ``x.sim``, that answers after *seconds*."""
    http = SimHttp(round_draws(http_connect=0.001), ledger or Ledger(), **kwargs)

    async def answer(request: SimRequest) -> Reply:
        await asyncio.sleep(seconds)
        return Reply(content=b"late")

    http.mount("x.sim", answer)
    return http


@both
def test_read_timeout_is_exact(library: ModuleType) -> None:
    """A reply after 0.8 s does not pass a time-out of 0.3 s, which ends at 0.3 s."""

    async def main(loop: SimLoop) -> tuple[int, str]:
        async with slow_http(0.8).client(library, timeout=0.3) as client:
            with pytest.raises(library.ReadTimeout) as caught:
                await client.get("http://x.sim/a")
        return loop.now_ns, str(caught.value.request.url)

    assert (1 * MS + 300 * MS, "http://x.sim/a") == simulate(main)


@both
@pytest.mark.parametrize(("limit_s", "passes"), [(0.8, False), (0.800000001, True)])
def test_read_timeout_boundary(library: ModuleType, limit_s: float, passes: bool) -> None:
    """What arrives at the very instant of the limit is late; one nanosecond before, in time."""

    async def main(loop: SimLoop) -> bool:
        async with slow_http(0.8).client(library, timeout=limit_s) as client:
            try:
                return b"late" == (await client.get("http://x.sim/a")).content
            except library.ReadTimeout:
                return False

    assert passes == simulate(main)


@both
def test_read_timeout_of_a_chunk(library: ModuleType) -> None:
    """Every chunk has the whole limit for itself, counted from when it is waited for."""

    async def chunks() -> AsyncIterator[bytes]:
        for gap_s in (0.4, 0.4, 0.4, 0.6):
            await asyncio.sleep(gap_s)
            yield b"chunk"

    async def stream(request: SimRequest) -> Reply:
        return Reply(content=chunks())

    async def main(loop: SimLoop) -> tuple[list[int], int]:
        http = slow_http(0)
        http.mount("s.sim", stream)
        arrived = []
        async with http.client(library, timeout=0.5) as client:
            with pytest.raises(library.ReadTimeout):
                async with client.stream("GET", "http://s.sim/") as response:
                    async for _ in response.aiter_raw():
                        arrived.append(loop.now_ns // MS)
                        await asyncio.sleep(1.0)  # The reader's own time does not count.
        return arrived, loop.now_ns // MS

    # The second chunk is asked for at 1,401 ms, and takes 400 ms more.
    assert ([401, 1801, 3201], 4701) == simulate(main)


@both
def test_connect_timeout(library: ModuleType) -> None:
    """A handshake of 1 ms does not pass a limit of 0.4 ms, and the connection is closed."""

    async def main(loop: SimLoop) -> tuple[int, int]:
        client = slow_http(0).client(library, timeout=library.Timeout(5.0, connect=0.0004))
        with pytest.raises(library.ConnectTimeout):
            await client.get("http://x.sim/a")
        return loop.now_ns, client._transport.pool.open_count

    assert (400_000, 0) == simulate(main)


@both
@pytest.mark.parametrize(("size_bytes", "passes"), [(999, True), (1000, False)])
def test_write_timeout(library: ModuleType, size_bytes: int, passes: bool) -> None:
    """At 1,000 bytes/s, 999 bytes go out within a second, and 1,000 do not."""

    async def main(loop: SimLoop) -> tuple[bool, int]:
        http = slow_http(0, upload_bytes_per_s=1000)
        client = http.client(library, timeout=library.Timeout(5.0, write=1.0))
        try:
            await client.post("http://x.sim/a", content=b"x" * size_bytes)
        except library.WriteTimeout:
            return False, loop.now_ns
        return True, loop.now_ns

    assert (passes, 1 * MS + size_bytes * MS) == simulate(main)


@both
def test_pool_timeout(library: ModuleType) -> None:
    """Who waits longer than the pool's limit gets PoolTimeout then, and leaves the line."""

    async def main(loop: SimLoop) -> tuple[int, int, int]:
        client = slow_http(2.0).client(
            library,
            timeout=library.Timeout(5.0, pool=0.5),
            limits=library.Limits(max_connections=1),
        )
        holder = asyncio.create_task(client.get("http://x.sim/a"))
        await asyncio.sleep(0.1)
        with pytest.raises(library.PoolTimeout):
            await client.get("http://x.sim/b")
        waited_until, pool = loop.now_ns, client._transport.pool
        waiting = pool.waiting_count
        await holder
        return waited_until, waiting, loop.now_ns

    assert (600 * MS, 0, 2001 * MS) == simulate(main)


@both
def test_no_limit(library: ModuleType) -> None:
    """``timeout=None`` waits for ever, and an infinite limit does, too."""

    async def main(loop: SimLoop) -> int:
        client = slow_http(86_400).client(library, timeout=None)
        await client.get("http://x.sim/a")
        await client.get("http://x.sim/a", timeout=float("inf"))
        return loop.now_ns

    assert 2 * 86_400_000 * MS + MS == simulate(main)


@both
def test_outer_timeout_wins(library: ModuleType) -> None:
    """The caller's own `asyncio.timeout` is told from the client's, and passes through it."""

    async def main(loop: SimLoop) -> int:
        client = slow_http(0.8).client(library, timeout=0.5)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await client.get("http://x.sim/a")
        return loop.now_ns

    assert 200 * MS == simulate(main)


@both
def test_cancelled_at_the_limit(library: ModuleType) -> None:
    """Cancelled by somebody else at the instant of the time-out, a task is cancelled."""

    async def main(loop: SimLoop) -> bool:
        client = slow_http(0.8).client(library, timeout=0.3)
        task = asyncio.create_task(client.get("http://x.sim/a"))
        await asyncio.sleep(0)
        loop.call_at(0.301, task.cancel)
        with pytest.raises(asyncio.CancelledError):
            await task
        return task.cancelled()

    assert simulate(main)


@both
def test_failed_body_leaves_no_timer(library: ModuleType) -> None:
    """After a body that raised, no old limit comes due in whatever the task does next."""

    async def broken() -> AsyncIterator[bytes]:
        yield b"a"
        raise ValueError("a bug in the handler")

    async def stream(request: SimRequest) -> Reply:
        return Reply(content=broken())

    async def main(loop: SimLoop) -> int:
        http = slow_http(0)
        http.mount("s.sim", stream)
        client = http.client(library, timeout=0.3)
        response = await client.send(client.build_request("GET", "http://s.sim/"), stream=True)
        with pytest.raises(ValueError, match="a bug in the handler"):
            await response.aread()
        await asyncio.sleep(5)
        return loop.now_ns // MS

    assert 5001 == simulate(main)


def test_counts_of_failures() -> None:
    """Requests that time out count as requests and as errors; one that never left, as error."""
    ledger = Ledger()

    async def main(loop: SimLoop) -> None:
        client = slow_http(0.8, ledger).client(
            timeout=httpx.Timeout(0.3, pool=0.1), limits=httpx.Limits(max_connections=1)
        )
        results = await asyncio.gather(
            client.get("http://x.sim/a"), client.get("http://x.sim/b"), return_exceptions=True
        )
        assert [httpx.ReadTimeout, httpx.PoolTimeout] == [type(result) for result in results]

    simulate(main)

    assert 1 == ledger.counts["http_requests"]
    assert 2 == ledger.counts["http_errors"]
    assert ("http.wait", 0, 100 * MS, "GET x.sim/b") in ledger.spans
    assert ("http.request", 1 * MS, 301 * MS, "GET x.sim/a") in ledger.spans
