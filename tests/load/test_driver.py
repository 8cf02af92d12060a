import asyncio

import pytest

from agent_perf.errors import BrokenError, SimulationError
from agent_perf.load import Ask, Desk, drive_closed, error_category
from agent_perf.sim import SimLoop, request_scope, running_request, simulate


class Book:
    """A ledger that writes everything down."""

    def __init__(self) -> None:
        self.began: list[tuple[int, int]] = []
        self.ended: list[tuple[int, str, str | None]] = []
        self.dropped: list[tuple[int, int]] = []
        self.restarts = 0

    def begin(self, request_id: int, intended_ns: int) -> None:
        self.began.append((request_id, intended_ns))

    def end(self, request_id: int, path: str, error: str | None) -> None:
        self.ended.append((request_id, path, error))

    def drop(self, request_id: int, intended_ns: int) -> None:
        self.dropped.append((request_id, intended_ns))

    def restart(self) -> None:
        self.restarts += 1
        self.began.clear()
        self.ended.clear()


def drive(request, *, users=2, requests=3, warmup=1, think_s=1.0) -> Book:
    book = Book()

    async def main(loop: SimLoop) -> None:
        desk = Desk(
            request=request,
            ledger=book,
            scope=request_scope,
            think=lambda: asyncio.sleep(think_s),
            now_ns=lambda: loop.now_ns,
        )
        await drive_closed(desk, users=users, requests_per_user=requests, warmup_per_user=warmup)

    simulate(main)
    return book


def test_users_think_then_ask_then_wait() -> None:
    """A user's next request starts one think time after the answer to the last;
    the first one after the warm-up of 1.5 s, and a pause of 1 s for what it left behind.
    """

    async def request(ask: Ask) -> None:
        await asyncio.sleep(0.5)

    book = drive(request, users=1)

    assert [(0, 3_500_000_000), (1, 5_000_000_000), (2, 6_500_000_000)] == book.began


def test_warmup_is_forgotten_and_has_ids_of_its_own() -> None:
    """Warm-up requests run before the restart, under ids that no measured request has."""
    seen: list[tuple[int, int, int]] = []

    async def request(ask: Ask) -> None:
        seen.append((ask.request_id, ask.user, ask.index))
        assert ask.request_id == running_request().request_id

    book = drive(request, warmup=2, requests=1)

    assert 1 == book.restarts
    assert [(-5, 1, -1), (-4, 1, -2), (-3, 0, -1), (-2, 0, -2)] == sorted(seen)[:4]
    assert [0, 1] == sorted(request_id for request_id, _ in book.began)


def test_failed_requests_are_results() -> None:
    """A request that raises is taken down with its category; the others go on."""

    async def request(ask: Ask) -> str:
        if ask.request_id == 1:
            raise ValueError("no")
        return "ok"

    book = drive(request, users=1)

    assert [(0, "ok", None), (1, "", "ValueError"), (2, "ok", None)] == book.ended


def test_all_failed_is_broken() -> None:
    """If every request fails, that is no result but a broken benchmark, with its cause."""

    async def request(ask: Ask) -> None:
        raise KeyError("nothing")

    with pytest.raises(BrokenError) as caught:
        drive(request)

    assert isinstance(caught.value.__cause__, KeyError)
    assert "all 6 requests failed, the first with KeyError" in str(caught.value)


def test_simulation_errors_are_not_results() -> None:
    """An error of the simulation itself ends the run."""

    async def request(ask: Ask) -> None:
        raise SimulationError("broken world")

    with pytest.raises(SimulationError, match="broken world"):
        drive(request)


def test_categories() -> None:
    """An error counts under its own category, as a time-out, or under its class's name."""

    class Limited(Exception):
        category = "rate_limit"

    class ReadTimeout(Exception):
        pass

    wrapped = RuntimeError("late")
    wrapped.__cause__ = TimeoutError()
    own = RuntimeError("of itself")
    own.__cause__ = own

    assert "rate_limit" == error_category(Limited())
    assert "timeout" == error_category(TimeoutError())
    assert "timeout" == error_category(ReadTimeout())
    assert "timeout" == error_category(wrapped)
    assert "ValueError" == error_category(ValueError())
    assert "RuntimeError" == error_category(own)
