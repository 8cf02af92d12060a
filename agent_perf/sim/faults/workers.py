"""
Background processes of the system: started, killed, started again.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from agent_perf.errors import AgentPerfError, UsageError
from agent_perf.sim.faults.fault import Fault
from agent_perf.sim.faults.places import Place, at_place
from agent_perf.sim.faults.schedule import FaultSchedule
from agent_perf.sim.request import BACKGROUND_ID, Witness, request_scope
from agent_perf.units import NS

if TYPE_CHECKING:
    from agent_perf.sim.loop import SimLoop

Main = Callable[[], Awaitable[object]]


class SimWorker:
    """
    One process beside the system, at the place of its name.

    It runs *main* until that returns. If it raises, or a fault kills it, *main* is called
    again after a while, as by a process supervisor. A crash cancels all its tasks: their
    ``finally`` blocks run, but what they send reaches nobody, and their connections break.

    Counts, by the worker's name: worker_crashes, worker_restarts, and worker_tasks_lost,
    the tasks that a crash found unfinished.

    Args:
        name: What faults call it.
        main: Opens what it needs itself: a client that others use too is theirs.
        loop: The running loop.
        witness: Who is told.
        faults: By which it may crash; None: by itself only.
        restart_after_s: How long it stays away after it raised, > 0.

    Attributes:
        name: As given.
        failure: An error of ours that it raised: the simulation cannot go on.

    Raises:
        UsageError: If *main* is no coroutine function, or *restart_after_s* is not > 0.
    """

    def __init__(
        self,
        name: str,
        main: Main,
        *,
        loop: SimLoop,
        witness: Witness,
        faults: FaultSchedule | None,
        restart_after_s: float = 1.0,
    ) -> None:
        if not inspect.iscoroutinefunction(main):
            raise UsageError(f"worker {name!r}: {main!r} is no coroutine function; want async def")
        if not 0 < restart_after_s < float("inf"):
            raise UsageError(f"worker {name!r}: restart_after_s={restart_after_s}; want > 0")
        self.name = name
        self.failure: AgentPerfError | None = None
        self._main = main
        self._loop = loop
        self._witness = witness
        self._faults = faults
        self._restart_after_s = restart_after_s
        self._place = Place(name)
        self._task: asyncio.Task[Any] | None = None
        if faults is not None:
            faults.on_crash(name, self._crash)
        self._start()

    def _start(self) -> None:
        self._place = Place(self.name)
        with request_scope(BACKGROUND_ID), at_place(self._place):
            task = self._loop.create_task(self._run(), name=f"worker {self.name}")
        self._task = task
        task.add_done_callback(self._ended)

    async def _run(self) -> None:
        await self._main()

    def _restart(self) -> None:
        self._witness.count("worker_restarts", 1, self.name)
        self._start()

    def _crash(self, fault: Fault) -> None:
        if self._task is None:
            return
        self._task = None
        self._witness.count("worker_crashes", 1, self.name)
        assert self._faults is not None
        self._place.is_alive = False
        self._faults.cut_from_place(fault, self._place)
        lost = self._place.kill()
        self._witness.count("worker_tasks_lost", lost, self.name)
        assert fault.length_ns is not None
        self._loop.call_later(fault.length_ns / NS, self._restart)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        error = None if task.cancelled() else task.exception()
        if task is not self._task:
            # Killed: whatever it raised on its way out, nobody hears it.
            return
        self._task = None
        if isinstance(error, AgentPerfError):
            self.failure = error
        elif isinstance(error, Exception):
            self._witness.count("worker_crashes", 1, f"{self.name}: {type(error).__name__}")
            self._loop.call_later(self._restart_after_s, self._restart)
