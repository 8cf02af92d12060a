"""The loop against simpy, a simulator with nothing in common with asyncio."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import simpy
from hypothesis import given, settings
from hypothesis import strategies as st

from agent_perf.sim import SimLoop, simulate


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """One request: when it comes, what it needs, and how long it is willing to wait."""

    arrival_ns: int
    pool_ns: int
    model_ns: int
    tool_ns: int


Visits = st.lists(
    st.builds(
        Visit,
        arrival_ns=st.integers(1, 10**6),
        pool_ns=st.integers(1, 10**5),
        model_ns=st.integers(1, 10**6),
        tool_ns=st.integers(1, 10**5),
    ),
    min_size=1,
    max_size=30,
    # simpy and asyncio need not agree on who comes first at the same instant.
    unique_by=lambda visit: visit.arrival_ns,
)


def _by_simpy(visits: list[Visit], pool_size: int) -> list[int]:
    env = simpy.Environment()
    pool = simpy.Resource(env, pool_size)
    ended: dict[int, int] = {}

    def visit(number: int, each: Visit) -> Iterator[Any]:
        yield env.timeout(each.arrival_ns)
        with pool.request() as connection:
            yield connection
            yield env.timeout(each.pool_ns)
        yield env.timeout(each.model_ns) & env.timeout(each.tool_ns)
        ended[number] = int(env.now)

    for number, each in enumerate(visits):
        env.process(visit(number, each))
    env.run()
    return [ended[number] for number in range(len(visits))]


def _by_asyncio(visits: list[Visit], pool_size: int) -> list[int]:
    async def main(loop: SimLoop) -> list[int]:
        pool = asyncio.Semaphore(pool_size)

        async def visit(each: Visit) -> int:
            await asyncio.sleep(each.arrival_ns / 1e9)
            async with pool:
                await asyncio.sleep(each.pool_ns / 1e9)
            await asyncio.gather(
                asyncio.sleep(each.model_ns / 1e9), asyncio.sleep(each.tool_ns / 1e9)
            )
            return loop.now_ns

        return await asyncio.gather(*[visit(each) for each in visits])

    return simulate(main)


@given(visits=Visits, pool_size=st.integers(1, 4))
@settings(max_examples=100, deadline=None)
def test_asyncio_code_ends_when_simpy_says(visits: list[Visit], pool_size: int) -> None:
    """
    Requests through a pool, a model and a tool end at the same nanosecond in both.
    """
    assert _by_simpy(visits, pool_size) == _by_asyncio(visits, pool_size)
