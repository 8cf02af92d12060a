"""
Tasks whose place in a set does not depend on their address.

Programs keep tasks in sets, and wake, cancel or gather them in a set's order. By
address, eight runs gave five different orders.
"""

from __future__ import annotations

import asyncio
from typing import Protocol, TypeVar, cast

T_co = TypeVar("T_co", covariant=True)


class Numbering(Protocol):
    """A loop that numbers its tasks."""

    def hash_next(self) -> int:
        """Return 1, 2, 3..."""


class SimTask(asyncio.Task[T_co]):
    """
    A task that hashes to its number within its loop.

    There is no such Future: asyncio awaits an exact `asyncio.Future` by a shortcut, and
    a subclass cost 1 µs more each time, a third of a timed wait. Instead, `asyncio.wait`
    keeps its argument's order: see compat.
    """

    __slots__ = ("_sim_hash",)
    _sim_hash: int

    def __hash__(self) -> int:
        # asyncio puts a task into a set while it is being constructed, before
        # anybody could have given it its number.
        try:
            return self._sim_hash
        except AttributeError:
            self._sim_hash = cast("Numbering", self.get_loop()).hash_next()
            return self._sim_hash
