from __future__ import annotations

import asyncio

import pytest

from agent_perf.components import Flights
from agent_perf.sim import SimLoop, simulate


def test_fifty_callers_one_computation() -> None:
    """
    Fifty callers of one key at once share one computation and its result.
    """
    begun = 0

    async def compute() -> int:
        nonlocal begun
        begun += 1
        await asyncio.sleep(1)
        return begun

    async def main(_: SimLoop) -> list[int]:
        flights = Flights()
        return await asyncio.gather(*(flights.join("key", compute) for _ in range(50)))

    assert [1] * 50 == simulate(main)


def test_other_keys_do_not_wait() -> None:
    """
    Two keys are computed at the same time.
    """

    async def main(loop: SimLoop) -> float:
        flights = Flights()
        await asyncio.gather(*(flights.join(key, lambda: asyncio.sleep(1)) for key in "ab"))
        return loop.time()

    assert 1.0 == simulate(main)


def test_failure_reaches_all_and_is_forgotten() -> None:
    """
    All who wait get the error; the next caller gets a new computation.
    """
    outcomes = iter([KeyError("first"), "second"])

    async def compute() -> str:
        await asyncio.sleep(1)
        outcome = next(outcomes)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    async def main(_: SimLoop) -> tuple[list[object], str, int]:
        flights = Flights()
        first = await asyncio.gather(
            *(flights.join("key", compute) for _ in range(3)), return_exceptions=True
        )
        return first, await flights.join("key", compute), len(flights)

    first, second, left = simulate(main)

    assert ["KeyError('first')"] * 3 == [repr(error) for error in first]
    assert "second" == second
    assert 0 == left


def test_one_who_gives_up_leaves_it_to_the_others() -> None:
    """
    The caller that began the computation can time out; those who joined get the result.
    """

    async def compute() -> str:
        await asyncio.sleep(2)
        return "done"

    async def main(_: SimLoop) -> tuple[bool, str]:
        flights = Flights()
        first = asyncio.create_task(asyncio.wait_for(flights.join("key", compute), 1))
        second = asyncio.create_task(flights.join("key", compute))
        with pytest.raises(TimeoutError):
            await first
        return first.done(), await second

    assert (True, "done") == simulate(main)


def test_last_one_who_gives_up_ends_it() -> None:
    """
    A computation that nobody waits for any more is cancelled, and a new caller begins anew.
    """
    ended: list[str] = []

    async def compute(name: str) -> str:
        try:
            await asyncio.sleep(2)
        finally:
            ended.append(name)
        return name

    async def main(_: SimLoop) -> str:
        flights = Flights()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(flights.join("key", lambda: compute("first")), 1)
        return await flights.join("key", lambda: compute("second"))

    assert "second" == simulate(main)
    assert ["first", "second"] == ended


def test_forgotten_flight_does_not_carry_its_key() -> None:
    """
    After forget the flight under way knows that it must not store its result.
    """

    async def main(_: SimLoop) -> tuple[bool, bool]:
        flights = Flights()

        async def compute() -> bool:
            await asyncio.sleep(1)
            return flights.carries("key")

        first = asyncio.create_task(flights.join("key", compute))
        await asyncio.sleep(0.5)
        flights.forget("key")
        second = await flights.join("key", compute)
        return await first, second

    assert (False, True) == simulate(main)


def test_flight_of_a_dead_loop_is_not_joined() -> None:
    """
    A cache at module level survives one event loop and serves the next.
    """
    flights = Flights()

    async def stuck() -> None:
        await asyncio.Event().wait()

    first = asyncio.new_event_loop()
    task = first.create_task(flights.join("key", stuck))
    first.run_until_complete(asyncio.sleep(0))
    flight_task = next(iter(asyncio.all_tasks(first) - {task}))

    async def quick() -> str:
        return "done"

    assert "done" == asyncio.run(flights.join("key", quick))

    flight_task.cancel()
    first.run_until_complete(asyncio.gather(task, flight_task, return_exceptions=True))
    first.close()
