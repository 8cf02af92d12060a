from __future__ import annotations

import asyncio

from hypothesis import given, settings
from hypothesis import strategies as st

from agent_perf.sim import SimLoop, simulate
from agent_perf.sim.services.db_lock import WriteLock


def test_the_lock_is_passed_on_in_order() -> None:
    """
    Those who wait get the lock in the order in which they came, and are told they waited.
    """

    async def main(loop: SimLoop) -> list[tuple[str, bool]]:
        lock, order = WriteLock(), []

        async def use(name: str) -> None:
            waited = await lock.acquire(name)
            order.append((name, waited))
            await asyncio.sleep(1)
            lock.release(name)

        await asyncio.gather(*(use(name) for name in "abc"))
        assert not lock.is_held
        return order

    assert [("a", False), ("b", True), ("c", True)] == simulate(main)


def test_others_cannot_release() -> None:
    """
    Only the holder's release has an effect.
    """

    async def main(loop: SimLoop) -> tuple[bool, bool]:
        lock = WriteLock()
        await lock.acquire("holder")
        lock.release("other")
        return lock.held_by("holder"), lock.held_by("other")

    assert (True, False) == simulate(main)


def test_who_is_cancelled_first_is_passed_over() -> None:
    """
    Cancelled at the instant of the release, and not yet out of the line: the next one's turn.
    """

    async def main(loop: SimLoop) -> tuple[bool, bool]:
        lock = WriteLock()
        await lock.acquire("holder")
        cancelled = asyncio.create_task(lock.acquire("cancelled"))
        following = asyncio.create_task(lock.acquire("following"))
        await asyncio.sleep(1)
        cancelled.cancel()
        lock.release("holder")
        await asyncio.wait([cancelled, following])
        return cancelled.cancelled(), lock.held_by("following")

    assert (True, True) == simulate(main)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5), st.booleans()), max_size=10))
def test_cancellation_loses_no_lock(plan: list[tuple[int, int, bool]]) -> None:
    """
    Whoever is cancelled, and when, be it at the instant of his turn: at most one holds
    the lock at a time, and at the end nobody does.
    """

    async def main(loop: SimLoop) -> bool:
        lock = WriteLock()
        inside = 0

        async def use(name: int, hold_s: int) -> None:
            nonlocal inside
            await lock.acquire(name)
            try:
                inside += 1
                assert 1 == inside
                await asyncio.sleep(hold_s)
            finally:
                inside -= 1
                lock.release(name)

        async def request(name: int, delay_s: int, hold_s: int, cancelled: bool) -> None:
            task = asyncio.create_task(use(name, hold_s))
            await asyncio.sleep(delay_s)
            if cancelled:
                task.cancel()
            results = await asyncio.gather(task, return_exceptions=True)
            assert not isinstance(results[0], AssertionError)

        await asyncio.gather(*(request(i, *entry) for i, entry in enumerate(plan)))
        return lock.is_held

    assert not simulate(main)
