"""Libraries that would leak addresses into the order of things."""

import asyncio
import os
import platform
import socket
import subprocess
import sys
import uuid

import anyio
import pytest

from agent_perf.sim import SimLoop, simulate
from agent_perf.sim.ordered import OrderedSet


def _spread(loop: SimLoop, count: int) -> list[asyncio.Future[int]]:
    """Return futures that are done at one instant, at addresses in no order."""
    spare = [loop.create_future() for _ in range(count * 7)]
    futures = spare[::7]
    # The middle ones first, so that no order of addresses is the order of the list.
    return futures[count // 2 :] + futures[: count // 2]


def test_wait_keeps_the_order_of_its_argument() -> None:
    """
    `asyncio.wait` gives its sets in the order of what it was given, for plain futures too.
    """

    async def main(loop: SimLoop) -> tuple[list[int], list[int]]:
        futures = _spread(loop, 50)
        for future in futures[10:]:
            loop.call_later(1, future.set_result, 0)
        done, pending = await asyncio.wait(futures, timeout=2)
        place = {id(future): i for i, future in enumerate(futures)}
        return [place[id(f)] for f in done], [place[id(f)] for f in pending]

    assert (list(range(10, 50)), list(range(10))) == simulate(main)


def test_as_completed_starts_coroutines_in_the_given_order() -> None:
    """
    `asyncio.as_completed` starts what it was given in that order; alone, it shuffles.
    """

    async def main(loop: SimLoop) -> list[int]:
        started: list[int] = []

        async def work(number: int) -> None:
            started.append(number)
            await asyncio.sleep(1)

        for future in asyncio.as_completed([work(i) for i in range(50)]):
            await future
        return started

    assert list(range(50)) == simulate(main)


def test_a_task_group_cancels_in_the_order_of_creation() -> None:
    """
    When one task of a group fails, the others are cancelled oldest first.
    """

    async def main(loop: SimLoop) -> list[int]:
        cancelled: list[int] = []

        async def work(number: int) -> None:
            try:
                await asyncio.sleep(10)
            except asyncio.CancelledError:
                cancelled.append(number)
                raise

        async def fail() -> None:
            await asyncio.sleep(1)
            raise ValueError

        with pytest.raises(ExceptionGroup):
            async with asyncio.TaskGroup() as group:
                for number in range(300):
                    group.create_task(work(number))
                group.create_task(fail())
        return cancelled

    assert list(range(300)) == simulate(main)


def test_anyio_cancels_scopes_in_the_order_of_creation() -> None:
    """
    anyio's nested scopes are cancelled oldest first; alone, by address.
    """

    async def main(loop: SimLoop) -> list[int]:
        cancelled: list[int] = []

        async def work(number: int) -> None:
            with anyio.CancelScope():
                try:
                    await anyio.sleep(10)
                except asyncio.CancelledError:
                    cancelled.append(number)
                    raise

        with anyio.move_on_after(1):
            async with anyio.create_task_group() as group:
                for number in range(100):
                    group.start_soon(work, number)
        return cancelled

    assert list(range(100)) == simulate(main)


def test_anyio_takes_exact_time() -> None:
    """
    Memory streams, limiters and time-outs of anyio run in virtual time.
    """

    async def main(loop: SimLoop) -> list[float]:
        took: list[float] = []
        send, receive = anyio.create_memory_object_stream[int](0)

        async def produce() -> None:
            async with send:
                for number in range(3):
                    await anyio.sleep(1)
                    await send.send(number)

        async with anyio.create_task_group() as group:
            group.start_soon(produce)
            async with receive:
                took.extend([loop.time() async for _ in receive])
        with anyio.move_on_after(2.5):
            await anyio.sleep_forever()
        took.append(loop.time())
        limiter = anyio.CapacityLimiter(2)

        async def limited() -> None:
            async with limiter:
                await anyio.sleep(1)

        async with anyio.create_task_group() as group:
            for _ in range(5):
                group.start_soon(limited)
        return [*took, loop.time()]

    assert [1.0, 2.0, 3.0, 5.5, 8.5] == simulate(main)


def test_harmless_questions_are_answered_without_the_machine() -> None:
    """
    Clients may ask for platform and host name, and make any uuid, in a simulation.
    """

    async def main(loop: SimLoop) -> None:
        platform.platform()
        platform.processor()
        socket.gethostname()
        uuid.uuid1()
        uuid.uuid4()

    simulate(main)


def test_the_patches_are_gone_afterwards() -> None:
    """
    Outside of a simulation asyncio, anyio and uuid are as they were.
    """
    import anyio._backends._asyncio as backend

    def state() -> list[object]:
        return [
            vars(asyncio.tasks).get("set"),
            vars(asyncio.taskgroups).get("set"),
            vars(backend).get("set"),
            vars(backend.AsyncIOBackend)["run_sync_in_worker_thread"],
            uuid._node,
            uuid._generate_time_safe,
        ]

    before = state()

    async def main(loop: SimLoop) -> None:
        assert OrderedSet is vars(asyncio.tasks)["set"]
        raise LookupError

    with pytest.raises(LookupError):
        simulate(main)

    assert before == state()
    assert None is before[0] is before[1] is before[2]


_SCRIPT = """
import asyncio, hashlib, sys
junk = [object() for _ in range(int(sys.argv[1]))]
from agent_perf.sim import simulate, step_name
digest = hashlib.sha256()
def trace(now_ns, handle):
    digest.update(f"{now_ns} {step_name(handle)}\\n".encode())
async def main(loop):
    import anyio, httpx, random
    async def work(i):
        async with asyncio.timeout(5):
            await asyncio.sleep(random.random())
            return i
    tasks = {asyncio.create_task(work(i)) for i in range(50)}
    while tasks:
        done, tasks = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            junk.append(object())
            await asyncio.create_task(work(task.result()))
    async with anyio.create_task_group() as group:
        for i in range(20):
            group.start_soon(work, i)
    futures = {loop.create_future() for _ in range(20)}
    for future in await asyncio.gather(*[work(i) for i in range(20)]):
        pass
    await asyncio.to_thread(work, 1)
simulate(main, trace=trace, executor="inline")
print(digest.hexdigest())
"""


def test_two_processes_take_the_same_steps() -> None:
    """
    With other hash seeds and other junk in memory, all steps and instants are the same.
    """
    digests = {
        subprocess.run(
            [sys.executable, "-W", "ignore", "-c", _SCRIPT, str(seed * 1_001)],
            env={**os.environ, "PYTHONHASHSEED": str(seed)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in (1, 2, 3)
    }

    assert 1 == len(digests)


_MEMORY_SCRIPT = """
import asyncio
from agent_perf.sim import simulate
async def crowd(loop):
    await asyncio.gather(*[asyncio.sleep(1) for _ in range(20_000)])
async def main(loop):
    # Numbers far apart collide in a small table: then the order of insertion shows.
    tasks = []
    for _ in range(200):
        await asyncio.gather(*[asyncio.sleep(0) for _ in range(63)])
        tasks.append(asyncio.create_task(asyncio.sleep(1)))
    return [task.get_name() for task in asyncio.all_tasks()]
first = simulate(main)
simulate(crowd)
assert first == simulate(main)
"""


def test_all_tasks_come_in_an_order_without_memory() -> None:
    """
    `asyncio.all_tasks` does not depend on how many tasks the process ever had.
    """
    # In a process of its own: this one's registry of tasks has grown already.
    subprocess.run([sys.executable, "-c", _MEMORY_SCRIPT], check=True)


def test_tasks_of_other_loops_stay_known() -> None:
    """
    A task of a real loop is among that loop's tasks during and after a simulation.
    """
    other = asyncio.new_event_loop()
    task = other.create_task(asyncio.sleep(0))

    async def main(loop: SimLoop) -> bool:
        return task in asyncio.all_tasks(other)

    assert simulate(main)
    assert {task} == asyncio.all_tasks(other)
    other.run_until_complete(task)
    other.close()
