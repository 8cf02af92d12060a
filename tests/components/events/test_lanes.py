from __future__ import annotations

import asyncio
import random

from hypothesis import given, settings
from hypothesis import strategies as st

from agent_perf.components.events.lanes import Lanes
from agent_perf.sim import SimLoop, simulate

requests = st.lists(
    st.tuples(
        st.lists(st.sampled_from("abcd"), min_size=1, max_size=3),
        st.integers(0, 5),
        st.one_of(st.none(), st.integers(0, 20)),
    ),
    max_size=25,
)


@settings(max_examples=100, deadline=None)
@given(requests, st.integers())
def test_one_at_a_time_in_order_and_nobody_is_forgotten(
    script: list[tuple[list[str], int, int | None]], seed: int
) -> None:
    """
    However requests of several channels overlap and give up, two that share a channel never
    run at the same time, they run in the order of asking, and the lanes are empty at the end.
    """

    async def main(_: SimLoop) -> None:
        lanes = Lanes()
        running: set[str] = set()
        begun: list[int] = []

        async def request(number: int, channels: list[str], work_ms: int) -> None:
            turn = await lanes.enter(channels)
            try:
                assert not running & set(channels)
                running.update(channels)
                begun.append(number)
                try:
                    await asyncio.sleep(work_ms / 1000)
                finally:
                    running.difference_update(channels)
            finally:
                lanes.leave(turn)

        tasks = []
        dice = random.Random(seed)
        for number, (channels, work_ms, cancel_ms) in enumerate(script):
            task = asyncio.create_task(request(number, channels, work_ms))
            tasks.append(task)
            if cancel_ms is not None:
                asyncio.get_running_loop().call_later(cancel_ms / 1000, task.cancel)
            if dice.random() < 0.5:
                await asyncio.sleep(0.001)
        results = await asyncio.gather(*tasks, return_exceptions=True)

        for number, (_, _, cancel_ms) in enumerate(script):
            assert results[number] is None or cancel_ms is not None
            assert results[number] is None or isinstance(results[number], asyncio.CancelledError)
        for channel in "abcd":
            order = [number for number in begun if channel in script[number][0]]
            assert sorted(order) == order
        assert (0, 0) == (len(lanes), lanes.waiting)

    simulate(main)


def test_a_free_channel_does_not_wait() -> None:
    """
    While "a" is busy, "b" goes at once, and a request for both goes when "a" is done.
    """

    async def main(loop: SimLoop) -> list[tuple[str, float]]:
        lanes = Lanes()
        begun = []

        async def request(name: str, channels: list[str]) -> None:
            turn = await lanes.enter(channels)
            begun.append((name, loop.time()))
            await asyncio.sleep(1)
            lanes.leave(turn)

        await asyncio.gather(
            request("first", ["a"]),
            request("other", ["b"]),
            request("both", ["a", "b"]),
            request("last", ["b"]),
        )
        return begun

    assert [("first", 0.0), ("other", 0.0), ("both", 1.0), ("last", 2.0)] == simulate(main)


def test_who_gives_up_does_not_let_others_pass() -> None:
    """
    When the second of three gives up while the first runs, the third still waits for the first,
    and the second is counted as waiting until then: who asks and gives up in a loop is bounded.
    """

    async def main(loop: SimLoop) -> tuple[list[int], float]:
        lanes = Lanes()
        first = await lanes.enter(["a"])
        second = asyncio.create_task(lanes.enter(["a"]))
        third = asyncio.create_task(lanes.enter(["a"]))
        await asyncio.sleep(1)
        waiting = [lanes.waiting]
        second.cancel()
        await asyncio.sleep(1)
        waiting.append(lanes.waiting)
        loop.call_later(1, lanes.leave, first)
        await third
        waiting.append(lanes.waiting)
        return waiting, loop.time()

    assert ([2, 2, 0], 3.0) == simulate(main)


def test_thousands_may_give_up_one_behind_the_other() -> None:
    """
    In an outage: who comes after them has his turn, and nothing is left of them.
    """

    async def main(loop: SimLoop) -> tuple[int, int]:
        lanes = Lanes()
        first = await lanes.enter(["a"])
        impatient = [asyncio.create_task(lanes.enter(["a"])) for _ in range(3_000)]
        last = asyncio.create_task(lanes.enter(["a"]))
        await asyncio.sleep(1)
        for task in impatient:
            task.cancel()
        await asyncio.wait(impatient)
        lanes.leave(first)
        lanes.leave(await last)
        return len(lanes), lanes.waiting

    assert (0, 0) == simulate(main)
