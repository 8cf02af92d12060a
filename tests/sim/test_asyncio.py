"""What asyncio builds on a loop works on this one, to the nanosecond."""

import asyncio
import gc
import math
import signal
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import aiolimiter
import pytest

from agent_perf.sim import SimLoop, simulate

MS = 1_000_000


async def _timeout() -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(1.5):
            await asyncio.Event().wait()


async def _wait_for() -> None:
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(asyncio.sleep(9), 0.25)


async def _task_group() -> None:
    async with asyncio.TaskGroup() as group:
        for seconds in (1, 3, 2):
            group.create_task(asyncio.sleep(seconds))


async def _queue() -> None:
    queue: asyncio.Queue[int] = asyncio.Queue(1)

    async def produce() -> None:
        for i in range(4):
            await asyncio.sleep(1)
            await queue.put(i)

    producer = asyncio.create_task(produce())
    assert [0, 1, 2, 3] == [await queue.get() for _ in range(4)]
    await producer


async def _barrier() -> None:
    barrier = asyncio.Barrier(3)

    async def party(seconds: int) -> None:
        await asyncio.sleep(seconds)
        await barrier.wait()

    await asyncio.gather(*[party(i) for i in range(3)])


async def _semaphore() -> None:
    semaphore = asyncio.Semaphore(2)

    async def one() -> None:
        async with semaphore:
            await asyncio.sleep(1)

    await asyncio.gather(*[one() for _ in range(5)])


async def _condition() -> None:
    condition = asyncio.Condition()

    async def wait() -> None:
        async with condition:
            await condition.wait()

    task = asyncio.create_task(wait())
    await asyncio.sleep(1)
    async with condition:
        condition.notify()
    await task


async def _wait() -> None:
    tasks = [asyncio.create_task(asyncio.sleep(i)) for i in (1, 5)]
    done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    assert ([tasks[0]], [tasks[1]]) == (list(done), list(pending))


@pytest.mark.parametrize(
    ("use", "took_ms"),
    [
        (_timeout, 1_500),
        (_wait_for, 250),
        (_task_group, 3_000),
        (_queue, 4_000),
        (_barrier, 2_000),
        (_semaphore, 3_000),
        (_condition, 1_000),
        (_wait, 1_000),
    ],
)
def test_primitives_take_exact_time(use: Callable[[], Awaitable[None]], took_ms: int) -> None:
    """
    timeout, wait_for, TaskGroup, Queue, Barrier, Semaphore, Condition, wait: to the ns.
    """

    async def main(loop: SimLoop) -> int:
        await use()
        return loop.now_ns

    assert took_ms * MS == simulate(main)


def test_default_task_names_count_from_one_in_each_simulation() -> None:
    """
    Names do not depend on what the process ran before; asyncio's own do.
    """

    async def main(loop: SimLoop) -> list[str]:
        await asyncio.create_task(asyncio.sleep(0), name="mine")
        other = asyncio.create_task(asyncio.sleep(0))
        await other
        return [asyncio.current_task().get_name(), other.get_name()]  # type: ignore[union-attr]

    assert ["Task-1", "Task-3"] == simulate(main) == simulate(main)


def test_a_task_factory_is_asked() -> None:
    """
    A program's own task factory makes the tasks, under the loop's names.
    """

    async def main(loop: SimLoop) -> list[str]:
        made: list[str] = []

        def factory(loop: asyncio.AbstractEventLoop, coro: Any, **kwargs: Any) -> asyncio.Task[Any]:
            made.append(coro.__qualname__)
            return asyncio.Task(coro, loop=loop, **kwargs)

        loop.set_task_factory(factory)
        task = asyncio.create_task(asyncio.sleep(1))
        await task
        return [*made, task.get_name()]

    assert ["sleep", "Task-2"] == simulate(main)


def test_sets_of_tasks_keep_their_order_whatever_lies_in_memory() -> None:
    """
    A program's own set of tasks iterates alike in each run: they hash to their number.
    """
    orders = []
    junk = []
    for size in (0, 3, 1_001):
        junk.append([object() for _ in range(size)])

        async def main(loop: SimLoop) -> list[str]:
            tasks = {asyncio.create_task(asyncio.sleep(0)) for _ in range(50)}
            await asyncio.gather(*tasks)
            return [task.get_name() for task in tasks]

        orders.append(simulate(main))

    assert orders[0] == orders[1] == orders[2]


def test_a_limiter_that_computes_in_floats_comes_to_its_end() -> None:
    """
    aiolimiter, 10 a second: 35 acquisitions drain the bucket, then drip every 100 ms.

    It asks for 1e-17 s when its own arithmetic leaves such a rest.
    """

    async def main(loop: SimLoop) -> list[int]:
        limiter = aiolimiter.AsyncLimiter(10, 1)
        seen: list[int] = []

        async def one() -> None:
            async with limiter:
                seen.append(round(loop.time() * 1e3))

        await asyncio.gather(*[one() for _ in range(35)])
        return seen

    assert [0] * 10 + [100 * i for i in range(1, 26)] == simulate(main)


def test_an_endless_deadline_never_comes_due() -> None:
    """
    `math.inf` as a deadline can be set and cancelled, and keeps nobody waiting.
    """

    async def main(loop: SimLoop) -> int:
        loop.call_later(math.inf, pytest.fail)
        async with asyncio.timeout_at(math.inf):
            await asyncio.sleep(1)
        return loop.now_ns

    assert 1_000 * MS == simulate(main)


@pytest.mark.skipif(sys.version_info < (3, 12), reason="eager tasks came with Python 3.12")
def test_eager_tasks_are_named_and_take_exact_time() -> None:
    """
    asyncio's eager task factory works: a task that never waits takes no step at all.
    """

    async def answer() -> str:
        return "at once"

    async def main(loop: SimLoop) -> list[object]:
        loop.set_task_factory(asyncio.eager_task_factory)  # type: ignore[attr-defined]
        task = asyncio.create_task(asyncio.sleep(0.5, "slept"))
        at_once = asyncio.create_task(answer())
        assert at_once.done()
        assert not task.done()
        return [await task, await at_once, loop.now_ns // MS, task.get_name()]

    assert ["slept", "at once", 500, "Task-2"] == simulate(main)


def test_a_real_interrupt_ends_a_simulation() -> None:
    """
    SIGINT, as Ctrl-C sends it, raises KeyboardInterrupt; cleaning up still happens.
    """
    seen: list[str] = []

    async def main(loop: SimLoop) -> None:
        try:
            await asyncio.sleep(1)
            signal.raise_signal(signal.SIGINT)
            await asyncio.sleep(1)
        finally:
            seen.append("cleaned up")

    with pytest.raises(KeyboardInterrupt):
        simulate(main)

    assert ["cleaned up"] == seen


def test_an_interrupt_among_many_tasks_is_quiet(caplog) -> None:
    """
    Tasks of nested groups pass an interrupt on; none is told as lost, or left pending.
    """
    seen: list[int] = []

    async def wait(number: int) -> None:
        try:
            await asyncio.sleep(number)
            if number == 2:
                signal.raise_signal(signal.SIGINT)
        finally:
            seen.append(number)

    async def group(numbers: range) -> None:
        async with asyncio.TaskGroup() as tasks:
            for number in numbers:
                tasks.create_task(wait(number))

    async def main(loop: SimLoop) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(group(range(1, 5)))
            tasks.create_task(group(range(5, 9)))

    with pytest.raises(KeyboardInterrupt):
        simulate(main)
    gc.collect()

    assert list(range(1, 9)) == sorted(seen)
    assert [] == caplog.messages


def test_asyncios_debug_mode_changes_nothing() -> None:
    """
    With debug mode on, a simulation takes the same steps to the same end.
    """

    def instants(debug: bool) -> list[int]:
        seen: list[int] = []

        async def main(loop: SimLoop) -> None:
            if debug:
                loop.set_debug(True)
                assert "<SimHandle id>" == repr(loop.call_soon(id, 0))
            async with asyncio.TaskGroup() as group:
                for seconds in range(3):
                    group.create_task(asyncio.sleep(seconds))
            loop.call_later(1, print).cancel()

        simulate(main, trace=lambda now_ns, handle: seen.append(now_ns))
        return seen

    # Setting it takes a step, and so does the callback.
    assert [0, 0, *instants(debug=False)] == instants(debug=True)
