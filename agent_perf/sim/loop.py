"""
An asyncio event loop whose clock is virtual: exact, and as fast as its callbacks.

Time is an integer number of nanoseconds, and moves only when nothing is left to run:
to the next timer, in one step. There is no selector, no thread and no socket. What is
due at one instant runs in the order in which it was scheduled.

Sources: asyncio's own loop, whose order of callbacks is kept; VEX (Beckers et al.,
QEST 2012) for time that passes only where it is modelled.
"""

from __future__ import annotations

import asyncio
import threading
from asyncio import Handle, TimerHandle
from collections.abc import Callable, Coroutine, Generator
from contextvars import Context
from heapq import heapify, heappop, heappush
from typing import Any, Final, Literal, NoReturn, TypeVar, TypeVarTuple, Unpack

from agent_perf.errors import RealWorldAccess, SimDeadlock, SimLivelock, UsageError
from agent_perf.sim.futures import SimFuture, SimTask
from agent_perf.sim.steps import pending_tasks
from agent_perf.units import NS

T = TypeVar("T")
Ts = TypeVarTuple("Ts")
Trace = Callable[[int, Handle], None]
ExecutorPolicy = Literal["refuse", "inline"]

STEPS_PER_INSTANT_MAX: Final = 200_000
"""More steps than any honest burst takes at one instant: beyond it, somebody polls."""

# Libraries pass math.inf for "no deadline". A timer of more than this many ns, some
# 38 million years, is kept, can be cancelled, and never comes due.
_NEVER_NS: Final = 1 << 80
_CANCELLED_TIMERS_MAX: Final = 1_000


class SimLoop(asyncio.BaseEventLoop):
    """
    A loop in virtual time, which begins at 0 ns.

    Args:
        executor: What `run_in_executor` does: ``refuse`` raises RealWorldAccess,
            ``inline`` runs the function on the loop's own thread, at most
            *executor_workers* at a time, where `time.sleep` passes virtual time.
        executor_workers: Workers of the modelled default executor, >= 1.
        steps_per_instant_max: Steps at one instant after which SimLivelock is raised.
        trace: Called with the virtual time in ns and the handle before each step.
    """

    def __init__(
        self,
        *,
        executor: ExecutorPolicy = "refuse",
        executor_workers: int = 32,
        steps_per_instant_max: int = STEPS_PER_INSTANT_MAX,
        trace: Trace | None = None,
    ) -> None:
        super().__init__()
        self._now_ns = 0
        self._heap: list[tuple[int, int, TimerHandle]] = []
        self._timer_sequence = 0
        self._cancelled_timers = 0
        self._step_count = 0
        self._instant_steps = 0
        self._steps_per_instant_max = steps_per_instant_max
        self._trace = trace
        self._task_sequence = 0
        self._hash_sequence = 0
        self._executor_policy = executor
        self._executor_workers = executor_workers
        self._workers: asyncio.Semaphore | None = None

    @property
    def now_ns(self) -> int:
        """Virtual time since the loop's begin, in ns."""
        return self._now_ns

    @property
    def steps(self) -> int:
        """Number of callbacks run so far."""
        return self._step_count

    def time(self) -> float:
        """Return the virtual time since the loop's begin, in seconds."""
        return self._now_ns / NS

    def charge(self, ns: int) -> None:
        """
        Spend *ns* >= 0 of CPU time: the loop's one thread is busy for as long.

        Timers that come due meanwhile fire late, as on a real loop.
        """
        if ns < 0:
            raise UsageError(f"charge({ns}): virtual time cannot go back; want ns >= 0")
        self._now_ns += ns

    def hash_next(self) -> int:
        """Return the next number for the hash of a task or future of this loop."""
        self._hash_sequence += 1
        return self._hash_sequence

    # -- Scheduling

    def call_soon(
        self,
        callback: Callable[[Unpack[Ts]], object],
        *args: *Ts,
        context: Context | None = None,
    ) -> Handle:
        """Run *callback* at this instant, after all that is scheduled already."""
        if self._closed:
            self._check_closed()
        handle = Handle(callback, args, self, context)
        self._ready.append(handle)
        return handle

    def call_soon_threadsafe(
        self,
        callback: Callable[[Unpack[Ts]], object],
        *args: *Ts,
        context: Context | None = None,
    ) -> Handle:
        """Do as `call_soon`; raise RealWorldAccess if called from another thread."""
        if self._thread_id is not None and self._thread_id != threading.get_ident():
            raise RealWorldAccess(
                f"thread {threading.current_thread().name!r} called call_soon_threadsafe: its "
                "timing is not the simulation's; await the work inside of the simulation instead"
            )
        return self.call_soon(callback, *args, context=context)

    def call_later(
        self,
        delay: float,
        callback: Callable[[Unpack[Ts]], object],
        *args: *Ts,
        context: Context | None = None,
    ) -> TimerHandle:
        """Run *callback* after *delay* seconds of virtual time, at least 1 ns from now."""
        handle = TimerHandle(self._now_ns / NS + delay, callback, args, self, context)
        return self._schedule(self._now_ns + _to_ns(delay), handle)

    def call_at(
        self,
        when: float,
        callback: Callable[[Unpack[Ts]], object],
        *args: *Ts,
        context: Context | None = None,
    ) -> TimerHandle:
        """Run *callback* at *when* in virtual seconds, at least 1 ns from now."""
        return self._schedule(_to_ns(when), TimerHandle(when, callback, args, self, context))

    def _schedule(self, due_ns: int, handle: TimerHandle) -> TimerHandle:
        if self._closed:
            self._check_closed()
        # A limiter that computes its delays in floats asks for 1e-17 s, finds itself
        # still too early, and asks again: at the same instant that would never end.
        if due_ns <= self._now_ns:
            due_ns = self._now_ns + 1
        self._timer_sequence += 1
        heappush(self._heap, (due_ns, self._timer_sequence, handle))
        handle._scheduled = True
        return handle

    def _timer_handle_cancelled(self, handle: TimerHandle) -> None:
        if handle._scheduled:
            self._cancelled_timers += 1

    # -- Running

    def _run_once(self) -> None:
        ready = self._ready
        if not ready and not self._stopping:
            self._advance()
        self._wake_due()
        count = len(ready)
        self._step_count += count
        self._instant_steps += count
        if self._instant_steps > self._steps_per_instant_max:
            self._raise_livelock()
        trace = self._trace
        for _ in range(count):
            handle = ready.popleft()
            if handle._cancelled:
                continue
            if trace is not None:
                trace(self._now_ns, handle)
            handle._run()

    def _advance(self) -> None:
        heap = self._heap
        while heap and heap[0][2]._cancelled:
            heappop(heap)[2]._scheduled = False
            self._cancelled_timers -= 1
        if not heap or heap[0][0] >= _NEVER_NS:
            raise SimDeadlock(
                f"virtual time {self.time():.9f} s: nothing is left to run, and these tasks wait "
                "for something that nobody in the simulation will do:\n" + pending_tasks(self)
            )
        if heap[0][0] > self._now_ns:
            self._now_ns = heap[0][0]
            self._instant_steps = 0

    def _wake_due(self) -> None:
        heap, now_ns = self._heap, self._now_ns
        if self._cancelled_timers > _CANCELLED_TIMERS_MAX and (
            self._cancelled_timers * 2 > len(heap)
        ):
            self._drop_cancelled()
        while heap and heap[0][0] <= now_ns:
            handle = heappop(heap)[2]
            handle._scheduled = False
            if handle._cancelled:
                self._cancelled_timers -= 1
            else:
                self._ready.append(handle)

    def _drop_cancelled(self) -> None:
        kept = []
        for entry in self._heap:
            if entry[2]._cancelled:
                entry[2]._scheduled = False
            else:
                kept.append(entry)
        self._heap[:] = kept
        heapify(self._heap)
        self._cancelled_timers = 0

    def _raise_livelock(self) -> NoReturn:
        raise SimLivelock(
            f"virtual time {self.time():.9f} s: {self._instant_steps} steps and no time passed; "
            "somebody polls with sleep(0) or reschedules itself at once. Tasks:\n"
            + pending_tasks(self)
        )

    # -- Tasks and futures

    def create_task(
        self,
        coro: Generator[Any, None, T] | Coroutine[Any, Any, T],
        *,
        name: object = None,
        context: Context | None = None,
        **kwargs: Any,
    ) -> asyncio.Task[T]:
        """Start *coro*. Tasks are numbered per loop: their default names are reproducible."""
        self._check_closed()
        self._task_sequence += 1
        if name is None:
            name = f"Task-{self._task_sequence}"
        if self._task_factory is not None:
            return super().create_task(coro, name=name, context=context, **kwargs)
        return SimTask(coro, loop=self, name=name, context=context, **kwargs)

    def create_future(self) -> asyncio.Future[Any]:
        """Return a future whose place in a set is reproducible."""
        return SimFuture(loop=self)

    # -- The world outside

    def _process_events(self, event_list: list[Any]) -> None:
        """There are none: nothing outside of the simulation can wake it."""

    def _write_to_self(self) -> None:
        """Nobody sleeps in a selector that would have to be woken."""

    def run_in_executor(
        self,
        executor: object,
        func: Callable[[Unpack[Ts]], T],
        *args: *Ts,
    ) -> asyncio.Future[T]:
        """Refuse, or run *func* on a modelled worker: see *executor* of the class."""
        if self._executor_policy == "refuse":
            raise RealWorldAccess(
                f"run_in_executor({func!r}): threads have no reproducible order; make the call "
                'async, or model the threads: simulate(..., executor="inline")'
            )
        return self.create_task(self._work(func, args))

    async def _work(self, func: Callable[[Unpack[Ts]], T], args: tuple[*Ts]) -> T:
        if self._workers is None:
            self._workers = asyncio.Semaphore(self._executor_workers)
        async with self._workers:
            return func(*args)


def _to_ns(seconds: float) -> int:
    try:
        return round(seconds * NS)
    except OverflowError:
        return _NEVER_NS if seconds > 0 else 0
