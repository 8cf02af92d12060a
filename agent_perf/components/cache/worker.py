"""
One thread that does what it is given, in order, and tells the event loop how it ended.
"""

from __future__ import annotations

import asyncio
import os
import queue
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Generic, TypeVar

T = TypeVar("T")


class Worker(Generic[T]):
    """
    A thread, begun when it is first needed.

    ``loop.run_in_executor`` does the same with two futures and three locks for each call,
    which takes twice as long as SQLite takes for a row.

    Args:
        name: The thread's, for people.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._jobs: queue.SimpleQueue[_Job[T] | None] | None = None
        self._pid = 0

    def submit(
        self,
        work: Callable[[], T],
        loop: asyncio.AbstractEventLoop,
        tell: Callable[[T | BaseException], None],
    ) -> None:
        """Do *work*, then call *tell* on *loop* with its result or its error."""
        if self._jobs is None or self._pid != os.getpid():
            # A forked process has the queue of its parent, and not the thread.
            self._jobs, self._pid = queue.SimpleQueue(), os.getpid()
            # A daemon: what it does outlives being killed, so nobody need wait for it.
            threading.Thread(
                target=_serve, args=(self._jobs,), name=self._name, daemon=True
            ).start()
        self._jobs.put((work, loop, tell))

    def stop(self) -> None:
        """End the thread when it has done what it was given; a later job begins another."""
        if self._jobs is not None:
            self._jobs.put(None)
            self._jobs = None

    # Who drops it without aclose leaves no thread behind.
    __del__ = stop


_Job = tuple[Callable[[], T], asyncio.AbstractEventLoop, Callable[[T | BaseException], None]]


def _serve(jobs: queue.SimpleQueue[_Job[T] | None]) -> None:
    while (job := jobs.get()) is not None:
        work, loop, tell = job
        outcome: T | BaseException
        try:
            outcome = work()
        except BaseException as error:  # noqa: BLE001 (it is whose work it was, not ours)
            outcome = error
        # A loop that was closed has nobody left who waits.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(tell, outcome)
        # Else they would be kept until the next job comes.
        del job, work, loop, tell, outcome
