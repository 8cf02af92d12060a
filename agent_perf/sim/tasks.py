"""
Tasks whose place in a set does not depend on their address.

Programs keep tasks in sets, and wake, cancel or gather them in a set's order. By
address, eight runs gave five different orders.
"""

from __future__ import annotations

import asyncio
from typing import Any, Protocol, TypeVar, cast

from agent_perf.sim.handles import SimPause

T_co = TypeVar("T_co", covariant=True)


class TaskLoop(Protocol):
    """What a task asks of its loop."""

    def hash_next(self) -> int:
        """Return 1, 2, 3..."""

    def cancel_pause(self, pause: SimPause) -> None:
        """Let the task of *pause* go on at this instant, to be told that it was cancelled."""


class SimTask(asyncio.Task[T_co]):
    """
    A task that hashes to its number within its loop.

    There is no such Future: asyncio awaits an exact `asyncio.Future` by a shortcut, and
    a subclass cost 1 µs more each time, a third of a timed wait. Instead, `asyncio.wait`
    keeps its argument's order: see compat.

    Attributes:
        _pause: Where its next step lies while it pauses; the same for all its pauses, until
            one is cancelled.
        _asked_to_end: Whether it was ever cancelled.
        _interruption: What its last pause was cancelled with.
    """

    __slots__ = ("_asked_to_end", "_interruption", "_pause", "_sim_hash")
    _sim_hash: int
    _pause: SimPause | None
    _asked_to_end: bool
    _interruption: tuple[object, ...] | None
    # asyncio's own.
    _must_cancel: bool
    _cancel_message: object

    def __hash__(self) -> int:
        # asyncio puts a task into a set while it is being constructed, before
        # anybody could have given it its number.
        try:
            return self._sim_hash
        except AttributeError:
            self._sim_hash = cast("TaskLoop", self.get_loop()).hash_next()
            return self._sim_hash

    def cancel(self, msg: Any | None = None) -> bool:
        """Ask the task to end, as asyncio's does; a pause of it ends now."""
        self._asked_to_end = True
        pause = self._pause
        if pause is not None and pause._callback is not None:
            # What lies in the heap is void from now on, so the next pause needs another.
            self._pause, self._interruption = None, (msg,)
            cast("TaskLoop", self.get_loop()).cancel_pause(pause)
        elif not self._must_cancel:
            self._interruption = None
        elif self._interruption is not None:
            # Cancelled at this instant already: the first message is the one that is told.
            return super().cancel(*self._interruption)
        return super().cancel(msg)
