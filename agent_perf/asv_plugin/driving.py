"""
Runs asynchronous code inside timing benchmarks, which asv calls as plain functions.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from functools import cache
from typing import Any, TypeVar

from agent_perf.asv_plugin import services  # noqa: F401 (for its imports)
from agent_perf.sim import Draws, SimLoop, simulate
from agent_perf.suite import World

T = TypeVar("T")


def drive(work: Coroutine[Any, Any, T]) -> T:
    """
    Return what *work* comes to, on a loop that this process keeps.

    Starting and stopping the loop costs some 20 µs of CPU: give it many calls at a time.
    """
    return _loop().run_until_complete(work)


def in_world(work: Callable[[World], Coroutine[Any, Any, T]]) -> T:
    """
    Return what *work* comes to in a fresh simulated world with nobody watching.

    Waiting takes no real time there, so that CPU time is all that is left.
    """

    async def main(loop: SimLoop) -> T:
        return await work(World(loop, Draws(1), _Nobody()))

    return simulate(main)


class _Nobody:
    """A witness who takes nothing down."""

    def count(self, name: str, amount: int = 1, detail: str = "") -> None:
        """Forget it."""

    def span(self, name: str, start_ns: int, end_ns: int, detail: str = "") -> None:
        """Forget it."""

    def level(self, name: str, change: int) -> None:
        """Forget it."""

    def bound(self, name: str, most: int | None) -> None:
        """Forget it."""


@cache
def _loop() -> asyncio.AbstractEventLoop:
    # Made when first used: a loop's selector would be shared with processes forked later.
    return asyncio.new_event_loop()
