"""
One flight per key: however many callers miss at once, the work is done once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Hashable
from typing import Any, TypeVar

T = TypeVar("T")


class Flights:
    """
    Computations under way, at most one per key; latecomers wait for the same result.

    A caller that gives up leaves the flight to the others; the last one to leave cancels
    it. A failure reaches all who wait, and is not remembered.

    Example::

        flights = Flights()
        answer = await flights.join("q-17", lambda: ask_model("q-17"))
    """

    def __init__(self) -> None:
        self._flights: dict[Hashable, _Flight] = {}

    def __len__(self) -> int:
        return len(self._flights)

    def __contains__(self, key: Hashable) -> bool:
        return key in self._flights

    async def join(self, key: Hashable, start: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Return the result of the flight under way for *key*, or of ``start()``."""
        loop = asyncio.get_running_loop()
        flight = self._flights.get(key)
        # A loop that was closed in mid-flight leaves a task that nobody will ever run.
        if flight is None or flight.loop is not loop:
            flight = _Flight(loop, loop.create_task(start()))
            self._flights[key] = flight
            flight.task.add_done_callback(lambda _: self._land(key, flight))
        flight.passengers += 1
        try:
            # The shield keeps one caller's cancellation from reaching the others.
            result: T = await asyncio.shield(flight.task)
        finally:
            flight.passengers -= 1
            if not flight.passengers and not flight.task.done():
                flight.task.cancel()
                self._land(key, flight)
        return result

    def forget(self, key: Hashable) -> None:
        """Let the next caller start anew; those under way still get their result."""
        self._flights.pop(key, None)

    def forget_all(self) -> None:
        """Do the same for every key."""
        self._flights.clear()

    def carries(self, key: Hashable) -> bool:
        """
        Return whether the running task is the flight for *key*.

        A flight that was forgotten must not store what it found: its key was invalidated
        after it had set out.
        """
        flight = self._flights.get(key)
        return flight is not None and flight.task is asyncio.current_task()

    def _land(self, key: Hashable, flight: _Flight) -> None:
        if self._flights.get(key) is flight:
            del self._flights[key]


class _Flight:
    __slots__ = ("loop", "passengers", "task")

    def __init__(self, loop: asyncio.AbstractEventLoop, task: asyncio.Task[Any]) -> None:
        self.loop = loop
        self.task = task
        self.passengers = 0
