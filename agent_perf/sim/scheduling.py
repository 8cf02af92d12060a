"""
The part of a virtual-time loop that takes note of what is to run, and when.

Time is an integer number of nanoseconds. What is due at one instant runs in the order in
which it was scheduled, as on asyncio's own loop.
"""

from __future__ import annotations

import asyncio
from asyncio import CancelledError, Future, Handle
from collections import deque
from collections.abc import Awaitable, Callable, Generator, Iterable
from contextvars import Context, copy_context
from heapq import heappush
from types import coroutine
from typing import Any, Final, TypeVarTuple
from weakref import WeakKeyDictionary

from agent_perf.errors import UsageError
from agent_perf.sim.handles import SimHandle, SimPause, SimTimer, cancelled_handle
from agent_perf.sim.tasks import SimTask
from agent_perf.sim.threadless import EXECUTOR_WORKERS, ExecutorPolicy, ThreadlessLoop

Ts = TypeVarTuple("Ts")

# Libraries pass math.inf for "no deadline". A timer this many ns away, 38 million
# years, can be cancelled but never comes due.
NEVER_NS: Final = 1 << 80

# As a float, because a delay is one: int * float would convert each time.
_NS: Final = 1e9

_new = object.__new__


class SchedulingLoop(ThreadlessLoop):
    """
    A loop that holds what is ready, and a heap of what is to come.

    Args:
        executor: As in ThreadlessLoop.
        executor_workers: As in ThreadlessLoop.
    """

    # What each step touches. A loop has more attributes than fit into a compact dictionary.
    __slots__ = ("_heap", "_late_ns", "_now_ns", "_pause_until", "_ready", "_waiting")
    _ready: deque[SimHandle]

    def __init__(
        self,
        *,
        executor: ExecutorPolicy = "refuse",
        executor_workers: int = EXECUTOR_WORKERS,
    ) -> None:
        super().__init__(executor=executor, executor_workers=executor_workers)
        self._now_ns = 0
        # The instants at which something is due, each once, and what that is: a timer, or a list
        # of them in the order in which they were set. Pairs in a heap cost a sixth of a pause.
        self._heap: list[int] = []
        self._waiting: dict[int, SimTimer | list[SimTimer]] = {}
        self._tied_count = 0
        # An instant that the heap has yet to take in, or 0. Most steps end in a pause, and the
        # earliest one comes next: the heap takes one and gives one at half the price of both.
        self._late_ns = 0
        # When the running task's pause ends; 0 but from there to where it asks for its step.
        self._pause_until = 0
        self._waits: WeakKeyDictionary[asyncio.Task[Any], Future[None]] = WeakKeyDictionary()
        # A mark lies in the queue like a cancelled handle: what comes before it has run.
        self._wake_mark = cancelled_handle()
        self._wake_marked = False
        self._read: Callable[[int], object] | None = None
        vars(self)["call_soon"] = _call_soon_of(self)

    @property
    def now_ns(self) -> int:
        """Virtual time since the loop's begin, in ns."""
        return self._now_ns

    def time(self) -> float:
        """Return the virtual time since the loop's begin, in seconds."""
        if self._read is not None:
            self._read(self._now_ns)
        return self._now_ns / _NS

    def on_read(self, note: Callable[[int], object] | None) -> None:
        """Let *note* know of each reading of the clock, and what it showed, in ns."""
        self._read = note

    def charge(self, ns: int) -> None:
        """
        Spend *ns* >= 0 of CPU time: the loop's one thread is busy for as long.

        Timers that come due meanwhile fire late, as on a real loop.
        """
        if ns < 0:
            raise UsageError(f"charge({ns}): virtual time cannot go back; want ns >= 0")
        self._now_ns += ns
        if not self._wake_marked:
            self._wake_marked = True
            self._ready.append(self._wake_mark)

    def call_soon(
        self, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> Handle:
        """Run *callback* at this instant, after all that is scheduled already."""
        # An open loop has a function of its own in this one's place.
        raise RuntimeError("Event loop is closed")

    def close(self) -> None:
        """Close the loop, which takes no callbacks from then on."""
        super().close()
        # The function holds the loop, and the loop the function.
        vars(self).pop("call_soon", None)

    def call_later(
        self,
        delay: float,
        callback: Callable[[*Ts], object],
        *args: *Ts,
        context: Context | None = None,
    ) -> SimTimer:
        """Run *callback* after *delay* seconds of virtual time, and at least 1 ns from now."""
        try:
            due_ns = self._now_ns + round(delay * _NS)
        except OverflowError:
            due_ns = NEVER_NS if delay > 0 else 0
        return self._schedule(due_ns, callback, args, context)

    def call_at(
        self,
        when: float,
        callback: Callable[[*Ts], object],
        *args: *Ts,
        context: Context | None = None,
    ) -> SimTimer:
        """Run *callback* at *when* in virtual seconds, and at least 1 ns from now."""
        try:
            due_ns = round(when * _NS)
        except OverflowError:
            due_ns = NEVER_NS if when > 0 else 0
        return self._schedule(due_ns, callback, args, context)

    def _schedule(
        self,
        due_ns: int,
        callback: Callable[..., object],
        args: tuple[object, ...],
        context: Context | None,
    ) -> SimTimer:
        if self._closed:
            raise RuntimeError("Event loop is closed")
        # A limiter that computes its delays in floats asks for 1e-17 s, finds itself
        # still too early and asks again: without time passing that would never end.
        if due_ns <= self._now_ns:
            due_ns = self._now_ns + 1
        timer = _new(SimTimer)
        timer._callback = callback
        timer._args = args
        timer._context = copy_context() if context is None else context
        timer._when = due_ns
        if self._waiting.setdefault(due_ns, timer) is timer:
            heappush(self._heap, due_ns)
        else:
            self._tie(due_ns, timer)
        return timer

    def _tie(self, due_ns: int, timer: SimTimer) -> None:
        """Let *timer* wait behind what is due at that instant already."""
        others = self._waiting[due_ns]
        if isinstance(others, list):
            others.append(timer)
        else:
            self._waiting[due_ns] = [others, timer]
        self._tied_count += 1

    # Pauses.

    def sleep(self, delay: float) -> Awaitable[None]:
        """Return an awaitable that takes *delay* > 0 seconds, and at least 1 ns: see `pause`."""
        try:
            return self.pause(round(delay * _NS) or 1)
        except OverflowError:
            return self.pause(NEVER_NS)

    @coroutine
    def pause(self, ns: int) -> Generator[Any, None, None]:
        """
        Take *ns* of virtual time; 0 or less lets what is ready take its turn, like sleep(0).

        In order, cancellation and all else it is `asyncio.sleep`, without a Future, a timer
        and a callback for each. Await it directly: ``await loop.pause(latency_ns)``.
        """
        if ns <= 0:
            yield
            return
        # A task that is given None asks the loop for its next step at once: see call_soon.
        self._pause_until = due_ns = self._now_ns + ns
        try:
            yield
        except BaseException:
            self._pause_until = 0
            raise
        if self._now_ns < due_ns:
            yield from self._end_early()

    def take_pause(self) -> int:
        """Return when the pause that has just begun is over, 0 if none has, and forget it."""
        due_ns, self._pause_until = self._pause_until, 0
        return due_ns

    def pause_all(self, latencies_ns: Iterable[int]) -> Awaitable[None]:
        """
        Take as long as the longest of *latencies_ns*: waits side by side, without tasks.

        For what only waits, such as the stub of a service; code that runs side by side needs
        `asyncio.gather`. None at all is like 0.
        """
        return self.pause(max(latencies_ns, default=0))

    def _begin_unusual_pause(self, task: object, due_ns: int) -> None:
        """Prepare for *task* to come to `_end_early` or to a cancellation at once."""
        if not isinstance(task, asyncio.Task):
            # Somebody schedules something else while a pause is being handed on.
            return
        self._pause_until = 0
        if type(task) is not SimTask:
            # What a program's own task factory made cannot be cancelled in a pause.
            future = self._waits[task] = self.create_future()
            self._schedule(due_ns, _set_result_unless_cancelled, (future,), None)
        else:
            task._interruption = (task._cancel_message,)

    def _end_early(self) -> Generator[Any, None, None]:
        task = asyncio.current_task(self)
        if self._pause_until or task is None:
            self._pause_until = 0
            raise RuntimeError("a pause was continued before its time, and not by its task")
        if type(task) is SimTask:
            # Cancelled, then uncancelled: since Python 3.13 a task forgets the former.
            raise CancelledError(*(task._interruption or ()))
        yield from self._waits.pop(task)

    def cancel_pause(self, pause: SimPause) -> None:
        """Let the task of *pause* go on at this instant, to be told that it was cancelled."""
        self._ready.append(pause.take())


def _call_soon_of(loop: SchedulingLoop) -> Callable[..., Handle]:
    """
    Return what *loop* has for `call_soon` while it is open.

    Each step of a task looks it up and calls it once: as a method it would be bound each time,
    which costs a fifteenth of a pause.
    """
    heap, ready, wait = loop._heap, loop._ready, loop._waiting.setdefault

    def call_soon(
        callback: Callable[..., object], *args: object, context: Context | None = None
    ) -> Handle:
        due_ns = loop._pause_until
        if due_ns and not args:
            try:
                task = callback.__self__  # type: ignore[attr-defined]  # Of a task's step.
            except AttributeError:
                task = None
            if type(task) is SimTask and not (task._asked_to_end and task._must_cancel):
                # The task asks for its next step: that is to be the end of its pause.
                loop._pause_until = 0
                pause = task._pause
                if pause is None:
                    assert context is not None
                    pause = task._pause = _new(SimPause)
                    pause._context = context
                pause._callback = callback
                if wait(due_ns, pause) is not pause:
                    loop._tie(due_ns, pause)
                    return pause
                if loop._late_ns:
                    heappush(heap, loop._late_ns)
                loop._late_ns = due_ns
                return pause
            loop._begin_unusual_pause(task, due_ns)
        handle = _new(SimHandle)
        handle._callback = callback
        handle._args = args
        handle._context = copy_context() if context is None else context
        ready.append(handle)
        return handle

    return call_soon


def _set_result_unless_cancelled(future: Future[None]) -> None:
    if not future.cancelled():
        future.set_result(None)
