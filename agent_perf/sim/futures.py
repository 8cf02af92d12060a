"""
Tasks and futures whose place in a set does not depend on their address.

`asyncio.wait` and libraries keep them in sets; by address, eight runs gave five
different orders of wake-up.
"""

from __future__ import annotations

import asyncio
from typing import Any, TypeVar

T_co = TypeVar("T_co", covariant=True)
T = TypeVar("T")


class SimTask(asyncio.Task[T_co]):
    """A task that hashes to its number within its loop."""

    __slots__ = ("_sim_hash",)
    _sim_hash: int

    def __hash__(self) -> int:
        # asyncio registers a task in a set while it is being constructed, so the
        # number is taken when first asked for.
        try:
            return self._sim_hash
        except AttributeError:
            self._sim_hash = _loop_of(self).hash_next()
            return self._sim_hash


class SimFuture(asyncio.Future[T]):
    """A future that hashes to its number within its loop."""

    __slots__ = ("_sim_hash",)
    _sim_hash: int

    def __hash__(self) -> int:
        try:
            return self._sim_hash
        except AttributeError:
            self._sim_hash = _loop_of(self).hash_next()
            return self._sim_hash


def _loop_of(future: asyncio.Future[Any]) -> Any:
    return future.get_loop()
