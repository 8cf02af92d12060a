"""The loop: its clock, its timers, its callbacks."""

import asyncio
import contextvars
import gc
import math
import weakref
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent_perf.errors import UsageError
from agent_perf.sim import SimLoop, simulate

MS = 1_000_000


def test_time_begins_at_zero_and_moves_by_exactly_what_is_slept() -> None:
    """
    The clock is an integer: sleeping 0.1 s ten times comes to exactly one second.
    """

    async def main(loop: SimLoop) -> list[int]:
        seen = [loop.now_ns]
        for _ in range(10):
            await asyncio.sleep(0.1)
            seen.append(loop.now_ns)
        return seen

    assert [100 * MS * i for i in range(11)] == simulate(main)


def test_time_is_now_in_seconds() -> None:
    """
    `time` is the same instant as `now_ns`, in seconds.
    """

    async def main(loop: SimLoop) -> tuple[int, float]:
        await asyncio.sleep(1.5)
        return loop.now_ns, loop.time()

    assert (1_500 * MS, 1.5) == simulate(main)


@given(ns=st.integers(1, 2**50))
@settings(max_examples=50)
def test_whole_nanoseconds_survive_the_way_through_seconds(ns: int) -> None:
    """
    A latency of whole ns, up to 13 days, slept in seconds, takes exactly those ns.
    """
    loop = SimLoop()
    loop.run_until_complete(_sleep(ns / 1e9))
    loop.close()

    assert ns == loop.now_ns


async def _sleep(seconds: float) -> None:
    await asyncio.sleep(seconds)


@pytest.mark.parametrize("delay", [1e-17, 0.0, -1.0, -math.inf])
def test_a_timer_takes_at_least_one_nanosecond(delay: float) -> None:
    """
    However early a timer is asked for, time passes before it fires.
    """

    async def main(loop: SimLoop) -> int:
        fired = asyncio.Event()
        loop.call_later(delay, fired.set)
        await fired.wait()
        return loop.now_ns

    assert 1 == simulate(main)


def test_a_delay_that_is_no_number_is_refused() -> None:
    """
    NaN is an error where it is given, not a timer somewhere in the heap.
    """

    async def main(loop: SimLoop) -> None:
        loop.call_later(math.nan, print)

    with pytest.raises(ValueError, match="NaN"):
        simulate(main)


def test_charged_time_makes_due_timers_late() -> None:
    """
    While CPU time is spent the loop is busy: a timer due at 1 ms fires at 5 ms.
    """

    async def main(loop: SimLoop) -> list[int]:
        seen: list[int] = []
        loop.call_later(0.001, lambda: seen.append(loop.now_ns))
        loop.charge(5 * MS)
        await asyncio.sleep(0.001)
        return [*seen, loop.now_ns]

    assert [5 * MS, 6 * MS] == simulate(main)


def test_time_cannot_be_charged_backwards() -> None:
    """
    A negative charge is refused with its value.
    """

    async def main(loop: SimLoop) -> None:
        loop.charge(-1)

    with pytest.raises(UsageError, match=r"charge\(-1\)"):
        simulate(main)


def test_cancelled_callbacks_do_not_run() -> None:
    """
    A handle cancelled before its turn never runs, soon or later, and says so.
    """

    async def main(loop: SimLoop) -> tuple[bool, bool, bool]:
        soon = loop.call_soon(pytest.fail)
        later = loop.call_later(1, pytest.fail)
        kept = loop.call_later(1, id, 0)
        soon.cancel()
        later.cancel()
        await asyncio.sleep(2)
        return soon.cancelled(), later.cancelled(), kept.cancelled()

    assert (True, True, False) == simulate(main)


def test_a_timer_knows_its_instant() -> None:
    """
    `when` is the virtual second at which the timer fires.
    """

    async def main(loop: SimLoop) -> tuple[float, float]:
        await asyncio.sleep(1)
        return loop.call_later(0.25, print).when(), loop.call_at(7.5, print).when()

    assert (1.25, 7.5) == simulate(main)


def test_the_callers_context_is_honoured() -> None:
    """
    `context=` decides which context variables a callback sees; without, the caller's.
    """
    number: contextvars.ContextVar[int] = contextvars.ContextVar("number", default=0)
    other = contextvars.copy_context()
    other.run(number.set, 7)

    async def main(loop: SimLoop) -> list[int]:
        seen: list[int] = []

        def look() -> None:
            seen.append(number.get())

        number.set(1)
        loop.call_soon(look)
        loop.call_soon(look, context=other)
        loop.call_later(1, look)
        loop.call_later(1, look, context=other)
        loop.call_at(2, look, context=other)
        number.set(2)
        await asyncio.sleep(3)
        return seen

    assert [1, 7, 1, 7, 7] == simulate(main)


def test_a_failing_callback_goes_to_the_exception_handler() -> None:
    """
    As on any loop, a callback that raises is reported, and the others run.
    """

    async def main(loop: SimLoop) -> list[object]:
        reports: list[object] = []
        loop.set_exception_handler(lambda _, context: reports.append(context))

        def fail() -> None:
            raise ValueError("broken")

        loop.call_soon(fail)
        loop.call_soon(reports.append, "still running")
        await asyncio.sleep(0)
        return reports

    report, after = simulate(main)
    assert "still running" == after
    assert isinstance(report, dict)
    assert "broken" == str(report["exception"])
    assert report["message"].startswith("Exception in callback")
    assert "fail" in report["message"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_interrupts_pass_through_callbacks(error: type[BaseException]) -> None:
    """
    Ctrl-C and exit end the simulation, even from within a callback.
    """

    def interrupt() -> None:
        raise error

    async def main(loop: SimLoop) -> None:
        loop.call_soon(interrupt)
        await asyncio.sleep(1)

    with pytest.raises(error):
        simulate(main)


def test_steps_count_callbacks() -> None:
    """
    `steps` tells how many callbacks have run, the running one included.
    """

    async def main(loop: SimLoop) -> list[int]:
        seen = [loop.steps]
        for _ in range(3):
            loop.call_soon(id, 0)
            await loop.pause(1)
            seen.append(loop.steps)
        return seen

    # main itself; the callback, the end of the pause; the callback...
    assert [1, 3, 5, 7] == simulate(main)


def test_a_closed_loop_takes_no_more_work() -> None:
    """
    Scheduling on a closed loop raises, as on asyncio's own.
    """
    loop = SimLoop()
    loop.close()

    schedule: list[Callable[[], object]] = [
        lambda: loop.call_soon(print),
        lambda: loop.call_later(1, print),
        lambda: loop.call_at(1, print),
    ]
    for attempt in schedule:
        with pytest.raises(RuntimeError, match="Event loop is closed"):
            attempt()


def test_a_finished_loop_is_not_kept_alive() -> None:
    """
    Nothing global holds a loop after its simulation.
    """
    loops: list[weakref.ref[SimLoop]] = []

    async def main(loop: SimLoop) -> None:
        loops.append(weakref.ref(loop))

    simulate(main)
    gc.collect()

    assert loops[0]() is None
