"""Worker threads: refused, or modelled to the nanosecond."""

import asyncio
import contextvars
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Literal

import anyio.to_thread
import pytest

from agent_perf.errors import RealWorldAccess, UsageError
from agent_perf.sim import SimLoop, request_scope, running_request, simulate

MS = 1_000_000


def _look_up(key: str) -> str:
    time.sleep(0.05)
    return key.upper()


async def _to_thread() -> str:
    return await asyncio.to_thread(_look_up, "a")


async def _run_in_executor() -> str:
    return await asyncio.get_running_loop().run_in_executor(None, _look_up, "a")


async def _anyio() -> str:
    return await anyio.to_thread.run_sync(_look_up, "a")


WAYS = [_to_thread, _run_in_executor, _anyio]


@pytest.mark.parametrize("way", WAYS)
def test_threads_are_refused_by_default(way: Callable[[], object]) -> None:
    """
    The error names the function, the caller's line, and the option that models threads.
    """

    async def main(loop: SimLoop) -> None:
        await way()  # type: ignore[misc]

    with pytest.raises(RealWorldAccess) as caught:
        simulate(main)

    assert f"_look_up {__file__}:" in str(caught.value)
    assert f"at {__file__}:" in str(caught.value)
    assert 'executor="inline"' in str(caught.value)


@pytest.mark.parametrize("way", WAYS)
def test_sleep_in_a_worker_takes_virtual_time(way: Callable[[], object]) -> None:
    """
    Inline, a synchronous function returns its value after the time that it slept.
    """

    async def main(loop: SimLoop) -> tuple[str, int]:
        return await way(), loop.now_ns  # type: ignore[misc]

    assert ("A", 50 * MS) == simulate(main, executor="inline")


def test_workers_are_limited_and_served_in_order() -> None:
    """
    With 2 workers, five sleeps of one second end after 1, 1, 2, 2 and 3 seconds.
    """

    async def main(loop: SimLoop) -> list[tuple[int, float]]:
        ended: list[tuple[int, float]] = []
        pool = ThreadPoolExecutor(2)

        def work(number: int) -> None:
            time.sleep(1)
            ended.append((number, time.monotonic()))

        await asyncio.gather(*[loop.run_in_executor(pool, work, i) for i in range(5)])
        return ended

    expected = [(0, 1.0), (1, 1.0), (2, 2.0), (3, 2.0), (4, 3.0)]
    assert expected == simulate(main, executor="inline")


@pytest.mark.parametrize(("workers", "took_s"), [(1, 3), (3, 1)])
def test_the_default_executor_has_as_many_workers_as_asked_for(workers: int, took_s: int) -> None:
    """
    `executor_workers` limits the default executor.
    """
    loop = SimLoop(executor="inline", executor_workers=workers)

    async def main() -> None:
        await asyncio.gather(*[loop.run_in_executor(None, _yield_second) for _ in range(3)])

    loop.run_until_complete(main())
    loop.close()

    assert took_s * 1_000 * MS == loop.now_ns


def _yield_second() -> None:
    # Outside of simulate() the real time.sleep is in place.
    from agent_perf.sim.workers import sleep_in_worker

    assert sleep_in_worker(1)


def test_anyio_keeps_its_own_limit() -> None:
    """
    anyio's limiter, 40 by default, decides how many of its threads run at once.
    """

    async def main(loop: SimLoop) -> tuple[int, int]:
        limiter = anyio.CapacityLimiter(2)
        async with anyio.create_task_group() as group:
            for _ in range(4):
                group.start_soon(lambda: anyio.to_thread.run_sync(time.sleep, 1, limiter=limiter))
        two_at_a_time_ns = loop.now_ns
        async with anyio.create_task_group() as group:
            for _ in range(41):
                group.start_soon(anyio.to_thread.run_sync, time.sleep, 1)
        return two_at_a_time_ns, loop.now_ns - two_at_a_time_ns

    assert (2_000 * MS, 2_000 * MS) == simulate(main, executor="inline")


def test_others_run_while_a_worker_sleeps() -> None:
    """
    A sleeping worker does not hold the loop; a computing one, charged, does.
    """

    async def main(loop: SimLoop) -> list[str]:
        seen: list[str] = []

        def work() -> None:
            seen.append(f"begin {time.monotonic()}")
            time.sleep(1)
            loop.charge(500 * MS)
            seen.append(f"end {time.monotonic()}")

        async def tick() -> None:
            for _ in range(3):
                await asyncio.sleep(0.6)
                seen.append(f"tick {loop.time()}")

        await asyncio.gather(asyncio.to_thread(work), tick())
        return seen

    expected = ["begin 0.0", "tick 0.6", "end 1.5", "tick 1.5", "tick 2.1"]
    assert expected == simulate(main, executor="inline")


def test_a_workers_error_is_the_callers() -> None:
    """
    What the function raises, before or after a sleep, is raised where it is awaited.
    """

    def fail() -> None:
        time.sleep(1)
        raise LookupError("no such key")

    async def main(loop: SimLoop) -> float:
        with pytest.raises(LookupError, match="no such key"):
            await asyncio.to_thread(fail)
        return loop.time()

    assert 1.0 == simulate(main, executor="inline")


def test_giving_up_does_not_stop_the_work() -> None:
    """
    As with a thread, a caller that times out goes on while the function runs to its end.
    """

    async def main(loop: SimLoop) -> list[float]:
        ended: list[float] = []

        def work() -> None:
            time.sleep(1)
            ended.append(time.monotonic())

        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.to_thread(work), 0.25)
        gave_up = loop.time()
        await asyncio.sleep(2)
        return [gave_up, *ended]

    assert [0.25, 1.0] == simulate(main, executor="inline")


def test_a_worker_sees_its_callers_context() -> None:
    """
    Context variables reach the function, and what it sets stays with it.
    """
    tenant: contextvars.ContextVar[str] = contextvars.ContextVar("tenant", default="nobody")

    def work() -> str:
        seen = tenant.get()
        tenant.set("worker")
        time.sleep(0.1)
        return f"{seen}, {tenant.get()}"

    async def main(loop: SimLoop) -> tuple[str, str]:
        tenant.set("caller")
        return await asyncio.to_thread(work), tenant.get()

    assert ("caller, worker", "caller") == simulate(main, executor="inline")


def test_work_in_an_executor_belongs_to_its_request() -> None:
    """
    What a function does on a worker is done for the request that handed it over.
    """

    async def main(loop: SimLoop) -> int:
        with request_scope(7):
            state = await loop.run_in_executor(None, running_request)
        return state.request_id

    assert 7 == simulate(main, executor="inline")


def test_clients_may_look_up_their_platform() -> None:
    """
    openai's look-up of the platform, in a thread, is answered at once without threads.
    """

    async def main(loop: SimLoop) -> tuple[object, int]:
        from openai._base_client import get_platform

        return await asyncio.to_thread(get_platform), loop.now_ns

    platform, took_ns = simulate(main)
    assert "Linux" == platform or not sys.platform.startswith("linux")
    assert 0 == took_ns


def test_a_negative_sleep_is_an_error_in_a_worker_too() -> None:
    """
    `time.sleep` refuses a negative number with ValueError, wherever it runs.
    """

    async def main(loop: SimLoop) -> None:
        await asyncio.to_thread(time.sleep, -1)

    with pytest.raises(ValueError, match="non-negative"):
        simulate(main, executor="inline")


def test_real_threads_stay_refused() -> None:
    """
    Modelled workers open no back door: a worker may not start a thread.
    """

    async def main(loop: SimLoop) -> None:
        await asyncio.to_thread(threading.Thread(target=int).start)

    with pytest.raises(RealWorldAccess, match="starting thread"):
        simulate(main, executor="inline")


def test_a_worker_that_sleeps_when_all_ends_is_cancelled() -> None:
    """
    At the end of main the sleep raises CancelledError in the function, which can clean up.
    """
    seen: list[str] = []

    def work() -> None:
        try:
            time.sleep(100)
        finally:
            seen.append("cleaned up")

    async def main(loop: SimLoop) -> None:
        loop.run_in_executor(None, work)
        await asyncio.sleep(1)

    simulate(main, executor="inline")

    assert ["cleaned up"] == seen


@pytest.mark.parametrize(("executor", "workers"), [("thread", 1), ("inline", 0)])
def test_senseless_options_are_refused(executor: Literal["inline"], workers: int) -> None:
    """
    An unknown policy, or no workers, is an error that names the value.
    """
    with pytest.raises(UsageError, match=f"{executor!r}|=0"):
        SimLoop(executor=executor, executor_workers=workers)
