"""Who may measure now."""

from __future__ import annotations

import threading

import pytest

from agent_perf.errors import BrokenError
from agent_perf.fleet.seats import Seats


def take(seats: Seats) -> str | None:
    seat = seats.take(threading.Event())
    return None if seat is None else seat.address


def test_the_least_busy_worker_is_next() -> None:
    """By share of its seats, so that none is full while another one is idle."""
    seats = Seats()
    seats.welcome("large", "large", 4)
    seats.welcome("small", "small", 1)

    assert ["large", "small", "large", "large", "large"] == [take(seats) for _ in range(5)]


def test_a_seat_that_is_given_back_is_taken_by_who_waits() -> None:
    """Waiting ends as soon as there is one."""
    seats = Seats()
    seats.welcome("one", "one", 1)
    held = seats.take(threading.Event())
    waiting = threading.Thread(target=lambda: got.append(take(seats)), daemon=True)
    got: list[str | None] = []
    waiting.start()
    assert held is not None
    seats.give_back(held)
    waiting.join(10)

    assert ["one"] == got


def test_jobs_bound_what_is_taken_of_all_workers() -> None:
    """With two jobs, two seats are taken, however many there are."""
    seats = Seats(2)
    stop = threading.Event()
    for name in "abc":
        seats.welcome(name, name, 8)
    first = [seats.take(stop), seats.take(stop)]
    threading.Timer(0.05, stop.set).start()

    assert None is seats.take(stop)
    assert 2 == len({seat.address for seat in first if seat})


def test_who_left_has_no_seat() -> None:
    """A seat of a lost worker tells so, and may be given back all the same."""
    seats = Seats()
    seats.welcome("one", "one", 1)
    seat = seats.take(threading.Event())
    assert seat is not None
    seats.dismiss("one")

    assert not seats.is_there(seat)
    seats.give_back(seat)
    assert 0 == seats.count()


def test_a_failure_reaches_who_waits_and_who_measures() -> None:
    """Nobody waits for a scheduler that is gone."""
    seats = Seats()
    seats.welcome("one", "one", 1)
    seat = seats.take(threading.Event())
    assert seat is not None
    seats.fail(BrokenError("the scheduler is gone"))

    with pytest.raises(BrokenError, match="gone"):
        seats.take(threading.Event())
    with pytest.raises(BrokenError, match="gone"):
        seats.is_there(seat)
