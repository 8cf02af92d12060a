"""
Names for steps and tasks that are the same in every run: never an address.
"""

from __future__ import annotations

import asyncio
import functools
from types import CodeType, FrameType
from typing import Any, Final

# The loop's own way to wait says nothing: where it is awaited does.
_PAUSE: Final = "SchedulingLoop.pause"


def step_name(handle: asyncio.Handle) -> str:
    """
    Return what *handle* will run, as ``qualname file:line``.

    A task's step is named by its innermost coroutine and the line at which that waits;
    any other callback by its function, and the task it wakes if it wakes one.
    """
    callback: Any = getattr(handle, "_callback", None)
    if callback is None:
        return "cancelled"
    # A task schedules its next step, and its wake-up, as methods of itself.
    owner = getattr(callback, "__self__", None)
    if isinstance(owner, asyncio.Task):
        return f"{owner.get_name()} {task_place(owner)}"
    return function_name(callback)


def task_place(task: asyncio.Task[Any]) -> str:
    """Return where *task* waits: its coroutines from the innermost out, with their lines."""
    places = []
    awaited: Any = task.get_coro()
    while awaited is not None:
        place = _coroutine_place(awaited)
        if place:
            places.append(place)
        awaited = _awaited_by(awaited)
    return ", in ".join(reversed(places)) or "done"


def _awaited_by(coroutine: Any) -> Any:
    for name in ("cr_await", "gi_yieldfrom", "ag_await"):
        inner = getattr(coroutine, name, None)
        if inner is not None:
            return inner
    return None


def _coroutine_place(coroutine: Any) -> str:
    for prefix in ("cr", "gi", "ag"):
        # None once it has ended.
        frame: FrameType | None = getattr(coroutine, f"{prefix}_frame", None)
        if frame is not None:
            code = frame.f_code
            if code.co_qualname == _PAUSE:
                return ""
            return f"{code.co_qualname} {code.co_filename}:{frame.f_lineno}"
    return ""


def function_name(function: object) -> str:
    """Return *function*'s qualified name and where it is defined, if it is Python's."""
    while isinstance(function, functools.partial):
        function = function.func
    code = getattr(getattr(function, "__func__", function), "__code__", None)
    if isinstance(code, CodeType):
        return f"{code.co_qualname} {code.co_filename}:{code.co_firstlineno}"
    name: str = getattr(function, "__qualname__", type(function).__qualname__)
    return name
