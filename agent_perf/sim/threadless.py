"""
The part of an event loop that deals with threads: refused, or modelled.
"""

from __future__ import annotations

import asyncio
import functools
import threading
from collections.abc import Callable
from contextvars import Context
from typing import Final, Literal, TypeVar, TypeVarTuple

from agent_perf.errors import UsageError
from agent_perf.sim.offline import OfflineLoop
from agent_perf.sim.steps import function_name
from agent_perf.sim.workers import Work, WorkerPools, run_in_worker

T = TypeVar("T")
Ts = TypeVarTuple("Ts")
ExecutorPolicy = Literal["refuse", "inline"]

EXECUTOR_WORKERS: Final = 32
"""Workers of the default executor: what asyncio takes on 28 CPUs or more."""

_INSTANT: Final = frozenset(
    {
        ("openai._base_client", "get_platform"),
        ("anthropic._base_client", "get_platform"),
    }
)
"""Functions that libraries hand to a thread out of caution, once, and that take no time."""


class ThreadlessLoop(OfflineLoop):
    """
    A loop without threads.

    Args:
        executor: What becomes of functions that a program hands to threads: ``refuse``
            raises RealWorldAccess; ``inline`` runs them on the loop's thread, on
            modelled workers, where `time.sleep` takes virtual time.
        executor_workers: Workers of the default executor, >= 1.
    """

    # Until BaseEventLoop.__init__ has run: a loop that was refused needs no closing.
    _closed = True
    _thread_id: int | None

    def __init__(self, *, executor: ExecutorPolicy, executor_workers: int) -> None:
        if executor not in ("refuse", "inline"):
            raise UsageError(f"executor={executor!r}; want 'refuse' or 'inline'")
        if executor_workers < 1:
            raise UsageError(f"executor_workers={executor_workers}; want >= 1")
        super().__init__()
        self._inline = executor == "inline"
        self._pools = WorkerPools(executor_workers)

    def call_soon_threadsafe(
        self, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.Handle:
        """Do as `call_soon`; raise RealWorldAccess if another thread calls."""
        if self.belongs_to_another_thread():
            self.refusals.refuse(
                f"call_soon_threadsafe from thread {threading.current_thread().name!r}",
                "when a thread calls is not reproducible: await its work inside the simulation",
            )
        return self.call_soon(callback, *args, context=context)

    def run_in_executor(
        self, executor: object, func: Callable[[*Ts], T], *args: *Ts
    ) -> asyncio.Future[T]:
        """Run *func* on a modelled worker of *executor*, or refuse: see the class."""
        if _origin(func) in _INSTANT:
            answer = self.create_future()
            answer.set_result(func(*args))
            return answer
        self._want_workers(func)
        # As with a thread: a caller that gives up does not stop the work.
        return asyncio.shield(self.create_task(self._pools.run(executor, func, *args)))

    async def run_in_worker(self, func: Callable[[*Ts], T], *args: *Ts) -> T:
        """Run *func* on a modelled worker of its own, or refuse: see the class."""
        if _origin(func) in _INSTANT:
            return func(*args)
        self._want_workers(func)
        return await run_in_worker(func, *args)

    @property
    def models_threads(self) -> bool:
        """True if functions that are handed to threads run on modelled workers."""
        return self._inline

    def belongs_to_another_thread(self) -> bool:
        """Return True if another thread than the caller's runs this loop."""
        return self._thread_id is not None and self._thread_id != threading.get_ident()

    def hand_over(self, executor: object, func: Callable[[], object]) -> None:
        """Let a modelled worker of *executor* run *func*, which raises nothing, in its turn."""
        work = Work(func)
        self._pools.queue(work)
        self.create_task(self._pools.run_queued(executor, work))

    def begin_handed_over(self) -> None:
        """
        Run what was handed over and waits for its turn, up to where it waits for something.

        For who blocks the loop: elsewhere threads go on meanwhile.
        """
        self._pools.begin_queued()

    def _want_workers(self, func: Callable[..., object]) -> None:
        if not self._inline:
            self.refusals.refuse(
                f"{function_name(_written_by_user(func) or _handed(func))} handed to a thread",
                "threads have no reproducible order: make the call async, or let modelled "
                'workers run it with @scenario(..., executor="inline")',
            )


def _handed(func: Callable[..., object]) -> Callable[..., object]:
    """Return what *func* will run: `asyncio.to_thread` wraps it in `Context.run`."""
    while isinstance(func, functools.partial):
        inner = func.func
        carries = isinstance(getattr(inner, "__self__", None), Context) and func.args
        func = func.args[0] if carries else inner
    return func


def _written_by_user(func: object, depth: int = 4) -> Callable[..., object] | None:
    """Return the first function outside of libraries that *func* is, carries or wraps."""
    if not callable(func):
        return None
    code = getattr(getattr(func, "__func__", func), "__code__", None)
    if code is not None and "-packages" not in code.co_filename:
        return func
    if depth == 0:
        return None
    carried: tuple[object, ...]
    if isinstance(func, functools.partial):
        carried = (func.func, *func.args, *func.keywords.values())
    else:
        cells = getattr(func, "__closure__", None) or ()
        carried = tuple(getattr(cell, "cell_contents", None) for cell in cells)
    found = (_written_by_user(one, depth - 1) for one in carried)
    return next((one for one in found if one is not None), None)


def _origin(func: Callable[..., object]) -> tuple[str, str]:
    function = _handed(func)
    return (getattr(function, "__module__", ""), getattr(function, "__qualname__", ""))
