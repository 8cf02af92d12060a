"""
Telling why a simulation cannot go on: which tasks wait, and where.
"""

from __future__ import annotations

import asyncio
from typing import Final

from agent_perf.errors import SimDeadlock, SimLivelock, SimOverrun
from agent_perf.sim.steps import task_place

_PLACES_SHOWN_MAX: Final = 20
_NAMES_SHOWN_MAX: Final = 3


def deadlock(loop: asyncio.AbstractEventLoop) -> SimDeadlock:
    """Return the error for a loop with nothing left to run."""
    return SimDeadlock(
        f"virtual time {loop.time():.9f} s: nothing is left to run, and these tasks wait for "
        f"something that nobody in the simulation will do:\n{_pending(loop)}"
    )


def livelock(loop: asyncio.AbstractEventLoop, steps: int) -> SimLivelock:
    """Return the error for a loop that took *steps* at one instant."""
    return SimLivelock(
        f"virtual time {loop.time():.9f} s: {steps} steps, and no time passed; somebody polls "
        "with sleep(0) or schedules itself again at once: sleep for a while, or await an "
        f"event. Pending tasks:\n{_pending(loop)}"
    )


def overrun(loop: asyncio.AbstractEventLoop, steps: int) -> SimOverrun:
    """Return the error for a loop that is past its limit of virtual time or of steps."""
    return SimOverrun(
        f"virtual time {loop.time():.9f} s, {steps} steps: the simulation should have "
        "ended by now; either something repeats for ever and the rest waits for what will not "
        f"happen, or the limit is too low: raise `virtual_limit_s`. Pending tasks:\n"
        f"{_pending(loop)}"
    )


def _pending(loop: asyncio.AbstractEventLoop) -> str:
    places: dict[str, list[str]] = {}
    for task in sorted(asyncio.all_tasks(loop), key=_by_name):
        places.setdefault(task_place(task), []).append(task.get_name())
    # A pool of workers waits at one place: the others are what tells why.
    lines = [f"  {_names(names)}: {place}" for place, names in places.items()]
    if len(lines) > _PLACES_SHOWN_MAX:
        lines[_PLACES_SHOWN_MAX:] = [f"  ... and {len(lines) - _PLACES_SHOWN_MAX} more places"]
    return "\n".join(lines) or "  (none)"


def _names(names: list[str]) -> str:
    if len(names) == 1:
        return names[0]
    more = ", ..." if len(names) > _NAMES_SHOWN_MAX else ""
    return f"{len(names)} tasks, {', '.join(names[:_NAMES_SHOWN_MAX])}{more}"


def _by_name(task: asyncio.Task[object]) -> tuple[int, str]:
    # The length first, so that Task-10 follows Task-9.
    name = task.get_name()
    return len(name), name
