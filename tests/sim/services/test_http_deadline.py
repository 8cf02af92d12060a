"""One lazily moved timer does what a fresh asyncio.timeout does for every wait."""

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from agent_perf.sim import SimLoop, simulate
from agent_perf.sim.services.http_deadline import Deadline

Waits = list[tuple[int, int]]
"""For each wait: how long it takes in ns, and its limit."""

waits = st.lists(st.tuples(st.integers(1, 9), st.integers(1, 9)), max_size=8)


async def with_deadline(loop: SimLoop, plan: Waits) -> list[tuple[bool, int]]:
    """Return for each wait whether it came in time, and when it ended."""
    deadline, ends = Deadline(loop), []
    for latency_ns, limit_ns in plan:
        deadline.begin(limit_ns)
        try:
            await asyncio.sleep(latency_ns / 1e9)
            in_time = not deadline.end()
        except asyncio.CancelledError:
            assert deadline.end()
            in_time = False
        ends.append((in_time, loop.now_ns))
    deadline.close()
    return ends


async def with_asyncio(loop: SimLoop, plan: Waits) -> list[tuple[bool, int]]:
    """Do the same with asyncio's own."""
    ends = []
    for latency_ns, limit_ns in plan:
        in_time = True
        try:
            async with asyncio.timeout(limit_ns / 1e9):
                await asyncio.sleep(latency_ns / 1e9)
        except TimeoutError:
            in_time = False
        ends.append((in_time, loop.now_ns))
    return ends


@given(plan=waits)
def test_agrees_with_asyncio(plan: Waits) -> None:
    """Whatever the waits and limits, both end at the same instants in the same way."""
    assert simulate(lambda loop: with_asyncio(loop, plan)) == simulate(
        lambda loop: with_deadline(loop, plan)
    )


def test_timer_is_seldom_moved() -> None:
    """A thousand waits within their limit schedule a single timer."""

    async def main(loop: SimLoop) -> int:
        deadline, before = Deadline(loop), len(loop._heap) + loop._tied_count
        for _ in range(1000):
            deadline.begin(600 * 10**9)
            await asyncio.sleep(0)
            deadline.end()
        return len(loop._heap) + loop._tied_count - before

    assert 1 == simulate(main)
