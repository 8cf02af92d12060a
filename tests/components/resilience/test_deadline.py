from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_perf.components import Deadline, RetryPolicy, call_with_retries, hand_on, time_left_s
from agent_perf.errors import ConfigError
from agent_perf.sim import SimLoop, simulate
from tests.components.fakes import Hands


def test_work_inside_knows_how_long_it_has() -> None:
    """
    Inside a deadline of 3 s there are 2 s left after one, in tasks begun there too; before
    and afterwards there is no limit.
    """

    async def main(_: SimLoop) -> list[float]:
        left = [time_left_s()]
        async with Deadline(3.0):
            await asyncio.sleep(1)
            left.append(time_left_s())
            left.append(await asyncio.create_task(asyncio.sleep(0.5, time_left_s())))
            left.append(time_left_s())
        return [*left, time_left_s()]

    assert [math.inf, 2.0, 2.0, 1.5, math.inf] == simulate(main)


@given(st.floats(0.0, 10.0), st.floats(0.0, 10.0))
def test_the_earliest_of_nested_deadlines_holds(outer_s: float, inner_s: float) -> None:
    """
    Whichever is nested in which, what hangs ends at the earlier.
    """

    async def main(loop: SimLoop) -> tuple[float, float]:
        with pytest.raises(TimeoutError):
            async with Deadline(outer_s), Deadline(inner_s) as inner:
                left_s = inner.left_s
                await asyncio.sleep(3600)
        return left_s, loop.time()

    left_s, ended_s = simulate(main)

    assert min(outer_s, inner_s) == left_s
    # The loop counts whole nanoseconds.
    assert abs(ended_s - left_s) <= 1e-9


def begun(deadline: Deadline, work: Coroutine[object, object, float]) -> Awaitable[float]:
    async def inside() -> float:
        async with deadline:
            return await work

    return inside()


@given(st.floats(0.0, 3.0), st.lists(st.floats(0.0, 2.0), max_size=3), st.booleans())
def test_waiting_for_work_is_a_block_around_it(
    limit_s: float, waits_s: list[float], stubborn: bool
) -> None:
    """
    What becomes of work, when, and what it knows of its time is the same by `wait_for` as
    inside a block, also if it takes a cancellation and goes on waiting.
    """

    def told(wait: Callable[[Deadline, Coroutine[object, object, float]], Awaitable[float]]) -> str:
        async def work() -> float:
            for wait_s in waits_s:
                try:
                    await asyncio.sleep(wait_s)
                except asyncio.CancelledError:
                    await asyncio.sleep(1.0)
                    if not stubborn:
                        raise
            return time_left_s()

        async def main(loop: SimLoop) -> str:
            deadline = Deadline(limit_s)
            try:
                result = f"{await wait(deadline, work())}"
            except TimeoutError as error:
                result = repr(error)
            return f"{result} {deadline.has_ended_it} {loop.time()} {time_left_s()}"

        return simulate(main)

    assert told(begun) == told(Deadline.wait_for)


def test_work_that_was_cancelled_raises_its_own() -> None:
    """
    What work raises after it took a cancellation has no other error as its context.
    """

    async def work() -> None:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(3600)
        raise OSError("down")

    async def main(_: SimLoop) -> BaseException | None:
        with pytest.raises(OSError, match="down") as caught:
            await Deadline(1.0).wait_for(work())
        return caught.value.__context__

    assert simulate(main) is None


def test_work_that_never_waits_sets_no_timer(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A timer costs more than a look into a cache: there is one once the work waits.
    """

    async def main(loop: SimLoop) -> tuple[list[float], list[float]]:
        timers: list[float] = []
        call_at = loop.call_at

        def record(when: float, *args: Any, **kwargs: Any) -> asyncio.TimerHandle:
            timers.append(when)
            return call_at(when, *args, **kwargs)

        async def work(waits: bool) -> float:
            if waits:
                await asyncio.Event().wait()
            return time_left_s()

        monkeypatch.setattr(loop, "call_at", record)
        assert 3.0 == await Deadline(3.0).wait_for(work(waits=False))
        before = timers.copy()
        with pytest.raises(TimeoutError):
            await Deadline(3.0).wait_for(work(waits=True))
        return before, timers

    assert ([], [3.0]) == simulate(main)


def test_what_is_in_time_is_not_ended() -> None:
    """
    A block that is done before the deadline goes on afterwards, and says that it was in time.
    """

    async def main(_: SimLoop) -> bool:
        async with Deadline(1.0) as deadline:
            await asyncio.sleep(0.5)
        await asyncio.sleep(1.0)
        return deadline.has_ended_it

    assert not simulate(main)


def test_shared_work_has_the_later_time() -> None:
    """
    A deadline that is handed on takes the place of the caller's own, and grows with others.
    """
    clock = Hands()
    first, second = Deadline(1.0, clock=clock), Deadline(5.0, clock=clock)
    with hand_on(first):
        assert 1.0 == time_left_s()
        first.extend(second)
        assert 5.0 == time_left_s()
        first.extend(Deadline(2.0, clock=clock))
        assert 5.0 == time_left_s()
    clock.now_s = 7.0

    assert 0.0 == first.left_s
    assert math.inf == time_left_s()


@pytest.mark.parametrize(("wait_s", "tries", "ended_s"), [(1.9, 2, 1.9), (2.0, 1, 0.0)])
def test_no_retry_that_could_not_end_in_time(wait_s: float, tries: int, ended_s: float) -> None:
    """
    With 3 s left and attempts that take 1 s, a wait of 1.9 s is worth it; after one of 2 s
    nothing could come in time: the error comes at once and says so.
    """
    called: list[float] = []

    async def main(loop: SimLoop) -> tuple[float, list[str]]:
        async def fail() -> None:
            called.append(loop.time())
            raise OSError("down")

        policy = RetryPolicy(attempts=2, wait_s_first=wait_s, jitter_s_max=0.0, attempt_s_min=1.0)
        with pytest.raises(OSError, match="down") as caught:
            async with Deadline(3.0):
                await call_with_retries(fail, on=OSError, policy=policy)
        return loop.time(), getattr(caught.value, "__notes__", [])

    ended, notes = simulate(main)

    assert (tries, ended_s) == (len(called), ended)
    assert (tries == 1) == any("not tried again" in note for note in notes)


@pytest.mark.parametrize("bad", [-1.0, math.inf, math.nan])
def test_arguments_are_checked(bad: float) -> None:
    """
    A time that is none is refused.
    """
    with pytest.raises(ConfigError):
        Deadline(bad)
