"""
A line of callers who wait for something that only one of them can have at a time.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Line(Generic[T]):
    """
    Callers in the order in which they came, on one event loop.

    Args:
        timeout_s: Longest wait, > 0.
        too_late: The error for who waited that long.
        give_back: Takes what was handed to a caller who left at that very instant.

    Attributes:
        longest: Most callers in line at once.
        waits: Callers who stood in line.
        wait_s: Seconds they stood there, all together.
        timeouts: Those who left with *too_late*.
    """

    def __init__(
        self,
        *,
        timeout_s: float,
        too_late: Callable[[], Exception],
        give_back: Callable[[T], None],
    ) -> None:
        self._timeout_s = timeout_s
        self._too_late = too_late
        self._give_back = give_back
        # Not a deque: who leaves a line of ten thousand must not be searched for.
        self._turns: OrderedDict[asyncio.Future[T], None] = OrderedDict()
        self.longest = self.waits = self.timeouts = 0
        self.wait_s = 0.0

    def __len__(self) -> int:
        return len(self._turns)

    async def stand(self, arrived: Callable[[], None]) -> T:
        """
        Return what is handed over at our turn; *arrived* is called once we stand in line.

        Raises:
            Exception: What *too_late* gives, or what the line was failed with.
        """
        loop = asyncio.get_running_loop()
        turn: asyncio.Future[T] = loop.create_future()
        self._turns[turn] = None
        self.longest = max(self.longest, len(self._turns))
        self.waits += 1
        arrived()
        start_s = loop.time()
        timer = loop.call_later(self._timeout_s, self._time_out, turn)
        try:
            return await turn
        except asyncio.CancelledError:
            self._leave(turn)
            raise
        finally:
            timer.cancel()
            self.wait_s += loop.time() - start_s

    def hand(self, thing: T) -> bool:
        """Give *thing* to the first in line; return False if there is nobody."""
        turn = self._next()
        if turn is None:
            return False
        turn.set_result(thing)
        return True

    def fail(self, error: Exception) -> bool:
        """Send the first in line away with *error*; return False if there is nobody."""
        turn = self._next()
        if turn is None:
            return False
        turn.set_exception(error)
        return True

    def _next(self) -> asyncio.Future[T] | None:
        while self._turns:
            turn, _ = self._turns.popitem(last=False)
            if not turn.done():
                return turn
        return None

    def _time_out(self, turn: asyncio.Future[T]) -> None:
        if turn.done():
            return
        del self._turns[turn]
        self.timeouts += 1
        turn.set_exception(self._too_late())

    def _leave(self, turn: asyncio.Future[T]) -> None:
        if turn.cancelled():
            self._turns.pop(turn, None)
        elif turn.exception() is None:
            # It was our turn at the very instant at which we left.
            self._give_back(turn.result())
