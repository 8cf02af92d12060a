"""What is left of cancelled timers and closed loops: nothing."""

import asyncio
import gc
import math
import weakref

import pytest

from agent_perf.errors import SimDeadlock
from agent_perf.sim import SimLoop, simulate


def test_cancelled_timers_are_swept_out() -> None:
    """
    A million cancelled deadlines leave no million objects behind.
    """

    class Payload:
        pass

    async def main(loop: SimLoop) -> int:
        payloads: list[weakref.ref[Payload]] = []
        for _ in range(50_000):
            payload = Payload()
            payloads.append(weakref.ref(payload))
            async with asyncio.timeout(3_600):
                loop.call_later(3_600, id, payload).cancel()
                await asyncio.sleep(0.001)
        del payload
        assert not any(reference() for reference in payloads)
        return len(loop._heap)

    assert simulate(main) < 25_000


def test_cancelled_timers_of_one_instant_are_swept_out() -> None:
    """
    Neither do deadlines leave objects behind that would all be due at one instant.
    """

    async def main(loop: SimLoop) -> int:
        for _ in range(50_000):
            loop.call_at(1e9, id, loop).cancel()
            loop.call_at(math.inf, id, loop).cancel()
            await asyncio.sleep(0.001)
        return sum(len(due) if isinstance(due, list) else 1 for due in loop._waiting.values())

    assert simulate(main) < 25_000


def test_timers_of_one_instant_that_are_cancelled_move_no_clock() -> None:
    """
    What is cancelled does not happen: two cancelled timers are passed over like one.
    """

    async def main(loop: SimLoop) -> int:
        for _ in range(2):
            loop.call_at(5.0, id, loop).cancel()
        await asyncio.get_running_loop().create_future()
        return 0

    with pytest.raises(SimDeadlock, match=r"virtual time 0\.000000000 s"):
        simulate(main)


def test_a_closed_loop_takes_no_callbacks_and_is_freed() -> None:
    """
    call_soon raises after close(), and the loop makes no reference cycle with it.
    """
    loop = SimLoop()
    loop.call_soon(id, 0)
    loop.close()
    with pytest.raises(RuntimeError, match="closed"):
        loop.call_soon(id, 0)

    gone = weakref.ref(loop)
    gc.disable()
    try:
        del loop
        assert gone() is None
    finally:
        gc.enable()
