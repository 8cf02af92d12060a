"""
Worker threads as a model: no thread, but the same waiting for a free one.

A function that a program hands to a thread runs on the loop's own thread, inside of a
greenlet. Its `time.sleep` leaves the greenlet, lets virtual time pass, and comes back.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from contextvars import copy_context
from typing import Any, TypeVar, TypeVarTuple, cast

from greenlet import getcurrent, greenlet  # type: ignore[import-untyped]  # It has no types.

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class _Worker(greenlet):  # type: ignore[misc]  # Likewise.
    """A greenlet that stands for a thread; it gives its caller the seconds to sleep."""


async def run_in_worker(function: Callable[[*Ts], T], *args: *Ts) -> T:
    """Return *function*'s result; its `time.sleep` takes virtual time."""
    worker = _Worker(function)
    worker.gr_context = copy_context()
    outcome = worker.switch(*args)
    while not worker.dead:
        try:
            await asyncio.sleep(cast("float", outcome))
        except BaseException:  # noqa: BLE001  # A cancelled sleep is the worker's to handle.
            outcome = worker.throw(*sys.exc_info())
        else:
            outcome = worker.switch(None)
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

    async def run(self, executor: object, function: Callable[[*Ts], T], *args: *Ts) -> T:
        """Return *function*'s result, once a worker of *executor* (None: default) was free."""
        free = self._free.get(executor)
        if free is None:
            size = getattr(executor, "_max_workers", self._default_size)
            free = self._free[executor] = asyncio.Semaphore(size)
        async with free:
            return await run_in_worker(function, *args)


def sleep_in_worker(seconds: float) -> bool:
    """Let *seconds* pass if a worker is running; return whether one is."""
    current: Any = getcurrent()
    if not isinstance(current, _Worker):
        return False
    if seconds < 0:
        raise ValueError("sleep length must be non-negative")
    current.parent.switch(seconds)
    return True
