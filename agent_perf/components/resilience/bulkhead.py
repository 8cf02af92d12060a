"""
A bulkhead: so many calls at a time, so many that wait, and nobody for ever.
"""

from __future__ import annotations

import asyncio
import math
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from types import TracebackType
from typing import ClassVar, TypeVar

from agent_perf.components.errors import BulkheadFullError
from agent_perf.components.resilience.deadline import time_left_s
from agent_perf.errors import ConfigError

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkheadStats:
    """
    What a bulkhead has done.

    Attributes:
        entered: Calls let in.
        refused: Calls turned away because too many waited.
        timed_out: Calls that waited in vain.
        running: Calls under way now.
        waiting: Calls that wait now.
        waiting_max: Most that ever waited.
    """

    LEVELS: ClassVar[frozenset[str]] = frozenset({"running", "waiting", "waiting_max"})

    entered: int
    refused: int
    timed_out: int
    running: int
    waiting: int
    waiting_max: int


class Bulkhead:
    """
    Lets *running_max* calls in at a time, and *waiting_max* others wait, in order.

    A slow service then takes that many tasks, and not all there are. One loop at a time.

    Args:
        running_max: Calls under way, >= 1.
        waiting_max: Calls that may wait, >= 0.
        wait_s_max: Longest wait, > 0; the caller's `Deadline`, if earlier, holds.

    Example::

        bulkhead = Bulkhead(running_max=20, waiting_max=100, wait_s_max=1)
        async with bulkhead:
            report = await render()
    """

    def __init__(
        self, *, running_max: int, waiting_max: int = 0, wait_s_max: float = math.inf
    ) -> None:
        if running_max < 1 or waiting_max < 0 or not wait_s_max > 0:
            raise ConfigError(
                f"running_max={running_max}, waiting_max={waiting_max}, wait_s_max={wait_s_max}; "
                "want >= 1, >= 0 and > 0"
            )
        self._running_max = running_max
        self._queue_max = waiting_max
        self._wait_s_max = wait_s_max
        self._running = 0
        # Not a deque: who gives up leaves from the middle.
        self._queue: OrderedDict[asyncio.Future[None], None] = OrderedDict()
        self._entered = self._refused = self._timed_out = self._waiting_max = 0

    async def call(self, function: Callable[[], Awaitable[T]]) -> T:
        """
        Return what ``function()`` returns.

        Raises:
            BulkheadFullError: If there is no place for it; *function* was not called.
        """
        async with self:
            return await function()

    async def __aenter__(self) -> None:
        if self._running < self._running_max:
            self._running += 1
        else:
            await self._wait()
        self._entered += 1

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._leave()

    def stats(self) -> BulkheadStats:
        """Return what happened to the calls."""
        return BulkheadStats(
            entered=self._entered,
            refused=self._refused,
            timed_out=self._timed_out,
            running=self._running,
            waiting=len(self._queue),
            waiting_max=self._waiting_max,
        )

    async def _wait(self) -> None:
        if len(self._queue) >= self._queue_max:
            self._refused += 1
            raise BulkheadFullError(
                f"{self._running} calls are under way and {len(self._queue)} wait: that is the most"
            )
        wait_s = min(self._wait_s_max, time_left_s())
        place = asyncio.get_running_loop().create_future()
        self._queue[place] = None
        self._waiting_max = max(self._waiting_max, len(self._queue))
        try:
            async with asyncio.timeout(None if wait_s == math.inf else wait_s):
                await place
        except BaseException as error:
            if place.done() and not place.cancelled():
                # The place came in the same step as the end of the wait.
                self._leave()
            self._queue.pop(place, None)
            if not isinstance(error, TimeoutError):
                raise
            self._timed_out += 1
            raise BulkheadFullError(f"no place within {wait_s:.3g} s") from error

    def _leave(self) -> None:
        """Hand the place on, or take it away."""
        while self._queue:
            place, _ = self._queue.popitem(last=False)
            if not place.done():
                place.set_result(None)
                return
        self._running -= 1
