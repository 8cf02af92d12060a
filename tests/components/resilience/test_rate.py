from __future__ import annotations

import asyncio
import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_perf.components import Deadline, RateLimitedError, RateLimiter, RateStats
from agent_perf.errors import ConfigError
from agent_perf.sim import SimLoop, simulate
from tests.components.fakes import Hands


@given(
    st.integers(1, 64),
    st.integers(1, 8),
    st.lists(st.integers(0, 3_000), min_size=1, max_size=60),
)
def test_never_more_than_burst_and_rate_allow(
    rate_per_s: int, burst: int, pauses_ms: list[int]
) -> None:
    """
    In every stretch of time there are at most burst + rate x length turns, and a turn is
    never later than that bound makes it.
    """
    # A power of two, so that the limiter's sums are exact, and can be checked exactly.
    rate_per_s = 2 ** (rate_per_s.bit_length() - 1)
    clock = Hands()
    limiter = RateLimiter(rate_per_s, burst=burst, clock=clock)
    turns_s: list[float] = []
    for pause_ms in pauses_ms:
        clock.now_s += pause_ms / 1024
        turn_s = clock.now_s + limiter.reserve()
        bound = max(
            [
                turns_s[first] + Fraction(len(turns_s) - first - burst + 1, rate_per_s)
                for first in range(len(turns_s))
            ],
            default=0.0,
        )
        assert max(clock.now_s, bound) == turn_s
        turns_s.append(turn_s)


def test_turns_are_spaced_and_in_order() -> None:
    """
    Ten turns a second with a burst of two: two at once, then one every 0.125 s.
    """

    async def main(loop: SimLoop) -> list[tuple[int, float]]:
        limiter = RateLimiter(8, burst=2)
        turns: list[tuple[int, float]] = []

        async def take(name: int) -> None:
            await limiter.acquire()
            turns.append((name, loop.time()))

        await asyncio.gather(*(take(name) for name in range(5)))
        return turns

    assert [(0, 0.0), (1, 0.0), (2, 0.125), (3, 0.25), (4, 0.375)] == simulate(main)


def test_try_acquire_takes_nothing_when_it_fails() -> None:
    """
    Refused attempts do not push the next turn back.
    """
    clock = Hands()
    limiter = RateLimiter(1, clock=clock)

    assert [True, False, False] == [limiter.try_acquire() for _ in range(3)]

    clock.now_s = 1.0

    assert limiter.try_acquire()


def test_a_cancelled_wait_gives_its_turn_back() -> None:
    """
    Who is cancelled while waiting does not make those after him wait for nothing.
    """

    async def main(loop: SimLoop) -> float:
        limiter = RateLimiter(1)
        await limiter.acquire()
        waiting = [asyncio.create_task(limiter.acquire()) for _ in range(9)]
        await asyncio.sleep(0.5)
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        await limiter.acquire()
        return loop.time()

    assert 1.0 == simulate(main)


@given(
    st.integers(1, 4),
    st.lists(st.tuples(st.integers(0, 40), st.none() | st.integers(0, 40)), max_size=25),
)
def test_cancelled_waits_do_not_lift_the_bound(
    burst: int, callers: list[tuple[int, int | None]]
) -> None:
    """
    Whoever comes and gives up when: no stretch of time has more than burst + rate x length
    turns.
    """

    async def main(loop: SimLoop) -> list[float]:
        limiter = RateLimiter(8, burst=burst)
        turns_s: list[float] = []

        async def take(come: int, patience: int | None) -> None:
            await asyncio.sleep(come / 16)
            try:
                async with asyncio.timeout(None if patience is None else patience / 16):
                    await limiter.acquire()
            except TimeoutError:
                return
            turns_s.append(loop.time())

        await asyncio.gather(*(take(*caller) for caller in callers))
        return turns_s

    turns_s = simulate(main)

    assert_bounded(turns_s, 8, burst)


def assert_bounded(turns_s: list[float], rate_per_s: int, burst: int) -> None:
    """The slow, obvious reference: look at every stretch between two turns."""
    turns_s = sorted(turns_s)
    for first, begin_s in enumerate(turns_s):
        for last in range(first, len(turns_s)):
            assert last - first + 1 <= burst + rate_per_s * (turns_s[last] - begin_s)


def test_a_turn_given_back_is_not_given_twice() -> None:
    """
    The first of three who wait gives up: who comes next gets that turn, and not the time of
    the last in the queue.
    """

    async def main(loop: SimLoop) -> list[tuple[str, float]]:
        limiter = RateLimiter(1)
        turns: list[tuple[str, float]] = []

        async def take(name: str) -> None:
            await limiter.acquire()
            turns.append((name, loop.time()))

        tasks = [asyncio.create_task(take(name)) for name in "abcd"]
        await asyncio.sleep(0.5)
        tasks[1].cancel()
        tasks += [asyncio.create_task(take(name)) for name in "ef"]
        await asyncio.gather(*tasks, return_exceptions=True)
        return turns

    assert [("a", 0.0), ("e", 1.0), ("c", 2.0), ("d", 3.0), ("f", 4.0)] == simulate(main)


@given(
    st.integers(1, 4),
    st.lists(st.tuples(st.integers(-64, 64), st.integers(0, 32)), min_size=1, max_size=40),
)
def test_jumps_of_the_clock_neither_freeze_nor_flood(
    burst: int, steps: list[tuple[int, int]]
) -> None:
    """
    The clock jumps while true time goes on: jumps back lift no bound, and after any of them
    the next turn is at most as far away as it was.
    """
    rate_per_s = 8
    clock, true_s = Hands(1_000.0), 0.0
    limiter = RateLimiter(rate_per_s, burst=burst, clock=clock)
    turns_s: list[float] = []
    for jump, pause in steps:
        true_s += pause / 16
        clock.now_s += pause / 16 + min(0, jump)
        if limiter.try_acquire():
            turns_s.append(true_s)
        assert limiter._due_s - clock.now_s <= burst / rate_per_s

    assert_bounded(turns_s, rate_per_s, burst)


def test_no_wait_that_could_not_end_in_time() -> None:
    """
    A turn in 2 s is of no use to who has 1 s: it is told at once, and the turn is free.
    """

    async def main(loop: SimLoop) -> list[object]:
        limiter = RateLimiter(0.5)
        await limiter.acquire()
        with pytest.raises(RateLimitedError, match="comes in 2 s") as caught:
            async with Deadline(1.0):
                await limiter.acquire()
        refused_s = loop.time()
        await limiter.acquire()
        return [caught.value.retry_after_s, refused_s, loop.time(), limiter.stats()]

    assert [
        2.0,
        0.0,
        2.0,
        RateStats(waited=1, refused=1, given_back=0, waiting=0),
    ] == simulate(main)


@pytest.mark.parametrize(
    ("rate_per_s", "burst"), [(0, 1), (-1, 1), (math.inf, 1), (math.nan, 1), (1, 0)]
)
def test_arguments_are_checked(rate_per_s: float, burst: int) -> None:
    """
    A rate that is no rate is refused.
    """
    with pytest.raises(ConfigError):
        RateLimiter(rate_per_s, burst=burst)
