"""
An asyncio event loop whose clock is virtual: exact, and as fast as its callbacks.

Time is an integer number of nanoseconds and moves only when nothing is left to run: to
the next timer, in one step. There is no selector, no thread and no socket. What is due
at one instant runs in the order in which it was scheduled, as on asyncio's own loop.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Coroutine, Generator
from contextvars import Context
from heapq import heapify, heappop, heappush, heappushpop
from itertools import repeat
from operator import length_hint
from typing import Any, Final, TypeVar

from agent_perf.errors import SimulationError
from agent_perf.sim.handles import SimHandle, SimPause, SimRelay, SimTimer, cancelled_handle
from agent_perf.sim.ordered import OrderedWeakSet
from agent_perf.sim.scheduling import NEVER_NS, SchedulingLoop
from agent_perf.sim.steps import step_name
from agent_perf.sim.stuck import deadlock, livelock, overrun
from agent_perf.sim.tasks import SimTask
from agent_perf.sim.threadless import EXECUTOR_WORKERS, ExecutorPolicy
from agent_perf.sim.watching import Meter, Trace, watched
from agent_perf.units import NS

T = TypeVar("T")

STEPS_PER_INSTANT_MAX: Final = 200_000
"""More steps than an honest burst takes at one instant: beyond it, somebody polls."""

STEPS_MAX: Final = 50_000_000
"""Some minutes of real time: a million requests on stubs take fewer."""

# How often the loop keeps house, in steps. Some tens of requests through real client
# libraries lie between: their garbage is a few megabytes.
_HOUSEKEEPING_STEPS: Final = 10_000
# Cancelled timers stay in the heap until they are due, or until the heap has doubled
# since they were last swept out. So small a heap is not worth a sweep.
_HEAP_MIN: Final = 1_000

_new = asyncio.Task.__new__


class SimLoop(SchedulingLoop):
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
        self._sweep_above = _HEAP_MIN
        self._housekeeping = housekeeping
        self._step_limit = 0
        self._steps_left = repeat(None, 0)
        self._steps_per_instant_max = steps_per_instant_max
        # A mark like `_wake_mark`.
        self._stop_mark = cancelled_handle()
        self._run_watched = watched(self, trace, meter)
        # No later than "never": what waits for that waits in vain, and that is a deadlock.
        self._limit_ns = NEVER_NS - 1
        if virtual_limit_s * NS < NEVER_NS:
            self._limit_ns = round(virtual_limit_s * NS)
        self._steps_max = steps_max
        self._task_sequence = 0
        self._hash_sequence = 0

    @property
    def steps(self) -> int:
        """Number of steps taken so far, this one included: callbacks, run or cancelled."""
        return self._step_limit - length_hint(self._steps_left)

    def hash_next(self) -> int:
        """Return the next number for the hash of a task of this loop."""
        self._hash_sequence += 1
        return self._hash_sequence

    # Running.

    def stop(self) -> None:
        """Stop once all that is ready now has run."""
        if not self._stopping:
            super().stop()
            self._ready.append(self._stop_mark)

    def _run_once(self) -> None:
        """Run callbacks, instant by instant, until the loop is stopped."""
        chunk = min(_HOUSEKEEPING_STEPS, self._steps_per_instant_max)
        instant_ns, at_instant = -1, 0
        while True:
            self._steps_left = repeat(None, chunk)
            self._step_limit += chunk
            if self._run():
                return
            if self._now_ns != instant_ns:
                instant_ns, at_instant = self._now_ns, 0
            else:
                at_instant += chunk
                if at_instant >= self._steps_per_instant_max:
                    raise livelock(self, at_instant)
            self._keep_house()

    def _run(self) -> bool:  # noqa: C901, PLR0912, PLR0915  # Each call would cost a tenth.
        """Take the steps that are left; return True if the loop was stopped before."""
        ready, heap, run_watched = self._ready, self._heap, self._run_watched
        popleft, take, limit_ns = ready.popleft, self._waiting.pop, self._limit_ns
        for _ in self._steps_left:
            if ready:
                handle = popleft()
                callback = handle._callback
                if callback is None:
                    if handle is self._stop_mark and self._stopping:
                        return True
                    self._pass(handle)
                    continue
                args = handle._args
            else:
                due_ns = self._late_ns
                if due_ns:
                    self._late_ns = 0
                    due_ns = heappushpop(heap, due_ns)
                elif heap:
                    due_ns = heappop(heap)
                else:
                    raise deadlock(self)
                due = take(due_ns)
                if type(due) is list:
                    self._begin_instant(due_ns, due)
                    continue
                handle = due  # type: ignore[assignment]  # mypy does not know a list by `type`.
                callback = handle._callback
                if callback is None:
                    continue
                if due_ns > self._now_ns:
                    if due_ns > limit_ns:
                        raise self._beyond_limit(due_ns, due)
                    self._now_ns = due_ns
                if type(handle) is not SimPause:
                    args = handle._args
                elif run_watched is not None:
                    ready.append(handle.take())
                    continue
                else:
                    handle._callback = None
                    args = ()
            try:
                if run_watched is not None:
                    run_watched(handle)
                # Without arguments is the most usual, and costs half without the star.
                elif args:
                    handle._context.run(callback, *args)
                else:
                    handle._context.run(callback)
            except (SystemExit, KeyboardInterrupt):
                raise
            except BaseException as error:  # noqa: BLE001  # The loop's handler decides.
                self._report(handle, error)
        return False

    def _begin_instant(self, due_ns: int, timers: list[SimTimer]) -> None:
        """Move on to *due_ns*, unless all that was due then is cancelled."""
        alive = [timer for timer in timers if timer._callback is not None]
        if alive:
            if due_ns > self._limit_ns:
                raise self._beyond_limit(due_ns, alive)
            self._now_ns = max(self._now_ns, due_ns)
            self._make_ready(due_ns, alive)

    def _beyond_limit(self, due_ns: int, due: SimTimer | list[SimTimer]) -> SimulationError:
        # Put back, for the tasks that are cancelled after the error.
        self._waiting[due_ns] = due
        heappush(self._heap, due_ns)
        return deadlock(self) if due_ns >= NEVER_NS else overrun(self, self.steps)

    def _pass(self, mark: SimHandle) -> None:
        """Do what is to be done where *mark* lay, if it is not just a cancelled handle."""
        if type(mark) is SimRelay:
            mark.pass_on(self._ready)
        elif mark is self._wake_mark:
            # Make ready what came due while CPU time was charged.
            self._wake_marked = False
            now_ns = self._now_ns
            timers: list[SimTimer] = []
            if self._late_ns:
                heappush(self._heap, self._late_ns)
                self._late_ns = 0
            while self._heap and self._heap[0] <= now_ns:
                due = self._waiting.pop(heappop(self._heap))
                timers += due if isinstance(due, list) else [due]
            self._make_ready(now_ns, timers)

    def _make_ready(self, due_ns: int, timers: list[SimTimer]) -> None:
        """Make ready *timers*, which are due at *due_ns* or before, each in its turn."""
        # asyncio's sleep is a timer that makes its task ready at the end of the queue: what
        # else is due then, or is scheduled by that, comes before the task.
        self._ready.extend(
            [SimRelay(timer) if type(timer) is SimPause else timer for timer in timers]
        )

    def _keep_house(self) -> None:
        if self.steps > self._steps_max or self._now_ns > self._limit_ns:
            # Once: the tasks that are cancelled now take steps of their own.
            self._steps_max += self.steps
            raise overrun(self, self.steps)
        if len(self._heap) + self._tied_count > self._sweep_above:
            self._sweep()
        if self._housekeeping is not None:
            self._housekeeping()

    def _sweep(self) -> None:
        """Let go of the timers that were cancelled."""
        waiting, self._tied_count = self._waiting, 0
        for due_ns, due in [*waiting.items()]:
            timers = due if isinstance(due, list) else [due]
            alive = [timer for timer in timers if timer._callback is not None]
            if not alive:
                del waiting[due_ns]
            elif len(alive) < len(timers):
                waiting[due_ns] = alive if len(alive) > 1 else alive[0]
            self._tied_count += max(0, len(alive) - 1)
        self._heap[:] = waiting
        self._late_ns = 0
        heapify(self._heap)
        self._sweep_above = max(_HEAP_MIN, 2 * (len(self._heap) + self._tied_count))

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
        # Before the constructor, which puts the task into a set.
        task: SimTask[T] = _new(SimTask)
        task._pause = task._interruption = None
        task._asked_to_end = False
        # Whoever pauses by hand and starts a task before handing it on, does not pause it.
        self._pause_until = 0
        self._hash_sequence = task._sim_hash = self._hash_sequence + 1
        task.__init__(coro, loop=self, name=name, context=context, **kwargs)  # type: ignore[misc]
        return task
