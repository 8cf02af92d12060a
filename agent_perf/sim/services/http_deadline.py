"""
A time limit on a task's waiting, cheap enough for every chunk of a stream.
"""

from __future__ import annotations

import asyncio
import math
from typing import Any

from agent_perf.sim.loop import SimLoop
from agent_perf.units import NS


class Deadline:
    """
    Cancels the task that waits longer than its limit: what `asyncio.timeout` does.

    One object serves all the waits of one exchange, one after the other. Its timer is not
    moved at each: it rings at the earliest limit, looks whether that still stands, and is
    set again if not. What arrives at the very instant of the limit comes too late.
    """

    __slots__ = ("_cancelling", "_due_ns", "_loop", "_rang", "_task", "_timer", "_timer_ns")

    def __init__(self, loop: SimLoop) -> None:
        self._loop = loop
        self._task: asyncio.Task[Any] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._timer_ns = 0
        self._due_ns = 0
        self._cancelling = 0
        self._rang = False

    def begin(self, limit_ns: int | None) -> None:
        """Allow the running task *limit_ns* >= 0 until `end`; None: for ever."""
        if limit_ns is None:
            return
        task = asyncio.current_task()
        assert task is not None
        self._task = task
        self._cancelling = task.cancelling()
        self._due_ns = self._loop.now_ns + limit_ns
        if self._timer is None or self._due_ns < self._timer_ns:
            self._set_timer()

    def end(self) -> bool:
        """Stop watching; return True if it was the limit, and it alone, that cancelled the task."""
        task, self._task = self._task, None
        if not self._rang:
            return False
        self._rang = False
        assert task is not None
        return task.uncancel() <= self._cancelling

    def close(self) -> None:
        """Take the timer down; the object can be used again."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _set_timer(self) -> None:
        self.close()
        self._timer_ns = self._due_ns
        self._timer = self._loop.call_later((self._due_ns - self._loop.now_ns) / NS, self._ring)

    def _ring(self) -> None:
        self._timer = None
        if self._task is None:
            return
        if self._loop.now_ns < self._due_ns:
            self._set_timer()
        else:
            self._rang = True
            self._task.cancel()


def limit_ns_of(limit_s: float | None) -> int | None:
    """Return a client's limit in ns; None, and infinity, are without a limit."""
    return None if limit_s is None or limit_s == math.inf else round(limit_s * NS)
