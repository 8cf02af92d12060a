"""What the loop's own work costs, in real time: micro-benchmarks, without a verdict."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from agent_perf.sim import SimLoop

COUNT = 1_000
Main = Callable[[SimLoop], Coroutine[Any, Any, None]]


async def _call_soon(loop: SimLoop) -> None:
    done = loop.create_future()
    left = COUNT

    def step() -> None:
        nonlocal left
        left -= 1
        if left:
            loop.call_soon(step)
        else:
            done.set_result(None)

    step()
    await done


async def _timed_waits(loop: SimLoop) -> None:
    async def user(number: int) -> None:
        for _ in range(COUNT // 100):
            await asyncio.sleep(0.001 + number / 1e6)

    await asyncio.gather(*[user(number) for number in range(100)])


async def _tasks(loop: SimLoop) -> None:
    for _ in range(COUNT):
        await asyncio.create_task(asyncio.sleep(0))


@pytest.mark.parametrize("main", [_call_soon, _timed_waits, _tasks])
def test_loop_speed(benchmark: BenchmarkFixture, main: Main) -> None:
    """
    A thousand callbacks, timed waits and tasks: each takes its thousand steps, or more.
    """

    def run() -> int:
        loop = SimLoop()
        try:
            loop.run_until_complete(main(loop))
            return loop.steps
        finally:
            loop.close()

    assert COUNT <= benchmark.pedantic(run, rounds=20, warmup_rounds=1)
