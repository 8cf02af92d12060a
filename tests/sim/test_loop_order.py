"""The order of callbacks: that of asyncio's own loop, made stable."""

import asyncio
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent_perf.sim import SimLoop, simulate
from tests.sim.stdlib_loop import StdlibLoop

MS = 1_000_000


def test_equal_deadlines_fire_in_the_order_in_which_they_were_set() -> None:
    """
    Timers of one instant are first in, first out; asyncio's heap does not promise that.
    """

    async def main(loop: SimLoop) -> list[int]:
        fired: list[int] = []
        for i in range(1_000):
            loop.call_at(1.0, fired.append, i)
        await asyncio.sleep(2)
        return fired

    assert list(range(1_000)) == simulate(main)


def test_neighbouring_nanoseconds_are_different_instants() -> None:
    """
    No clock resolution batches timers: what 1 ns apart is scheduled runs 1 ns apart.
    """

    async def main(loop: SimLoop) -> list[int]:
        seen: list[int] = []
        for ns in (3, 1, 2):
            loop.call_at(ns / 1e9, lambda: seen.append(loop.now_ns))
        await asyncio.sleep(1)
        return seen

    assert [1, 2, 3] == simulate(main)


def test_timers_that_a_charge_made_due_wait_for_what_was_ready() -> None:
    """
    What was ready when the CPU time was spent goes first; then the timers, by deadline.
    """

    async def main(loop: SimLoop) -> list[str]:
        seen: list[str] = []
        loop.call_later(0.002, seen.append, "later")
        loop.call_later(0.001, seen.append, "sooner")
        loop.call_soon(seen.append, "ready")
        loop.charge(3 * MS)
        loop.charge(3 * MS)
        loop.call_soon(seen.append, "afterwards")
        await asyncio.sleep(1)
        return seen

    assert ["ready", "afterwards", "sooner", "later"] == simulate(main)


def test_a_busy_loop_does_not_starve_timers() -> None:
    """
    Callbacks that are charged 1 ms and schedule the next leave room for a timer at 5 ms.
    """

    async def main(loop: SimLoop) -> list[int]:
        fired: list[int] = []
        loop.call_later(0.005, lambda: fired.append(loop.now_ns))

        def work(left: int) -> None:
            loop.charge(MS)
            if left:
                loop.call_soon(work, left - 1)

        work(100)
        await asyncio.sleep(1)
        return fired

    # Due when the fifth has been charged; the sixth was ready then.
    assert [6 * MS] == simulate(main)


def test_stop_lets_what_is_ready_run() -> None:
    """
    After stop() the callbacks that were ready run, and those that they schedule wait.
    """
    loop = SimLoop()
    seen: list[str] = []
    loop.call_soon(loop.stop)
    loop.call_soon(lambda: (seen.append("ready"), loop.call_soon(seen.append, "next")))
    loop.run_forever()
    first = list(seen)
    loop.call_soon(loop.stop)
    loop.run_forever()
    loop.close()

    assert ["ready"] == first
    assert ["ready", "next"] == seen


def test_stopping_twice_stops_once() -> None:
    """
    Two calls of stop() end one run; the next run goes on to its own end.
    """
    loop = SimLoop()
    loop.call_soon(loop.stop)
    loop.call_soon(loop.stop)
    loop.run_forever()
    loop.run_until_complete(asyncio.sleep(1))
    loop.close()

    assert 1_000 * MS == loop.now_ns


def test_an_interrupt_takes_its_stop_with_it() -> None:
    """
    A stop() whose run was ended by an interrupt does not end the next run.
    """
    loop = SimLoop()

    def interrupt() -> None:
        raise KeyboardInterrupt

    loop.call_soon(loop.stop)
    loop.call_soon(interrupt)
    with pytest.raises(KeyboardInterrupt):
        loop.run_forever()
    loop.run_until_complete(asyncio.sleep(1))
    loop.close()

    assert 1_000 * MS == loop.now_ns


def test_a_trace_sees_each_step_with_its_instant() -> None:
    """
    The trace is called before each callback, cancelled ones left out.
    """
    seen: list[int] = []

    async def main(loop: SimLoop) -> None:
        loop.call_later(0.001, id, 0).cancel()
        await asyncio.sleep(0.002)

    simulate(main, trace=lambda now_ns, handle: seen.append(now_ns))

    # The task's first step, its timer, its wake-up, the end of the run; then winding down.
    assert [0, 2 * MS, 2 * MS, 2 * MS] == seen[:4]
    assert {2 * MS} == set(seen[4:])


Program = list[tuple[str, int, int]]


def _programs() -> st.SearchStrategy[Program]:
    """Return what each callback does, by number: (verb, amount, number of the next)."""
    return st.lists(
        st.tuples(
            st.sampled_from(["soon", "later", "cancel", "nothing"]),
            st.integers(1, 5),
            st.integers(0, 11),
        ),
        min_size=12,
        max_size=12,
    )


def _play(loop: Any, program: Program) -> list[tuple[int, int]]:
    """Return (instant in ns, number) of each callback run, at most 60."""
    seen: list[tuple[int, int]] = []
    handles: list[Any] = []

    def act(number: int) -> None:
        if len(seen) >= 60:
            return
        seen.append((round(loop.time() * 1e9), number))
        verb, amount, following = program[number]
        if verb == "soon":
            children = [(following + i) % 12 for i in range(amount % 3)]
            handles.extend([loop.call_soon(act, child) for child in children])
        elif verb == "later":
            handles.append(loop.call_later(amount / 1e3, act, following))
            handles.append(loop.call_later((amount + 7) / 1e3, act, number))
        elif verb == "cancel" and handles:
            handles[amount % len(handles)].cancel()

    for number in range(12):
        loop.call_soon(act, number)
    loop.call_later(0.1, loop.stop)
    loop.run_forever()
    return seen


@given(program=_programs())
@settings(max_examples=300, deadline=None)
def test_callbacks_run_in_the_order_of_asyncios_own_loop(program: Program) -> None:
    """
    On any program of callbacks, the order and the instants are those of asyncio's loop.

    The reference is asyncio's own `_run_once` with a selector that moves a clock.
    """
    ours, reference = SimLoop(), StdlibLoop()
    expected = _play(reference, program)
    actual = _play(ours, program)
    ours.close()
    reference.close()

    assert expected == actual
