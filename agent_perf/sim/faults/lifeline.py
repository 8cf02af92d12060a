"""
One connection as faults see it: it breaks under whoever waits for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from agent_perf.sim.faults.places import Place, running_place
from agent_perf.sim.faults.point import FaultPoint, wait
from agent_perf.units import NS

T = TypeVar("T")


class Lifeline:
    """
    What ties one connection to its service's faults. It carries one exchange at a time.

    Args:
        point: The service's.

    Attributes:
        point: As given.
        broken: Called once when the connection breaks, if it breaks.
        place: Where the connection was opened.
        error: Why it is broken; None while it is not.
    """

    __slots__ = ("_cancelling", "_cut", "_end", "_task", "broken", "error", "place", "point")

    def __init__(self, point: FaultPoint) -> None:
        self.point = point
        self.place: Place = running_place()
        self.error: ConnectionError | None = None
        self.broken: Callable[[], None] | None = None
        self._task: asyncio.Task[Any] | None = None
        self._cancelling = 0
        self._cut = False
        self._end = point.on_cut(lambda: self._cut_off(point.lost))

    @property
    def is_busy(self) -> bool:
        """Whether `run` is under way."""
        return self._task is not None

    async def run(self, work: Awaitable[T]) -> T:
        """
        Return what *work* returns.

        Raises:
            ConnectionResetError: If the connection breaks meanwhile; *work* is cancelled.
        """
        task = asyncio.current_task()
        assert task is not None
        self._task, self._cancelling, self._cut = task, task.cancelling(), False
        try:
            result = await work
        except asyncio.CancelledError:
            if self._was_cut(task):
                assert self.error is not None
                raise self.error from None
            raise
        finally:
            self._task = None
            self._was_cut(task)
        return result

    async def open(self, operation: str, latency_ns: int, detail: str = "") -> None:
        """
        Connect, which takes *latency_ns* if all is well.

        Raises:
            ConnectionError: If that fails; the lifeline is closed then.
            InjectedError: Likewise.
        """
        try:
            await self.run(self._open(operation, latency_ns, detail))
        except BaseException:
            self.close()
            raise

    async def _open(self, operation: str, latency_ns: int, detail: str) -> None:
        await self.admit(operation, detail)
        await asyncio.sleep(self.point.stretch(operation, latency_ns, detail) / NS)
        await self.arrive()

    async def admit(self, operation: str, detail: str = "") -> None:
        """Wait, or raise, as `FaultPoint.admit`; a broken connection raises its error."""
        while wait_ns := self.hold_ns(operation, detail):
            await wait(wait_ns)

    def hold_ns(self, operation: str, detail: str = "") -> int:
        """Return, or raise, as `FaultPoint.hold_ns`; likewise."""
        if self.error is not None:
            raise self.error
        try:
            return self.point.hold_ns(operation, detail)
        except ConnectionError as error:
            self._break(error)
            raise

    async def arrive(self) -> None:
        """Wait until what is on its way over this connection can arrive."""
        await self.point.unblocked(self.place)

    def close(self) -> None:
        """Hang up: faults are no longer of interest."""
        self._end()

    def _was_cut(self, task: asyncio.Task[Any]) -> bool:
        """Take back our own cancellation; return whether it was the only one."""
        if not self._cut:
            return False
        self._cut = False
        return task.uncancel() <= self._cancelling

    def _break(self, error: ConnectionError) -> None:
        self.close()
        self.error = error
        if self.broken is not None:
            self.broken()

    def _cut_off(self, error: ConnectionError) -> None:
        self._break(error)
        if self._task is not None:
            self._cut = True
            self._task.cancel()
