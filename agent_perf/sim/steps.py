"""
Names for steps and tasks that are the same in every run: never an address.
"""

from __future__ import annotations

import asyncio
from asyncio import AbstractEventLoop

_TASKS_SHOWN_MAX = 20


def pending_tasks(loop: AbstractEventLoop) -> str:
    """Return one line per pending task of *loop*, by name, with where it waits."""
    tasks = sorted(
        asyncio.all_tasks(loop), key=lambda task: (len(task.get_name()), task.get_name())
    )
    lines = [f"  {task.get_name()}: {_where(task)}" for task in tasks[:_TASKS_SHOWN_MAX]]
    if len(tasks) > _TASKS_SHOWN_MAX:
        lines.append(f"  and {len(tasks) - _TASKS_SHOWN_MAX} more")
    return "\n".join(lines) or "  (none)"


def _where(task: asyncio.Task[object]) -> str:
    frames = task.get_stack(limit=3)
    return "; ".join(
        f"{frame.f_code.co_name} at {frame.f_code.co_filename}:{frame.f_lineno}" for frame in frames
    )
