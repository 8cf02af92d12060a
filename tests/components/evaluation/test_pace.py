from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_perf.components.evaluation.pace import Pace, TokenBucket
from agent_perf.errors import ConfigError
from agent_perf.sim import SimLoop, simulate
from tests.components.fakes import Hands

Call = tuple[float, float, float, float]
"""When it asks, its bound, what it uses of it (a share), and how long it takes."""

calls = st.lists(
    st.tuples(
        st.floats(0, 5), st.floats(1, 200), st.floats(0, 1), st.sampled_from([0.0, 0.5, 3.0])
    ),
    max_size=15,
)


@given(asked=calls, burst=st.floats(1, 100))
def test_no_time_takes_more_than_its_tokens(asked: list[Call], burst: float) -> None:
    """
    From any instant at which no call is under way: the tokens used by those that have begun
    since are at most a bucket, the rate times the time, and the debt of one large call.
    """
    rate_per_s = 10.0
    begun: list[tuple[float, float, float, int]] = []
    under_way = 0

    async def main(loop: SimLoop) -> None:
        bucket = TokenBucket(rate_per_s * 60, burst=burst)

        async def call(at_s: float, tokens: float, share: float, seconds: float) -> None:
            nonlocal under_way
            await asyncio.sleep(at_s)
            await bucket.acquire(tokens)
            begun.append((loop.time(), tokens * share, tokens, under_way))
            under_way += 1
            await asyncio.sleep(seconds)
            bucket.give_back(tokens * (1 - share))
            under_way -= 1

        await asyncio.gather(*(call(*one) for one in asked))

    simulate(main)

    assert len(asked) == len(begun)
    for first, (begin_s, _, _, before) in enumerate(begun):
        used = largest = 0.0
        for now_s, tokens, bound, _ in begun[first:] if not before else ():
            used += tokens
            largest = max(largest, bound)
            allowed = burst + rate_per_s * (now_s - begin_s) + max(0.0, largest - burst)
            assert used <= allowed + 1e-6


def test_turns_come_in_order_of_asking() -> None:
    """
    A small call does not pass a large one that asked before it.
    """
    order: list[str] = []

    async def main(loop: SimLoop) -> float:
        bucket = TokenBucket(600, burst=10)

        async def call(name: str, tokens: float) -> None:
            await bucket.acquire(tokens)
            order.append(name)

        await asyncio.gather(call("first", 10), call("large", 10), call("small", 1))
        return round(loop.time(), 6)

    # Ten tokens take a second, one more a tenth.
    assert 1.1 == simulate(main)
    assert ["first", "large", "small"] == order


def test_what_is_given_back_wakes_who_waits() -> None:
    """
    A call that waits for ten seconds' worth begins when another gives it back.
    """

    async def main(loop: SimLoop) -> float:
        bucket = TokenBucket(60, burst=10)
        await bucket.acquire(10)
        waiting = asyncio.create_task(bucket.acquire(10))
        await asyncio.sleep(2)
        bucket.give_back(8)
        await waiting
        return round(loop.time(), 6)

    assert 2.0 == simulate(main)


def test_a_call_larger_than_the_bucket_goes_when_it_is_full() -> None:
    """
    It leaves a debt, which the next one waits for.
    """

    async def main(loop: SimLoop) -> list[float]:
        bucket = TokenBucket(60, burst=10)
        begun = []
        for tokens in (30, 1):
            await bucket.acquire(tokens)
            begun.append(round(loop.time(), 6))
        return begun

    assert [0.0, 21.0] == simulate(main)


def test_a_clock_that_is_set_back_takes_nothing() -> None:
    """
    Going back an hour empties no bucket, and going on from there fills it again.
    """

    async def main() -> None:
        hands = Hands(10_000.0)
        bucket = TokenBucket(60, burst=10, clock=hands)
        await bucket.acquire(10)
        hands.now_s -= 3_600
        bucket.give_back(0)
        hands.now_s += 5
        await asyncio.wait_for(bucket.acquire(5), 0.5)

    asyncio.run(main())


def test_who_goes_away_while_waiting_takes_nothing() -> None:
    """
    A cancelled call gives its tokens back, whichever limit it was waiting for.
    """

    async def main(loop: SimLoop) -> float:
        pace = Pace(requests_per_min=60, tokens_per_min=60_000)
        await pace.acquire(1)
        for _ in range(5):
            task = asyncio.create_task(pace.acquire(500))
            await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait([task])
        await pace.acquire(1)
        return round(loop.time(), 6)

    assert 1.0 == simulate(main)


def test_one_loop_after_another_may_use_it() -> None:
    """
    Calls that wait for one another in one loop, and then in the next, get their turns.
    """
    bucket = TokenBucket(60_000, burst=10)

    async def main(loop: SimLoop) -> float:
        await asyncio.gather(*(bucket.acquire(10) for _ in range(3)))
        return round(loop.time(), 6)

    assert 0.02 == simulate(main)
    assert simulate(main) <= 0.03


@pytest.mark.parametrize("burst", [0, -1, float("inf"), float("nan")])
def test_odd_buckets_are_refused(burst: float) -> None:
    """
    A bucket holds something, and not everything.
    """
    with pytest.raises(ConfigError, match="burst="):
        TokenBucket(60, burst=burst)
