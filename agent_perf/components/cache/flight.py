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
            flight = self._begin(key, start, loop)
        # One caller's cancellation must not reach the others. A future each, and not
        # asyncio.shield: that takes time for all who wait whenever one leaves, and ten
        # thousand who leave at once stopped the loop for seconds.
        waiter: asyncio.Future[T] = loop.create_future()
        flight.waiters[waiter] = None
        try:
            return await waiter
        finally:
            del flight.waiters[waiter]
            if not flight.waiters and not flight.is_kept and not flight.task.done():
                flight.task.cancel()
                self._leave(key, flight)

    def launch(
        self, key: Hashable, start: Callable[[], Coroutine[Any, Any, T]]
    ) -> asyncio.Task[T] | None:
        """
        Begin a flight that nobody need wait for, and return it; None if one is under way.

        It goes on when the last of those who joined it leaves.
        """
        loop = asyncio.get_running_loop()
        flight = self._flights.get(key)
        if flight is not None and flight.loop is loop:
            return None
        flight = self._begin(key, start, loop)
        flight.is_kept = True
        return flight.task

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

    def _begin(
        self,
        key: Hashable,
        start: Callable[[], Coroutine[Any, Any, T]],
        loop: asyncio.AbstractEventLoop,
    ) -> _Flight:
        flight = _Flight(loop, loop.create_task(start()))
        self._flights[key] = flight
        flight.task.add_done_callback(lambda _: self._land(key, flight))
        return flight

    def _land(self, key: Hashable, flight: _Flight) -> None:
        self._leave(key, flight)
        task = flight.task
        # Asked for in any case: a failure is told to those who wait, if there are any.
        error = None if task.cancelled() else task.exception()
        for waiter in flight.waiters:
            if waiter.done():
                continue
            if task.cancelled():
                waiter.cancel()
            elif error is not None:
                waiter.set_exception(error)
            else:
                waiter.set_result(task.result())

    def _leave(self, key: Hashable, flight: _Flight) -> None:
        if self._flights.get(key) is flight:
            del self._flights[key]


class _Flight:
    __slots__ = ("is_kept", "loop", "task", "waiters")

    def __init__(self, loop: asyncio.AbstractEventLoop, task: asyncio.Task[Any]) -> None:
        self.loop = loop
        self.task = task
        # In the order in which they came: who is told first must not depend on addresses.
        self.waiters: dict[asyncio.Future[Any], None] = {}
        self.is_kept = False
