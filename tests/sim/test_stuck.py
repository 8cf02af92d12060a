"""Telling why a simulation cannot go on."""

import asyncio
import math

import pytest

from agent_perf.errors import SimDeadlock, SimLivelock
from agent_perf.sim import SimLoop, simulate

MS = 1_000_000


def test_only_endless_deadlines_left_is_a_deadlock() -> None:
    """
    A simulation whose one timer is at infinity does not jump there.
    """

    async def main(loop: SimLoop) -> None:
        await asyncio.sleep(math.inf)

    with pytest.raises(SimDeadlock, match=r"virtual time 0\.000000000 s"):
        simulate(main)


def test_a_deadlock_names_the_tasks_and_the_lines_they_wait_at() -> None:
    """
    SimDeadlock tells each pending task's name, functions, files and lines.
    """

    async def consumer(queue: asyncio.Queue[int]) -> None:
        await queue.get()

    async def main(loop: SimLoop) -> None:
        await asyncio.sleep(2.5)
        await asyncio.create_task(consumer(asyncio.Queue()), name="the consumer")

    line = consumer.__code__.co_firstlineno + 1
    with pytest.raises(SimDeadlock) as caught:
        simulate(main)

    message = str(caught.value)
    assert "virtual time 2.500000000 s" in message
    assert "the consumer: Queue.get" in message
    assert f"consumer {__file__}:{line}" in message
    assert f"main {__file__}:{main.__code__.co_firstlineno + 2}" in message


def test_tasks_that_wait_at_one_place_are_told_once() -> None:
    """
    Of thirty tasks at one line the first three are named, by number and not by letter.
    """

    async def main(loop: SimLoop) -> None:
        never = asyncio.Event()
        await asyncio.gather(*[never.wait() for _ in range(30)])

    with pytest.raises(SimDeadlock) as caught:
        simulate(main)

    first, *others = str(caught.value).splitlines()[1:]
    assert first.startswith("  Task-1: test_tasks_that_wait_at_one_place")
    assert ["  30 tasks, Task-2, Task-3, Task-4, ..."] == [
        line.partition(": Event.wait ")[0] for line in others
    ]


def test_a_deadlock_lists_twenty_places() -> None:
    """
    Of many places, in the order of their tasks, the first twenty are told.
    """

    async def main(loop: SimLoop) -> None:
        never = asyncio.Event()
        scope = {"never": never}
        for number in range(24):
            exec(f"async def wait_{number}(): await never.wait()", scope)
        await asyncio.gather(*[scope[f"wait_{number}"]() for number in range(24)])  # type: ignore[operator]

    with pytest.raises(SimDeadlock) as caught:
        simulate(main)

    lines = str(caught.value).splitlines()
    assert [f"Task-{i}" for i in range(1, 21)] == [
        line.strip().partition(":")[0] for line in lines[1:21]
    ]
    assert "  ... and 5 more places" == lines[21]


def test_polling_without_sleeping_is_a_livelock() -> None:
    """
    200,000 steps at one instant raise SimLivelock, which names who polls.
    """

    async def poll(loop: SimLoop) -> None:
        await asyncio.sleep(1)
        while loop.now_ns:  # noqa: ASYNC110  # The mistake under test.
            await asyncio.sleep(0)

    with pytest.raises(SimLivelock, match=r"1\.000000000 s: 200000 steps(.|\n)*poll .*test_stuck"):
        simulate(poll)


def test_a_busy_program_is_no_livelock_while_time_passes() -> None:
    """
    More steps than an instant may take are fine, as long as CPU time is charged for them.
    """
    loop = SimLoop(steps_per_instant_max=100)

    async def main() -> int:
        for _ in range(1_000):
            loop.charge(1)
            await asyncio.sleep(0)
        return loop.now_ns

    assert 1_000 == loop.run_until_complete(main())
    loop.close()
