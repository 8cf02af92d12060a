"""Queues with a known answer: simpy's, customer by customer, and the formulas' on average."""

import asyncio
import math
from collections.abc import Iterator
from statistics import fmean, stdev
from typing import Any

import pytest
import simpy

from agent_perf.sim import Draws, LatencyTable, SimLoop, Station, request_scope, simulate
from agent_perf.units import NS
from tests.sim.agent_path import AsyncioModel, Book, SimpyModel, draw_tape

MS = 1_000_000
Customers = list[tuple[int, int]]
"""When each one comes, and how long it is served, in ns."""

BATCHES = 30
# Student's t with 29 degrees of freedom at 99.5 %: a band of 99 %.
T_99 = 2.756


def _customers(count: int, *, gap_ns: int, service: str, service_ns: int, seed: int) -> Customers:
    """Return *count* customers with exponential gaps, and *service* times of about that mean."""
    draws, clock_ns, customers = Draws(seed), 0, []
    mean_ns = _moment(draws.tables[service], 1)
    for number in range(count):
        with request_scope(number):
            clock_ns += draws.ns("arrival", "unit.exponential") * gap_ns // NS + 1
            drawn_ns = draws.ns("service", service)
        customers.append((clock_ns, round(drawn_ns * service_ns / mean_ns)))
    return customers


def _moment(table: LatencyTable, power: int) -> float:
    """Return the mean of the *power*-th power, 1 or 2, of what *table* gives, in ns**power."""
    total = 0.0
    cells = zip(table.grid, table.grid[1:], table.value_ns, table.value_ns[1:], strict=False)
    for low, high, a, b in cells:
        # Uniform between its neighbours in each cell of the grid.
        mean = (a + b) / 2 if power == 1 else (a * a + a * b + b * b) / 3
        total += mean * (high - low) / table.grid[-1]
    return total


def _by_simpy(customers: Customers, servers: int) -> list[int]:
    env = simpy.Environment()
    resource = simpy.Resource(env, servers)
    ended: dict[int, int] = {}

    def customer(number: int, arrival_ns: int, service_ns: int) -> Iterator[Any]:
        yield env.timeout(arrival_ns)
        with resource.request() as server:
            yield server
            yield env.timeout(service_ns)
        ended[number] = int(env.now)

    for number, each in enumerate(customers):
        env.process(customer(number, *each))
    env.run()
    return [ended[number] for number in range(len(customers))]


def _by_loop(customers: Customers, servers: int) -> list[int]:
    async def main(loop: SimLoop) -> list[int]:
        resource = asyncio.Semaphore(servers)

        async def customer(arrival_ns: int, service_ns: int) -> int:
            await loop.pause(arrival_ns)
            async with resource:
                await loop.pause(service_ns)
            return loop.now_ns

        return await asyncio.gather(*[customer(*each) for each in customers])

    return simulate(main)


def _by_station(customers: Customers, servers: int) -> list[int]:
    station = Station(servers)
    return [station.serve(*each) for each in customers]


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize(
    ("servers", "service", "service_ns"),
    [
        pytest.param(1, "unit.exponential", 8 * MS, id="M/M/1"),
        pytest.param(5, "unit.exponential", 45 * MS, id="M/M/5"),
        pytest.param(1, "tool.call", 9 * MS, id="M/G/1 lognormal"),
        pytest.param(1, "unit.gamma.cv4", 7 * MS, id="M/G/1 gamma"),
    ],
)
def test_every_customer_leaves_when_simpy_says(
    servers: int, service: str, service_ns: int, seed: int
) -> None:
    """
    2,000 customers leave simpy's resource, asyncio's semaphore and a station at equal ns.
    """
    customers = _customers(2_000, gap_ns=10 * MS, service=service, service_ns=service_ns, seed=seed)
    expected = _by_simpy(customers, servers)

    assert expected == _by_loop(customers, servers)
    assert expected == _by_station(customers, servers)
    # Else nobody would have waited, and nothing were tested.
    waited = [end - sum(each) for end, each in zip(expected, customers, strict=True)]
    assert 400 < sum(wait > 0 for wait in waited)


def _waits(customers: Customers, servers: int) -> list[int]:
    ended = _by_station(customers, servers)
    return [end - sum(each) for end, each in zip(ended, customers, strict=True)]


def _band(values: list[float]) -> tuple[float, float]:
    """
    Return mean and half width of a 99 % interval from batch means.

    Source: Law, *Simulation Modeling and Analysis*, 9.5.3.
    """
    size = len(values) // BATCHES
    means = [fmean(values[i * size : (i + 1) * size]) for i in range(BATCHES)]
    return fmean(means), T_99 * stdev(means) / math.sqrt(BATCHES)


def _erlang_c(servers: int, load: float) -> float:
    """Return the chance to wait: Erlang (1917), in Kleinrock, *Queueing Systems* I, 3.5."""
    term = load**servers / math.factorial(servers) * servers / (servers - load)
    return term / (sum(load**k / math.factorial(k) for k in range(servers)) + term)


def test_erlang_c_by_hand() -> None:
    """
    One server: the chance to wait is the load; two at load 1: one third.
    """
    assert 0.7 == pytest.approx(_erlang_c(1, 0.7))
    assert 1 / 3 == pytest.approx(_erlang_c(2, 1.0))


@pytest.mark.parametrize(("servers", "utilization"), [(1, 0.5), (3, 0.7), (8, 0.8)])
def test_waits_are_erlangs(servers: int, utilization: float) -> None:
    """
    M/M/c: chance to wait and mean wait lie in the 99 % band of 60,000 customers.
    """
    service_ns = round(10 * MS * servers * utilization)
    customers = _customers(
        60_000, gap_ns=10 * MS, service="unit.exponential", service_ns=service_ns, seed=1
    )
    waits = _waits(customers, servers)
    chance = _erlang_c(servers, servers * utilization)
    mean_ns = chance * service_ns / (servers * (1 - utilization))

    seen, band = _band([float(wait > 0) for wait in waits])
    assert abs(seen - chance) < band < 0.05
    seen_ns, band_ns = _band([float(wait) for wait in waits])
    assert abs(seen_ns - mean_ns) < band_ns < 0.25 * mean_ns


@pytest.mark.parametrize("service", ["tool.call", "unit.gamma.cv2", "unit.gamma.cv0.5"])
def test_waits_are_pollaczeks_and_khinchines(service: str) -> None:
    """
    M/G/1: the mean wait lies in the 99 % band of 60,000 customers, whatever the spread.
    """
    gap_ns, service_ns = 10 * MS, 6 * MS
    customers = _customers(60_000, gap_ns=gap_ns, service=service, service_ns=service_ns, seed=1)
    table = Draws(0).tables[service]
    square = _moment(table, 2) / _moment(table, 1) ** 2 * service_ns**2
    # Pollaczek (1930), Khinchine (1932), in Kleinrock, I, 5.6.
    mean_ns = square / gap_ns / (2 * (1 - service_ns / gap_ns))

    seen_ns, band_ns = _band([float(wait) for wait in _waits(customers, 1)])
    assert abs(seen_ns - mean_ns) < band_ns < 0.25 * mean_ns


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_an_agents_requests_end_when_simpy_says(seed: int) -> None:
    """
    1,000 requests of 60 users over 20 connections: equal latencies and counts, to the ns.
    """
    tape = draw_tape(1_000, chunks=5, seed=seed)

    async def by_pauses(loop: SimLoop) -> Book:
        return await AsyncioModel(tape, loop.pause, lambda: loop.now_ns).run(60)

    async def by_sleeps(loop: SimLoop) -> Book:
        async def wait(ns: int) -> None:
            await asyncio.sleep(ns / NS)

        return await AsyncioModel(tape, wait, lambda: loop.now_ns).run(60)

    expected = SimpyModel(tape, tools_as_processes=True).run(60)
    assert expected == simulate(by_pauses)
    assert expected == simulate(by_sleeps)
    assert 500 == expected.counts["hit"]
