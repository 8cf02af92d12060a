"""Names of steps and tasks: the same in every run."""

import asyncio
import functools
import re

from agent_perf.sim import SimLoop, simulate, step_name
from agent_perf.sim.steps import function_name, task_place


class Service:
    async def fetch(self) -> None:
        await asyncio.sleep(1)

    def ring(self) -> None: ...

    def __call__(self) -> None: ...


def test_a_tasks_step_is_named_by_its_coroutines_and_lines() -> None:
    """
    A step of a task tells the task's name and where it waits, innermost first.
    """
    names: list[str] = []

    async def main(loop: SimLoop) -> None:
        await Service().fetch()

    simulate(main, trace=lambda now_ns, handle: names.append(step_name(handle)))

    fetch, line = Service.fetch.__code__, main.__code__.co_firstlineno
    qualname = main.__qualname__
    assert f"Task-1 {qualname} {__file__}:{line}" == names[0]
    assert names[1].startswith("Task-1 sleep ")
    assert names[1].endswith(
        f", in Service.fetch {__file__}:{fetch.co_firstlineno + 1}"
        f", in {qualname} {__file__}:{line + 1}"
    )


def test_callbacks_are_named_by_their_function() -> None:
    """
    Functions, methods, partials, builtins and callable objects have names without address.
    """
    seen: list[str] = []

    async def main(loop: SimLoop) -> None:
        service = Service()
        handles = [
            loop.call_soon(service.ring),
            loop.call_soon(functools.partial(functools.partial(service.ring))),
            loop.call_soon(service),
            loop.call_soon(id, 0),
            loop.call_later(1, service.ring),
        ]
        seen.extend([step_name(handle) for handle in handles])
        handles[0].cancel()
        seen.append(step_name(handles[0]))
        await asyncio.sleep(0)

    simulate(main)

    ring = f"Service.ring {__file__}:{Service.ring.__code__.co_firstlineno}"
    assert [ring, ring, "Service", "id", ring, "cancelled"] == seen


def test_no_name_holds_an_address() -> None:
    """
    A run through gather, timeouts, generators and futures yields no hexadecimal number.
    """
    names: set[str] = set()

    async def numbers() -> object:
        for number in range(3):
            await asyncio.sleep(number)
            yield number

    async def consume() -> list[object]:
        return [number async for number in numbers()]  # type: ignore[attr-defined]

    async def main(loop: SimLoop) -> None:
        async with asyncio.timeout(100), asyncio.TaskGroup() as group:
            for _ in range(3):
                group.create_task(consume())
            await asyncio.gather(consume(), asyncio.shield(consume()))
            await asyncio.wait({asyncio.create_task(consume())})

    simulate(main, trace=lambda now_ns, handle: names.add(step_name(handle)))

    assert len(names) > 10
    assert not [name for name in names if re.search(r"0x[0-9a-f]", name)]
    assert any("consume" in name for name in names)


def test_a_finished_task_has_no_place() -> None:
    """
    A task that is done waits nowhere.
    """

    async def main(loop: SimLoop) -> str:
        task = asyncio.create_task(Service().fetch())
        await task
        return task_place(task)

    assert "done" == simulate(main)


def test_a_builtin_has_only_its_name() -> None:
    """
    Functions written in C have no file.
    """
    assert "len" == function_name(len)
