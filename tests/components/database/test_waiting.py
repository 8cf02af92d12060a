"""
Claims of the line in which callers of a pool wait.
"""

from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from agent_perf.components.database.waiting import Line
from agent_perf.sim import SimLoop, simulate


class Late(Exception):
    """Too late."""


def make(given_back: list[int]) -> Line[int]:
    """Return a line whose callers wait for two seconds."""
    return Line(timeout_s=2.0, too_late=Late, give_back=given_back.append)


@given(leavers=st.sets(st.integers(0, 7)), handed=st.integers(0, 8))
def test_first_come_first_served_among_those_who_stay(leavers: set[int], handed: int) -> None:
    """
    Whoever leaves, the first of those who stay are served in order; the rest is too late.
    """

    async def main(_: SimLoop) -> list[object]:
        back: list[int] = []
        line = make(back)
        callers = [asyncio.create_task(line.stand(lambda: None)) for _ in range(8)]
        await asyncio.sleep(1)
        for leaver in leavers:
            callers[leaver].cancel()
        await asyncio.sleep(0)
        stayed = 8 - len(leavers)
        assert [n < stayed for n in range(handed)] == [line.hand(n) for n in range(handed)]
        ends = await asyncio.gather(*callers, return_exceptions=True)
        assert [] == back
        assert (8, 8, max(0, stayed - handed), 0) == (
            line.longest,
            line.waits,
            line.timeouts,
            len(line),
        )
        return [end if isinstance(end, int) else type(end) for end in ends]

    ends = simulate(main)
    served = iter([*range(handed), *[Late] * 8])

    assert [asyncio.CancelledError if n in leavers else next(served) for n in range(8)] == ends


def test_what_is_handed_to_a_leaver_comes_back() -> None:
    """
    A caller who is cancelled at the instant of their turn gives back what they were handed.
    """

    async def main(_: SimLoop) -> tuple[list[int], bool, float]:
        back: list[int] = []
        line = make(back)
        caller = asyncio.create_task(line.stand(lambda: None))
        await asyncio.sleep(1)
        line.hand(7)
        caller.cancel()
        await asyncio.gather(caller, return_exceptions=True)
        return back, caller.cancelled(), line.wait_s

    assert ([7], True, 1.0) == simulate(main)
