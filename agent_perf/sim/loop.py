"""
An asyncio event loop whose clock is virtual: exact, and as fast as its callbacks.

Time is an integer number of nanoseconds and moves only when nothing is left to run: to
the next timer, in one step. There is no selector, no thread and no socket. What is due
at one instant runs in the order in which it was scheduled, as on asyncio's own loop.
"""

from __future__ import annotations

import asyncio
import math
from asyncio import Handle
from collections import deque
from collections.abc import Callable, Coroutine, Generator
from contextvars import Context, copy_context
from heapq import heapify, heappop, heappush
from typing import Any, Final, TypeVar, TypeVarTuple

from agent_perf.errors import UsageError
from agent_perf.sim.handles import SimHandle, SimTimer, cancelled_handle
from agent_perf.sim.ordered import OrderedWeakSet
from agent_perf.sim.steps import step_name
from agent_perf.sim.stuck import deadlock, livelock, overrun
from agent_perf.sim.tasks import SimTask
from agent_perf.sim.threadless import EXECUTOR_WORKERS, ExecutorPolicy, ThreadlessLoop
from agent_perf.sim.watching import Meter, Trace, watched

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

STEPS_PER_INSTANT_MAX: Final = 200_000
"""More steps than an honest burst takes at one instant: beyond it, somebody polls."""

STEPS_MAX: Final = 50_000_000
"""Some minutes of real time: a million requests on stubs take fewer."""

# As a float, because a delay is one: int * float would convert each time.
_NS: Final = 1e9
# Libraries pass math.inf for "no deadline". A timer this many ns away, 38 million
# years, can be cancelled but never comes due.
_NEVER_NS: Final = 1 << 80
# How often the loop keeps house, in steps. Some tens of requests through real client
# libraries lie between: their garbage is a few megabytes.
_HOUSEKEEPING_STEPS: Final = 10_000
# Cancelled timers stay in the heap until they are due, or until the heap has doubled
# since they were last swept out. So small a heap is not worth a sweep.
_HEAP_MIN: Final = 1_000

_new = object.__new__


class SimLoop(ThreadlessLoop):
    """
    A loop in virtual time, which begins at 0 ns.

    Args:
        executor: As in ThreadlessLoop.
        executor_workers: As in ThreadlessLoop.
        steps_per_instant_max: Steps at one instant after which SimLivelock is raised.
        trace: Called before each step with the virtual time in ns and the handle.
        meter: Called with each handle in place of running it: runs it, and charges for it.
        virtual_limit_s: Virtual time after which SimOverrun is raised, > 0.
        steps_max: Steps after which SimOverrun is raised, >= 1; looked at every 10,000.
        housekeeping: Called between instants, every 10,000 steps or so.
    """

    _ready: deque[SimHandle]
    _stopping: bool
    _task_factory: Callable[..., asyncio.Future[Any]] | None

    def __init__(
        self,
        *,
        executor: ExecutorPolicy = "refuse",
        executor_workers: int = EXECUTOR_WORKERS,
        steps_per_instant_max: int = STEPS_PER_INSTANT_MAX,
        trace: Trace | None = None,
        meter: Meter | None = None,
        virtual_limit_s: float = math.inf,
        steps_max: int = STEPS_MAX,
        housekeeping: Callable[[], object] | None = None,
    ) -> None:
        super().__init__(executor=executor, executor_workers=executor_workers)
        self._asyncgens = OrderedWeakSet()
        self._now_ns = 0
        self._heap: list[tuple[int, int, SimTimer]] = []
        self._timer_sequence = 0
        self._sweep_above = _HEAP_MIN
        self._housekeeping = housekeeping
        self._keep_house_at = _HOUSEKEEPING_STEPS
        self._step_count = 0
        self._steps_per_instant_max = steps_per_instant_max
        # Marks lie in the queue like cancelled handles: what comes before them has run.
        self._stop_mark = cancelled_handle()
        self._wake_mark = cancelled_handle()
        self._wake_marked = False
        self._run_watched = watched(self, trace, meter)
        # No later than "never": what waits for that waits in vain, and that is a deadlock.
        self._limit_ns = _NEVER_NS - 1
        if virtual_limit_s * _NS < _NEVER_NS:
            self._limit_ns = round(virtual_limit_s * _NS)
        self._steps_max = steps_max
        self._task_sequence = 0
        self._hash_sequence = 0

    @property
    def now_ns(self) -> int:
        """Virtual time since the loop's begin, in ns."""
        return self._now_ns

    @property
    def steps(self) -> int:
        """Number of steps taken before the present instant: callbacks, run or cancelled."""
        return self._step_count

    def time(self) -> float:
        """Return the virtual time since the loop's begin, in seconds."""
        return self._now_ns / _NS

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

    def hash_next(self) -> int:
        """Return the next number for the hash of a task of this loop."""
        self._hash_sequence += 1
        return self._hash_sequence

    # Scheduling.

    def call_soon(
        self, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> Handle:
        """Run *callback* at this instant, after all that is scheduled already."""
        if self._closed:
            raise RuntimeError("Event loop is closed")
        handle = _new(SimHandle)
        handle._callback = callback
        handle._args = args
        handle._context = copy_context() if context is None else context
        self._ready.append(handle)
        return handle

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
            due_ns = _NEVER_NS if delay > 0 else 0
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
            due_ns = _NEVER_NS if when > 0 else 0
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
        self._timer_sequence = sequence = self._timer_sequence + 1
        heappush(self._heap, (due_ns, sequence, timer))
        return timer

    # Running.

    def stop(self) -> None:
        """Stop once all that is ready now has run."""
        if not self._stopping:
            super().stop()
            self._ready.append(self._stop_mark)

    def _run_once(self) -> None:  # noqa: C901  # The hot path: a call each would cost a tenth.
        """Run callbacks, instant by instant, until the loop is stopped."""
        ready, run_watched = self._ready, self._run_watched
        popleft = ready.popleft
        while True:
            begin_ns, step = self._now_ns, 0
            for step in range(self._steps_per_instant_max):
                if not ready:
                    self._step_count += step
                    self._advance()
                    break
                handle = popleft()
                callback = handle._callback
                if callback is None:
                    if handle is self._wake_mark:
                        self._wake()
                    # An interrupt can end a run before its mark: then it is an old one.
                    elif handle is self._stop_mark and self._stopping:
                        self._step_count += step
                        return
                    continue
                try:
                    if run_watched is None:
                        handle._context.run(callback, *handle._args)
                    else:
                        run_watched(handle)
                except (SystemExit, KeyboardInterrupt):
                    raise
                except BaseException as error:  # noqa: BLE001  # The loop's handler decides.
                    self._report(handle, error)
            else:
                self._step_count += self._steps_per_instant_max
                if self._now_ns == begin_ns:
                    raise livelock(self, self._steps_per_instant_max)
                self._keep_house()

    def _advance(self) -> None:
        """Move to the next timer that is not cancelled, and make ready what is due then."""
        heap, ready = self._heap, self._ready
        if self._step_count >= self._keep_house_at:
            self._keep_house()
        while heap:
            due_ns, _, timer = heappop(heap)
            if timer._callback is not None:
                break
        else:
            raise deadlock(self)
        if due_ns > self._now_ns:
            if due_ns > self._limit_ns:
                # Put back, for the tasks that are cancelled after the error.
                heappush(heap, (due_ns, 0, timer))
                raise deadlock(self) if due_ns >= _NEVER_NS else overrun(self, self._step_count)
            self._now_ns = due_ns
        ready.append(timer)
        while heap and heap[0][0] <= due_ns:
            ready.append(heappop(heap)[2])

    def _wake(self) -> None:
        """Make ready what came due while CPU time was charged."""
        self._wake_marked = False
        heap, ready, now_ns = self._heap, self._ready, self._now_ns
        while heap and heap[0][0] <= now_ns:
            ready.append(heappop(heap)[2])

    def _keep_house(self) -> None:
        self._keep_house_at = self._step_count + _HOUSEKEEPING_STEPS
        if self._step_count > self._steps_max or self._now_ns > self._limit_ns:
            # Once: the tasks that are cancelled now take steps of their own.
            self._steps_max = self._step_count + self._steps_max
            raise overrun(self, self._step_count)
        heap = self._heap
        if len(heap) > self._sweep_above:
            heap[:] = [entry for entry in heap if entry[2]._callback is not None]
            heapify(heap)
            self._sweep_above = max(_HEAP_MIN, 2 * len(heap))
        if self._housekeeping is not None:
            self._housekeeping()

    def _report(self, handle: SimHandle, error: BaseException) -> None:
        message = f"Exception in callback {step_name(handle)}"
        self.call_exception_handler({"message": message, "exception": error, "handle": handle})

    # Tasks and futures.

    def create_task(
        self,
        coro: Generator[Any, None, T] | Coroutine[Any, Any, T],
        *,
        name: object = None,
        context: Context | None = None,
        **kwargs: Any,
    ) -> asyncio.Task[T]:
        """Start *coro* as a task, by default named by its number within this loop."""
        if self._closed:
            raise RuntimeError("Event loop is closed")
        self._task_sequence += 1
        if name is None:
            name = f"Task-{self._task_sequence}"  # asyncio's own are numbered per process.
        if self._task_factory is not None:
            return super().create_task(coro, name=name, context=context, **kwargs)
        return SimTask(coro, loop=self, name=str(name), context=context, **kwargs)
