"""Thread pools of the program under test: modelled, whoever waits for them."""

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from queue import Empty, Queue

import pytest

from agent_perf.errors import RealWorldAccess
from agent_perf.sim import SimLoop, request_scope, running_request, simulate

MS = 1_000_000


def _slept(seconds: float) -> float:
    time.sleep(seconds)
    return seconds


def _in_endpoint(function: Callable[[], object]) -> tuple[object, int]:
    """Return what *function* gave on a modelled worker, and how many ns it took."""

    async def main(loop: SimLoop) -> tuple[object, int]:
        return await asyncio.to_thread(function), loop.now_ns

    return simulate(main, executor="inline")


def test_a_pool_in_a_sync_endpoint_runs_its_work_at_the_same_time() -> None:
    """
    Three sleeps of 30 ms on three workers take 30 ms, on two 60 ms, and end in order.
    """

    def fan_out(workers: int) -> list[float]:
        with ThreadPoolExecutor(workers) as pool:
            return list(pool.map(_slept, [0.03] * 3))

    assert ([0.03] * 3, 30 * MS) == _in_endpoint(lambda: fan_out(3))
    assert ([0.03] * 3, 60 * MS) == _in_endpoint(lambda: fan_out(2))


def test_results_are_taken_as_they_come() -> None:
    """
    as_completed gives the quicker one first.
    """

    def race() -> list[float]:
        pool = ThreadPoolExecutor(2)
        return [
            done.result() for done in as_completed([pool.submit(_slept, s) for s in (0.2, 0.1)])
        ]

    assert ([0.1, 0.2], 200 * MS) == _in_endpoint(race)


def test_who_leaves_a_pool_waits_for_its_work() -> None:
    """
    After the with block all is done, though nobody asked for the results.
    """
    done: list[float] = []

    def endpoint() -> list[float]:
        with ThreadPoolExecutor(1) as pool:
            pool.submit(lambda: done.append(_slept(0.05)))
        return list(done)

    assert ([0.05], 50 * MS) == _in_endpoint(endpoint)


def test_a_start_up_may_fan_out_on_the_loops_own_thread() -> None:
    """
    Work that waits for nothing is done when the loop's thread asks for its result.
    """

    async def main(loop: SimLoop) -> list[int]:
        with ThreadPoolExecutor(2) as pool:
            return list(pool.map(lambda number: number * number, range(5)))

    assert [0, 1, 4, 9, 16] == simulate(main, executor="inline")


def test_the_loops_own_thread_cannot_wait_for_a_worker_that_waits() -> None:
    """
    The refusal names this line, and the way out.
    """

    async def main(loop: SimLoop) -> float:
        return ThreadPoolExecutor(1).submit(_slept, 0.1).result()

    with pytest.raises(RealWorldAccess, match=r"waiting for another thread") as caught:
        simulate(main, executor="inline")

    assert f"at {__file__}:" in str(caught.value)
    assert "await loop.run_in_executor" in str(caught.value)


def test_errors_cancelled_work_and_closed_pools_are_as_with_threads() -> None:
    """
    A result raises what the work raised; cancelled work never runs; a closed pool takes none.
    """

    def endpoint() -> list[object]:
        pool = ThreadPoolExecutor(1)
        failed = pool.submit(lambda: {}["missing"])
        pool.submit(_slept, 0.01)
        never = pool.submit(_slept, 99.0)
        seen: list[object] = [type(failed.exception()), never.cancel()]
        pool.shutdown()
        with pytest.raises(RuntimeError, match="after shutdown"):
            pool.submit(_slept, 0.0)
        return seen

    assert ([KeyError, True], 10 * MS) == _in_endpoint(endpoint)


def test_work_of_a_pool_belongs_to_its_request() -> None:
    """
    What a pool does for a request counts as that request's.
    """

    def endpoint() -> object:
        return ThreadPoolExecutor(1).submit(running_request).result()

    async def main(loop: SimLoop) -> tuple[object, object]:
        with request_scope(7):
            return await asyncio.to_thread(endpoint), running_request()

    within, around = simulate(main, executor="inline")

    assert around == within
    assert within is not None


def test_workers_talk_through_queues_and_events() -> None:
    """
    A queue hands over at the virtual time of the put; a wait that is in vain ends in time.
    """

    def endpoint() -> list[object]:
        queue: Queue[str] = Queue()
        never = threading.Event()
        pool = ThreadPoolExecutor(1)
        pool.submit(lambda: (_slept(0.02), queue.put("first")))
        seen: list[object] = [queue.get(timeout=1.0), time.monotonic()]
        with pytest.raises(Empty):
            queue.get(timeout=0.03)
        return [seen[0], never.wait(0.05)]

    assert (["first", False], 100 * MS) == _in_endpoint(endpoint)


def test_without_modelled_workers_a_pool_is_refused() -> None:
    """
    By default a simulation has no threads, and says so.
    """

    async def main(loop: SimLoop) -> None:
        ThreadPoolExecutor(1).submit(_slept, 0.1)

    with pytest.raises(RealWorldAccess, match="starting thread"):
        simulate(main)


def test_pools_are_real_again_afterwards() -> None:
    """
    A pool that served a simulation runs real threads once that has ended.
    """
    pool = ThreadPoolExecutor(1)

    async def main(loop: SimLoop) -> int:
        return await asyncio.wrap_future(pool.submit(threading.get_ident))

    assert threading.get_ident() == simulate(main, executor="inline")
    assert threading.get_ident() != pool.submit(threading.get_ident).result()
    pool.shutdown()
