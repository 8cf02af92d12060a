"""Requests whose timers are due at one instant, shuffled by a key."""

from __future__ import annotations

import asyncio

import pytest

from agent_perf.sim import SimLoop, request_scope, simulate

USERS = 8


def order(tie_seed: int | None) -> list[tuple[int, int]]:
    """Return (request, ordinal) of three timers each of eight requests, all due at one instant."""
    seen: list[tuple[int, int]] = []

    async def main(loop: SimLoop) -> None:
        for request_id in range(USERS):
            with request_scope(request_id):
                for ordinal in range(3):
                    loop.call_at(1.0, seen.append, (request_id, ordinal))
        await asyncio.sleep(2.0)

    simulate(main, tie_seed=tie_seed)
    return seen


def test_without_a_seed_they_run_as_scheduled() -> None:
    """None: the order in which they were set."""
    assert [(r, o) for r in range(USERS) for o in range(3)] == order(None)


@pytest.mark.parametrize("tie_seed", range(5))
def test_requests_change_places_and_keep_their_own_order(tie_seed: int) -> None:
    """Shuffled, the same every time, each request's own timers still first come, first served."""
    shuffled = order(tie_seed)

    assert shuffled == order(tie_seed)
    assert sorted(shuffled) == order(None)
    assert shuffled != order(None)
    for request_id in range(USERS):
        assert [0, 1, 2] == [o for r, o in shuffled if r == request_id]


def test_seeds_give_different_orders() -> None:
    """Ten seeds, ten orders of eight requests."""
    assert 10 == len({tuple(order(seed)) for seed in range(10)})


def test_sleeping_tasks_change_places_too() -> None:
    """asyncio.sleep is a timer like any other."""

    def woken(tie_seed: int | None) -> list[int]:
        seen: list[int] = []

        async def user(request_id: int) -> None:
            with request_scope(request_id):
                await asyncio.sleep(1.0)
            seen.append(request_id)

        async def main(loop: SimLoop) -> None:
            await asyncio.gather(*(user(n) for n in range(USERS)))

        simulate(main, tie_seed=tie_seed)
        return seen

    assert list(range(USERS)) == woken(None)
    assert list(range(USERS)) != woken(1)
    assert list(range(USERS)) == sorted(woken(1))
