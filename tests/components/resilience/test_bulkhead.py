from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent_perf.components import Bulkhead, BulkheadFullError, Deadline
from agent_perf.errors import ConfigError
from agent_perf.sim import SimLoop, simulate


def test_so_many_run_so_many_wait_and_the_rest_is_refused() -> None:
    """
    Of six calls of a second two run, two wait, and two are refused at once.
    """

    async def main(loop: SimLoop) -> tuple[list[tuple[float, object]], tuple[int, ...]]:
        bulkhead = Bulkhead(running_max=2, waiting_max=2)
        ended: list[tuple[float, object]] = []

        async def one(name: int) -> None:
            try:
                ended.append((await bulkhead.call(lambda: asyncio.sleep(1, name)), loop.time()))
            except BulkheadFullError:
                ended.append((name, "refused"))

        await asyncio.gather(*(one(name) for name in range(6)))
        stats = bulkhead.stats()
        return ended, (stats.entered, stats.refused, stats.running, stats.waiting_max)

    assert (
        [(4, "refused"), (5, "refused"), (0, 1.0), (1, 1.0), (2, 2.0), (3, 2.0)],
        (4, 2, 0, 2),
    ) == simulate(main)


@pytest.mark.parametrize(("wait_s_max", "deadline_s"), [(0.5, 9.0), (9.0, 0.5)])
def test_nobody_waits_past_the_limit_or_the_deadline(wait_s_max: float, deadline_s: float) -> None:
    """
    Who gets no place in time is told so, by the earlier of limit and deadline, and takes
    none from those behind.
    """

    async def main(loop: SimLoop) -> tuple[float, int, int]:
        bulkhead = Bulkhead(running_max=1, waiting_max=5, wait_s_max=wait_s_max)
        first = asyncio.create_task(bulkhead.call(lambda: asyncio.sleep(1)))
        await asyncio.sleep(0)
        with pytest.raises((BulkheadFullError, TimeoutError)):
            async with Deadline(deadline_s):
                await bulkhead.call(lambda: asyncio.sleep(1))
        ended_s = loop.time()
        await first
        await bulkhead.call(lambda: asyncio.sleep(1))
        return ended_s, bulkhead.stats().running, bulkhead.stats().waiting

    assert (0.5, 0, 0) == simulate(main)


@settings(max_examples=100)
@given(
    st.integers(1, 3),
    st.integers(0, 4),
    st.lists(
        st.tuples(
            st.integers(0, 4),
            st.integers(0, 3),
            st.none() | st.integers(0, 6),
            st.booleans(),
        ),
        max_size=12,
    ),
)
def test_places_are_never_lost_nor_doubled(
    running_max: int,
    waiting_max: int,
    calls: list[tuple[int, int, int | None, bool]],
) -> None:
    """
    Whoever comes, takes how long, fails or is cancelled when: never more than running_max
    run, and in the end every place is free.
    """

    async def main(_: SimLoop) -> tuple[int, int, int]:
        bulkhead = Bulkhead(running_max=running_max, waiting_max=waiting_max, wait_s_max=2.0)
        running = most = 0

        async def work(seconds: int, *, fails: bool) -> None:
            nonlocal running, most
            running += 1
            most = max(most, running)
            try:
                await asyncio.sleep(seconds)
                if fails:
                    raise OSError
            finally:
                running -= 1

        async def one(come_s: int, seconds: int, leave_s: int | None, fails: bool) -> None:
            await asyncio.sleep(come_s)
            try:
                async with asyncio.timeout(leave_s):
                    await bulkhead.call(lambda: work(seconds, fails=fails))
            except (OSError, BulkheadFullError):
                pass

        await asyncio.gather(*(one(*call) for call in calls))
        return most, bulkhead.stats().running, bulkhead.stats().waiting

    most, left_running, left_waiting = simulate(main)

    assert most <= running_max
    assert (0, 0) == (left_running, left_waiting)


@pytest.mark.parametrize("bad", [{"running_max": 0}, {"waiting_max": -1}, {"wait_s_max": 0}])
def test_arguments_are_checked(bad: dict[str, int]) -> None:
    """
    A bulkhead that lets nobody in is refused.
    """
    with pytest.raises(ConfigError):
        Bulkhead(**({"running_max": 1} | bad))
