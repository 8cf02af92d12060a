"""A loop of real time on which simulated services live."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress

import pytest

from agent_perf.errors import RealWorldAccess, TimeLimitError, UsageError
from agent_perf.live.world import RealLoop, run_in_real_time
from agent_perf.sim import BACKGROUND_ID, running_request


def test_time_begins_at_zero_and_passes() -> None:
    """A pause takes at least as long as it says, on the loop's clock and on every other."""

    async def main(loop: RealLoop) -> tuple[int, float]:
        begin_ns, begin_s = loop.now_ns, time.monotonic()
        await loop.pause(3_000_000)
        return loop.now_ns - begin_ns, time.monotonic() - begin_s

    passed_ns, passed_s = run_in_real_time(main, limit_s=10, whose="a test")

    assert passed_ns >= 3_000_000
    assert passed_s >= 0.003


def test_a_short_pause_is_not_rounded_up() -> None:
    """The best of many pauses of 0.2 ms takes less than 0.9: epoll alone would make a whole one."""

    async def main(loop: RealLoop) -> int:
        best_ns = 1 << 60
        for _ in range(50):
            begin_ns = loop.now_ns
            await loop.pause(200_000)
            best_ns = min(best_ns, loop.now_ns - begin_ns)
        return best_ns

    assert run_in_real_time(main, limit_s=10, whose="a test") < 900_000


def test_what_never_ends_is_stopped() -> None:
    """After its limit a run is stopped, by name, and what it had begun is cancelled."""
    seen = []

    async def beside() -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            seen.append("cancelled")
            raise

    async def main(loop: RealLoop) -> None:
        task = loop.create_task(beside())
        await asyncio.sleep(0)
        await asyncio.shield(task)

    with pytest.raises(TimeLimitError, match=r"shop\.chat: still running after 0\.05 s"):
        run_in_real_time(main, limit_s=0.05, whose="shop.chat")
    assert ["cancelled"] == seen


def test_a_time_out_of_its_own_is_not_the_limit() -> None:
    """A TimeoutError that the run raises itself is handed on as it is."""

    async def main(loop: RealLoop) -> None:
        async with asyncio.timeout(0.001):
            await asyncio.sleep(60)

    with pytest.raises(TimeoutError) as caught:
        run_in_real_time(main, limit_s=10, whose="a test")
    assert not isinstance(caught.value, TimeLimitError)


def test_a_refusal_ends_the_run() -> None:
    """What was refused is told at the end, though somebody swallowed it."""

    async def main(loop: RealLoop) -> None:
        with suppress(RealWorldAccess):
            loop.refusals.refuse("a call", "do not")

    with pytest.raises(RealWorldAccess, match="a call"):
        run_in_real_time(main, limit_s=10, whose="a test")


def test_nobodys_request_is_the_background() -> None:
    """Outside of requests, draws and counts belong to the background."""

    async def main(loop: RealLoop) -> int:
        return running_request().request_id

    assert BACKGROUND_ID == run_in_real_time(main, limit_s=10, whose="a test")


def test_a_running_loop_is_not_blocked() -> None:
    """Called within a running loop, it refuses."""

    async def main(loop: RealLoop) -> None:
        run_in_real_time(main, limit_s=1, whose="a test")

    with pytest.raises(UsageError, match="within a running event loop"):
        run_in_real_time(main, limit_s=10, whose="a test")
