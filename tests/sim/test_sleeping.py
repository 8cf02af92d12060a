"""asyncio.sleep inside a simulation: the same function, made of pauses."""

import asyncio
import inspect
import math
import threading
from asyncio import sleep as captured

import anyio
import pytest

from agent_perf.sim import SimLoop, simulate

MS = 1_000_000


def test_every_reference_to_sleep_pauses() -> None:
    """
    Captured names and anyio's sleep take exact time, in one step each.
    """
    steps: list[int] = []

    async def main(loop: SimLoop) -> list[int]:
        await captured(0.001)
        await asyncio.sleep(0.002)
        await anyio.sleep(0.003)
        return [loop.now_ns]

    assert [6 * MS] == simulate(main, trace=lambda now_ns, handle: steps.append(now_ns))
    assert [0, 1 * MS, 3 * MS, 6 * MS] == steps[:4]


def test_sleep_is_what_it_was() -> None:
    """
    It gives a coroutine called sleep, returns its result, and refuses NaN.
    """

    async def main(loop: SimLoop) -> list[object]:
        coroutine = asyncio.sleep(1, "result")
        assert inspect.iscoroutine(coroutine)
        task = loop.create_task(coroutine)
        assert "sleep" == coroutine.__qualname__
        assert ["delay", "result"] == list(inspect.signature(asyncio.sleep).parameters)
        with pytest.raises(ValueError, match="NaN"):
            await asyncio.sleep(math.nan)
        yielded = await asyncio.sleep(-1, "at once")
        return [yielded, await task, loop.now_ns]

    assert ["at once", "result", 1_000 * MS] == simulate(main)


def test_sleep_is_put_back() -> None:
    """
    After a simulation, failed or not, asyncio has its own code again.
    """
    before = asyncio.sleep.__code__

    async def main(loop: SimLoop) -> None:
        assert asyncio.sleep.__code__ is not before
        raise LookupError

    with pytest.raises(LookupError):
        simulate(main)
    assert asyncio.sleep.__code__ is before


def test_other_threads_sleep_in_real_time() -> None:
    """
    A loop of another thread sleeps and wakes as always while a simulation runs.
    """
    begun, finish = threading.Event(), threading.Event()
    results: list[object] = []

    async def outside() -> None:
        begun.set()
        while not finish.is_set():
            results.append(await asyncio.sleep(0.001, "slept"))

    thread = threading.Thread(target=lambda: asyncio.run(outside()))

    async def main(loop: SimLoop) -> int:
        await asyncio.sleep(3600)
        while len(results) < 3:
            await asyncio.sleep(0.001)
            loop.charge(1)
        return len(results)

    thread.start()
    try:
        assert begun.wait(10)
        assert 3 <= simulate(main)
    finally:
        finish.set()
        thread.join()
    assert {"slept"} == set(results)


def test_sleeping_for_ever_is_no_deadlock_while_others_work() -> None:
    """
    sleep(inf) is a pause that never ends, and can be cancelled.
    """

    async def main(loop: SimLoop) -> int:
        endless = loop.create_task(asyncio.sleep(math.inf))
        await asyncio.sleep(5)
        endless.cancel()
        await asyncio.gather(endless, return_exceptions=True)
        return loop.now_ns

    assert 5_000 * MS == simulate(main)
