"""Code that waits for a clock which stands still until it gives way."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime

import pytest

from agent_perf.errors import SimLivelock, SimOverrun
from agent_perf.sim import simulate


@pytest.fixture(autouse=True)
def _soon(monkeypatch) -> None:
    # A million readings take a second: too long for a test.
    monkeypatch.setattr("agent_perf.sim.spin.READS_PER_INSTANT_MAX", 10_000)


def test_a_busy_wait_is_named_with_its_line() -> None:
    """A loop on time.monotonic() fails as a livelock, and the message says where."""

    async def main(loop):
        end_s = time.monotonic() + 0.01
        while time.monotonic() < end_s:
            pass

    with pytest.raises(SimLivelock, match=r"test_spin\.py:\d+ in .*main"):
        simulate(main)


@pytest.mark.parametrize(
    "read",
    [
        time.time,
        lambda: datetime.now(UTC).timestamp(),
        lambda: asyncio.get_running_loop().time(),
    ],
)
def test_calendars_and_the_loops_clock_spin_too(read) -> None:
    """A loop on time.time(), datetime.now() or loop.time() fails likewise."""

    async def main(loop):
        end_s = read() + 0.01
        while read() < end_s:
            pass

    with pytest.raises(SimLivelock, match="no time passed"):
        simulate(main)


def test_a_swallowed_livelock_is_raised_at_the_end() -> None:
    """Code that catches it and returns does not hide it."""

    async def main(loop):
        end_s = time.perf_counter() + 0.01
        try:
            while time.perf_counter() < end_s:
                pass
        except SimLivelock:
            return "fine"

    with pytest.raises(SimLivelock, match="perf_counter|test_spin"):
        simulate(main)


def test_reading_often_over_time_is_no_spin() -> None:
    """More readings than the limit are fine while time passes."""

    async def main(loop):
        for _ in range(11):
            for _ in range(9_000):
                time.monotonic()
            await asyncio.sleep(0.001)
        return time.monotonic()

    assert 0.011 == simulate(main)


def test_a_ticker_that_never_ends_is_stopped_at_the_limit() -> None:
    """A wait for what never happens, beside a heartbeat, ends at the limit with both named."""

    async def heartbeat():
        for _ in range(10**9):
            await asyncio.sleep(1.0)

    async def main(loop):
        task = asyncio.create_task(heartbeat(), name="heart")
        await asyncio.Event().wait()
        task.cancel()

    with pytest.raises(SimOverrun, match=r"virtual time 60\.0.*(?s:.*)heart: .*heartbeat"):
        simulate(main, virtual_limit_s=60.0)


def test_a_run_within_its_limit_is_let_be() -> None:
    """A timer exactly at the limit still fires."""

    async def main(loop):
        await asyncio.sleep(60.0)
        return loop.now_ns

    assert 60_000_000_000 == simulate(main, virtual_limit_s=60.0)


def test_a_livelock_that_charges_time_ends_at_the_limit() -> None:
    """Polling with sleep(0) while each step costs CPU time is an overrun, not an endless run."""

    async def main(loop):
        while True:
            loop.charge(1_000_000)
            await asyncio.sleep(0)

    with pytest.raises(SimOverrun):
        simulate(main, virtual_limit_s=10.0)
