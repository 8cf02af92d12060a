"""
Worker threads as a model: no thread, but the same waiting for a free one.

A function that a program hands to a thread runs on the loop's own thread, inside of a
greenlet. Its `time.sleep` leaves the greenlet, lets virtual time pass, and comes back; so
does what it waits for in a simulated service.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from contextvars import copy_context
from typing import Any, Generic, TypeVar, TypeVarTuple, cast

from greenlet import getcurrent, greenlet  # type: ignore[import-untyped]  # It has no types.

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class _Worker(greenlet):  # type: ignore[misc]  # Likewise.
    """A greenlet that stands for a thread; it gives its caller what to await, or seconds."""

    # By this name SQLAlchemy knows that it may hand over what is to be awaited.
    __sqlalchemy_greenlet_provider__ = True


async def run_in_worker(function: Callable[[*Ts], T], *args: *Ts) -> T:
    """Return *function*'s result; its `time.sleep` takes virtual time."""
    return await Work(function, *args).finish()


class Work(Generic[T]):
    """
    A function on its way through a modelled worker, whose `time.sleep` takes virtual time.
    """

    __slots__ = ("_args", "_context", "_function", "_outcome", "_worker", "begun")

    def __init__(self, function: Callable[[*Ts], T], *args: *Ts) -> None:
        self._function = function
        self._worker: Any = None
        self._context = copy_context()
        self._args = args
        self._outcome: Any = None
        self.begun = False

    def begin(self) -> None:
        """Run up to the first wait; raise what the function raises."""
        self.begun = True
        # Not before: a greenlet comes back to where it was made, and another worker may hand over.
        self._worker = _Worker(self._function)
        self._worker.gr_context = self._context
        self._outcome = self._worker.switch(*self._args)

    async def finish(self) -> T:
        """Return the function's result, after its waits."""
        if not self.begun:
            self.begin()
        worker = self._worker
        outcome = self._outcome
        while not worker.dead:
            try:
                work = asyncio.sleep(outcome) if isinstance(outcome, int | float) else outcome
                answer: Any = await work
            except BaseException:  # noqa: BLE001  # A cancelled wait is the worker's to handle.
                outcome = worker.throw(*sys.exc_info())
            else:
                outcome = worker.switch(answer)
        return cast("T", outcome)


class WorkerPools:
    """
    The modelled workers of one loop: a first-come, first-served queue per executor.

    Args:
        default_size: Workers of the loop's default executor, >= 1; asyncio's own number
            depends on the machine.
    """

    def __init__(self, default_size: int) -> None:
        self._default_size = default_size
        self._free: dict[object, asyncio.Semaphore] = {}
        self._queued: dict[Work[Any], None] = {}

    async def run(self, executor: object, function: Callable[[*Ts], T], *args: *Ts) -> T:
        """Return *function*'s result, once a worker of *executor* (None: default) was free."""
        return await self._finish(executor, Work(function, *args))

    async def run_queued(self, executor: object, work: Work[object]) -> None:
        """Do *work*, which `queue` took, once a worker of *executor* was free."""
        try:
            await self._finish(executor, work)
        finally:
            self._queued.pop(work, None)

    def queue(self, work: Work[object]) -> None:
        """Let `begin_queued` begin *work* before its turn."""
        self._queued[work] = None

    def begin_queued(self) -> None:
        """Run all that is queued, and what that queues, up to its first wait."""
        while self._queued:
            work = next(iter(self._queued))
            del self._queued[work]
            if not work.begun:
                work.begin()

    async def _finish(self, executor: object, work: Work[T]) -> T:
        free = self._free.get(executor)
        if free is None:
            size = getattr(executor, "_max_workers", self._default_size)
            free = self._free[executor] = asyncio.Semaphore(size)
        async with free:
            return await work.finish()


def sleep_in_worker(seconds: float) -> bool:
    """Let *seconds* pass if a worker is running; return whether one is."""
    current: Any = getcurrent()
    if not isinstance(current, _Worker):
        return False
    if seconds < 0:
        raise ValueError("sleep length must be non-negative")
    current.parent.switch(seconds)
    return True
