"""
Where code runs: the system itself, a worker, or a host that it calls.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final

_TASKS_KEPT: Final = 256


class Place:
    """
    One process of the simulated world, as far as faults tell processes apart.

    Attributes:
        name: ``app``, a worker's name, or a host's.
        is_alive: False once it crashed: what it still sends reaches nobody.
    """

    __slots__ = ("_tasks", "_tasks_kept", "is_alive", "name")

    def __init__(self, name: str) -> None:
        self.name = name
        self.is_alive = True
        self._tasks: list[asyncio.Task[Any]] = []
        self._tasks_kept = _TASKS_KEPT

    def note(self, task: asyncio.Task[Any]) -> None:
        """Take note of a task that was started here."""
        if len(self._tasks) >= self._tasks_kept:
            self._tasks = [one for one in self._tasks if not one.done()]
            self._tasks_kept = max(_TASKS_KEPT, 2 * len(self._tasks))
        self._tasks.append(task)

    def kill(self) -> int:
        """Cancel all that runs here, the oldest task first; return how many tasks that were."""
        self.is_alive = False
        unfinished = [task for task in self._tasks if not task.done()]
        for task in unfinished:
            task.cancel()
        self._tasks.clear()
        return len(unfinished)


APP: Final = Place("app")
"""Where code runs that runs nowhere else."""

_place: ContextVar[Place] = ContextVar("agent_perf_place", default=APP)


def running_place() -> Place:
    """Return where the running code runs."""
    return _place.get()


@contextmanager
def at_place(place: Place) -> Iterator[None]:
    """Run the body, and the tasks that it starts, at *place*."""
    token = _place.set(place)
    try:
        yield
    finally:
        _place.reset(token)
