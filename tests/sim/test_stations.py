"""Stations: a queue with several servers."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_perf.errors import ConfigError
from agent_perf.sim import SimLoop, simulate
from agent_perf.sim.stations import Station


def test_one_server_follows_lindleys_recursion() -> None:
    """
    Worked by hand: arrivals at 0, 1, 2, 20, each served for 5, leave at 5, 10, 15, 25.
    """
    station = Station(1)

    assert [5, 10, 15, 25] == [station.serve(arrival, 5) for arrival in (0, 1, 2, 20)]


def test_the_first_free_server_takes_the_next_customer() -> None:
    """
    Two servers: the third customer waits for the shorter of the two services.
    """
    station = Station(2)

    assert [10, 3, 7, 11] == [station.serve(0, service) for service in (10, 3, 4, 4)]


def test_a_station_needs_a_server() -> None:
    """
    No servers is refused: everybody would wait for ever.
    """
    with pytest.raises(ConfigError, match="0 servers"):
        Station(0)


@given(
    servers=st.integers(1, 4),
    customers=st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), max_size=40),
)
def test_a_station_does_what_a_semaphore_does(
    servers: int, customers: list[tuple[int, int]]
) -> None:
    """
    Everybody leaves at the instant at which they leave a fair semaphore, task by task.
    """
    arrivals, clock_ns = [], 0
    for gap_ns, service_ns in customers:
        # Apart, so that arrivals have one order in both models.
        clock_ns += 2 * gap_ns + 2
        arrivals.append((clock_ns, 2 * service_ns + 1))

    async def main(loop: SimLoop) -> list[int]:
        semaphore = asyncio.Semaphore(servers)

        async def customer(arrival_ns: int, service_ns: int) -> int:
            await asyncio.sleep(arrival_ns / 1e9)
            async with semaphore:
                await asyncio.sleep(service_ns / 1e9)
            return loop.now_ns

        return await asyncio.gather(*[customer(*each) for each in arrivals])

    station = Station(servers)
    assert simulate(main) == [station.serve(*each) for each in arrivals]
