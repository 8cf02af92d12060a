"""Requests that arrive by themselves."""

import asyncio

import pytest

from agent_perf.errors import SimulationError
from agent_perf.load import (
    Arrival,
    Ask,
    Burst,
    Closed,
    Constant,
    Desk,
    Limits,
    drive_for,
    drive_open,
    warm_up,
)
from agent_perf.sim import SimLoop, request_scope, simulate
from tests.load.test_driver import Book

SECOND = 1_000_000_000


def run(request, main):
    """Run ``main(desk)`` with *request* in a fresh simulation; return its book and result."""
    book = Book()

    async def start(loop: SimLoop):
        desk = Desk(
            request=request,
            ledger=book,
            scope=request_scope,
            think=lambda: asyncio.sleep(1),
            now_ns=lambda: loop.now_ns,
        )
        return await main(desk)

    return book, simulate(start)


def open_loop(request, arrivals, *, users=2, limits=Limits()):  # noqa: B008
    return run(request, lambda desk: drive_open(desk, arrivals, users=users, limits=limits))


def test_requests_do_not_wait_for_answers() -> None:
    """
    With answers that take a minute, requests still begin at their instants.
    """

    async def request(ask: Ask) -> None:
        await asyncio.sleep(60)

    book, offered = open_loop(request, Constant(rate_hz=10, for_s=0.3).arrivals(None))

    assert 3 == offered
    assert [(0, 0), (1, 100_000_000), (2, 200_000_000)] == book.began
    assert 3 == len(book.ended)


def test_latency_counts_from_the_intended_start() -> None:
    """
    A loop that is busy for a second serves late; the requests were to start when they were.
    """
    loops: list[SimLoop] = []

    async def request(ask: Ask) -> None:
        if ask.request_id == 0:
            asyncio.get_running_loop().charge(SECOND)
        loops.append(asyncio.get_running_loop())

    book, _ = open_loop(request, Constant(rate_hz=10, for_s=0.3).arrivals(None))

    assert [(0, 0), (1, 100_000_000), (2, 200_000_000)] == book.began
    assert SECOND <= loops[0].now_ns


def test_users_are_dealt_in_turn_unless_named() -> None:
    """
    Request k goes to user k modulo users; a trace may name the user; each counts its own.
    """
    seen = []

    async def request(ask: Ask) -> None:
        seen.append((ask.request_id, ask.user, ask.index, ask.text))

    arrivals = [Arrival(0), Arrival(1), Arrival(2, 7, "hello"), Arrival(3), Arrival(4, 7)]
    open_loop(request, arrivals)

    assert [(0, 0, 0, ""), (1, 1, 0, ""), (2, 7, 0, "hello"), (3, 1, 1, ""), (4, 7, 1, "")] == seen


def test_beyond_the_limit_in_flight_requests_are_dropped() -> None:
    """
    Of a burst of five with two places, three are dropped, at their instant; places that
    become free are used again.
    """

    async def request(ask: Ask) -> None:
        await asyncio.sleep(1)

    book, offered = open_loop(
        request,
        Burst(size=5, every_s=1.5, for_s=3).arrivals(None),
        limits=Limits(in_flight_max=2),
    )

    assert 10 == offered
    assert [0, 1, 5, 6] == [request_id for request_id, _ in book.began]
    assert [2, 3, 4, 7, 8, 9] == [request_id for request_id, _ in book.dropped]


def test_beyond_the_rate_requests_are_dropped() -> None:
    """
    At 10/s against a limit of 5/s every second request is dropped; a burst of two may come
    at once.
    """

    async def request(ask: Ask) -> None:
        pass

    limits = Limits(rate_max_hz=5)
    book, _ = open_loop(request, Constant(rate_hz=10, for_s=1).arrivals(None), limits=limits)
    burst, _ = open_loop(
        request,
        Burst(size=3, every_s=1, for_s=2).arrivals(None),
        limits=Limits(rate_max_hz=5, burst=2),
    )

    assert [0, 2, 4, 6, 8] == [request_id for request_id, _ in book.began]
    assert [0, 1, 3, 4] == [request_id for request_id, _ in burst.began]


def test_an_error_of_the_simulation_ends_the_load() -> None:
    """
    A broken world is no result: it is raised at once, as itself.
    """

    async def request(ask: Ask) -> None:
        raise SimulationError("broken world")

    with pytest.raises(SimulationError, match="broken world"):
        open_loop(request, Constant(rate_hz=1, for_s=100).arrivals(None))


def test_a_closed_load_ends_with_its_time() -> None:
    """
    A user with a think time of 1 s and answers of 1 s asks three times in five seconds, the
    last one begun in time; ids depend on user and index alone.
    """

    async def request(ask: Ask) -> None:
        await asyncio.sleep(1)

    book, count = run(request, lambda desk: drive_for(desk, Closed(users=2, for_s=5)))

    assert 6 == count
    assert [0, 1, 2, 1 << 32, (1 << 32) + 1, (1 << 32) + 2] == sorted(i for i, _ in book.began)


def test_what_a_warm_up_leaves_behind_is_forgotten_with_it() -> None:
    """
    Work that a warm-up request starts, and does not wait for, ends before the restart.
    """
    ends: list[int] = []
    restarts: list[int] = []

    async def flush() -> None:
        await asyncio.sleep(0.3)
        ends.append(asyncio.get_running_loop().now_ns)

    async def request(ask: Ask) -> None:
        request.flushing = asyncio.create_task(flush())

    async def main(desk: Desk) -> None:
        await warm_up(desk, users=1, per_user=1)
        restarts.append(desk.now_ns())

    run(request, main)

    assert [1_300_000_000] == ends
    assert [2_000_000_000] == restarts
