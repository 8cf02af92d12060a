"""One simulation, from before its begin to after its end."""

import asyncio
import random
import threading
from collections.abc import AsyncIterator

import pytest

from agent_perf.errors import SimDeadlock, UsageError
from agent_perf.sim import BACKGROUND_ID, SimLoop, request_scope, running_request, simulate
from agent_perf.sim.request import RequestState


def test_it_returns_what_main_returns() -> None:
    """
    The result of the coroutine is the result of the simulation.
    """

    async def main(loop: SimLoop) -> str:
        assert loop is asyncio.get_running_loop()
        return "done"

    assert "done" == simulate(main)


def test_it_raises_what_main_raises() -> None:
    """
    An error of the coroutine is raised as it is, with its traceback.
    """

    async def main(loop: SimLoop) -> None:
        await asyncio.sleep(1)
        raise LookupError("no such user")

    with pytest.raises(LookupError, match="no such user") as caught:
        simulate(main)

    assert main.__code__.co_firstlineno + 2 in [entry.lineno + 1 for entry in caught.traceback]


def test_main_must_be_a_coroutine_function() -> None:
    """
    A plain function is refused with what it returned and a question that helps.
    """
    with pytest.raises(UsageError, match="main gave 7.*async function"):
        simulate(lambda loop: 7)  # type: ignore[arg-type,return-value]


def test_all_of_a_simulation_shares_one_background_request() -> None:
    """
    Tasks, callbacks and timers outside of requests draw from the same counters.
    """
    states: list[RequestState] = []

    def take() -> None:
        states.append(running_request())

    async def main(loop: SimLoop) -> None:
        take()
        loop.call_soon(take)
        loop.call_later(1, take)

        async def child() -> None:
            take()
            with request_scope(7):
                assert 7 == running_request().request_id
            take()

        await asyncio.create_task(child())
        await asyncio.sleep(2)

    simulate(main)

    assert 5 == len(states)
    assert all(state is states[0] for state in states)
    assert BACKGROUND_ID == states[0].request_id


def test_simulations_share_no_background_request() -> None:
    """
    The counters begin anew in each simulation, and the caller's stay its own.
    """

    async def main(loop: SimLoop) -> RequestState:
        return running_request()

    mine = running_request()
    first, second = simulate(main), simulate(main)

    assert first is not second
    assert mine is running_request()
    assert mine not in (first, second)


def test_random_is_seeded_and_restored() -> None:
    """
    `random` draws alike in each simulation of one seed, and goes on afterwards as before.
    """

    async def main(loop: SimLoop) -> list[float]:
        return [random.random() for _ in range(3)]

    random.seed(99)
    expected = random.random()
    random.seed(99)
    first = simulate(main)

    assert expected == random.random()
    assert first == simulate(main)
    assert first != simulate(main, seed=1)


def test_a_simulation_within_a_simulation_is_refused() -> None:
    """
    There is one clock: nesting is an error that says what to do.
    """

    async def inner(loop: SimLoop) -> None: ...

    async def main(loop: SimLoop) -> None:
        simulate(inner)

    with pytest.raises(UsageError, match="await the coroutine itself"):
        simulate(main)


def test_a_simulation_within_any_loop_is_refused() -> None:
    """
    Called from a coroutine of a real loop, it would block that loop.
    """

    async def inner(loop: SimLoop) -> None: ...

    async def outer() -> None:
        simulate(inner)

    with pytest.raises(UsageError, match="within a running event loop"):
        asyncio.run(outer())


def test_a_simulation_beside_another_is_refused() -> None:
    """
    A second thread cannot simulate meanwhile, and can afterwards.
    """
    errors: list[BaseException] = []
    running = threading.Event()

    async def inner(loop: SimLoop) -> None: ...

    def other() -> None:
        running.wait()
        try:
            simulate(inner)
        except UsageError as error:
            errors.append(error)

    async def main(loop: SimLoop) -> None:
        running.set()
        while not errors:
            pass

    thread = threading.Thread(target=other)
    thread.start()
    simulate(main)
    thread.join()
    thread = threading.Thread(target=simulate, args=(inner,))
    thread.start()
    thread.join()

    assert ["another simulation is running"] == [str(error)[:29] for error in errors]


def test_it_works_in_a_thread() -> None:
    """
    Off the main thread a simulation runs as well, and has its own virtual clocks.
    """
    results: list[int] = []

    async def main(loop: SimLoop) -> None:
        await asyncio.sleep(3)
        results.append(loop.now_ns)

    thread = threading.Thread(target=simulate, args=(main,))
    thread.start()
    thread.join()

    assert [3_000_000_000] == results


def test_what_still_runs_at_the_end_is_cancelled_oldest_first() -> None:
    """
    Left-over tasks are cancelled in order of creation, and may take time to clean up.
    """
    seen: list[tuple[int, float]] = []

    async def main(loop: SimLoop) -> None:
        async def work(number: int) -> None:
            try:
                await asyncio.sleep(100)
            finally:
                await asyncio.sleep(1)
                seen.append((number, loop.time()))

        tasks = []
        for number in range(200):
            # Far apart in number, they would collide in a set, and lose their order.
            await asyncio.gather(*[asyncio.sleep(0) for _ in range(63)])
            tasks.append(asyncio.create_task(work(number)))
        await asyncio.sleep(5)
        assert not tasks[0].done()

    simulate(main)

    assert [(number, 6.0) for number in range(200)] == seen


def test_left_over_tasks_are_cancelled_after_an_error_too() -> None:
    """
    If main raises, the others still get their CancelledError.
    """
    seen: list[str] = []

    async def main(loop: SimLoop) -> None:
        async def work() -> None:
            try:
                await asyncio.sleep(100)
            finally:
                seen.append("cleaned up")

        task = asyncio.create_task(work())
        await asyncio.sleep(1)
        raise LookupError(task.get_name())

    with pytest.raises(LookupError, match="Task-2"):
        simulate(main)

    assert ["cleaned up"] == seen


def test_the_first_error_is_told_when_the_end_gets_stuck() -> None:
    """
    A task that hangs while it is cancelled does not hide the error before.
    """

    async def main(loop: SimLoop) -> None:
        async def hang() -> None:
            try:
                await asyncio.sleep(100)
            finally:
                await asyncio.Event().wait()

        task = asyncio.create_task(hang())
        await asyncio.sleep(1)
        raise LookupError(task.get_name())

    with pytest.raises(LookupError) as caught:
        simulate(main)

    assert "nothing is left to run" in caught.value.__notes__[0]


def test_an_end_that_gets_stuck_is_a_deadlock() -> None:
    """
    If all went well and a task then hangs while it is cancelled, that is the error.
    """

    async def main(loop: SimLoop) -> None:
        async def hang() -> None:
            try:
                await asyncio.sleep(100)
            finally:
                await asyncio.Event().wait()

        task = asyncio.create_task(hang(), name="hanging")
        await asyncio.sleep(1)
        assert not task.done()

    with pytest.raises(SimDeadlock, match="hanging: Event.wait"):
        simulate(main)


def test_open_async_generators_are_closed_in_order() -> None:
    """
    Generators that were left half-way get their GeneratorExit, oldest first.
    """
    seen: list[int] = []
    kept: list[AsyncIterator[int]] = []

    async def numbers(number: int) -> AsyncIterator[int]:
        try:
            yield number
        finally:
            await asyncio.sleep(0.001)
            seen.append(number)

    async def main(loop: SimLoop) -> None:
        for number in range(100):
            generator = numbers(number)
            await anext(generator)
            kept.append(generator)

    simulate(main)

    assert list(range(100)) == seen
