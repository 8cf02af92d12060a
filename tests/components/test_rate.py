from __future__ import annotations

import asyncio
import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_perf.components import RateLimiter
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


@pytest.mark.parametrize(
    ("rate_per_s", "burst"), [(0, 1), (-1, 1), (math.inf, 1), (math.nan, 1), (1, 0)]
)
def test_arguments_are_checked(rate_per_s: float, burst: int) -> None:
    """
    A rate that is no rate is refused.
    """
    with pytest.raises(ConfigError):
        RateLimiter(rate_per_s, burst=burst)
