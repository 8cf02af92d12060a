"""
The handles that a SimLoop gives out: asyncio's, made in fewer steps.

Making handles is most of what scheduling costs. The loop fills these in where it makes
them, without a constructor call each; a cancelled one is known by its missing callback.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from contextvars import Context

from agent_perf.sim.steps import step_name
from agent_perf.units import NS


class SimHandle(asyncio.Handle):
    """A callback that runs at the instant at which it was scheduled."""

    __slots__ = ()

    _callback: Callable[..., object] | None
    _args: tuple[object, ...]
    _context: Context

    def __repr__(self) -> str:
        # asyncio's asks the loop, which is not written into each of these.
        return f"<{type(self).__name__} {step_name(self)}>"

    @property
    def _cancelled(self) -> bool:  # type: ignore[override]  # A plain slot in the base.
        return self._callback is None

    def cancel(self) -> None:
        """Never run the callback; nothing happens if it has run already."""
        self._callback = None
        self._args = ()

    def cancelled(self) -> bool:
        """Return True if `cancel` was called."""
        return self._callback is None

    def get_context(self) -> Context:
        """Return the context in which the callback runs."""
        return self._context


class SimTimer(SimHandle, asyncio.TimerHandle):
    """A callback that runs at a later instant: `_when`, in ns."""

    __slots__ = ()

    _when: int

    def when(self) -> float:
        """Return the instant at which the callback runs, in virtual seconds."""
        return self._when / NS


def cancelled_handle() -> SimHandle:
    """Return a handle that never runs: a mark in a queue."""
    handle = SimHandle.__new__(SimHandle)
    handle.cancel()
    return handle


class SimPause(SimTimer):
    """A task's waits: its next step as the callback while it waits, and none otherwise."""

    __slots__ = ()
    _args = ()

    def take(self) -> SimHandle:
        """Take the step out, and return a handle for it."""
        handle = SimHandle.__new__(SimHandle)
        handle._callback, handle._args, handle._context = self._callback, (), self._context
        self._callback = None
        return handle


class SimRelay(SimHandle):
    """The turn of a pause that is due together with others: its task becomes ready then."""

    __slots__ = ("_pause",)

    def __init__(self, pause: SimPause) -> None:
        self._callback = None
        self._pause = pause

    def pass_on(self, ready: deque[SimHandle]) -> None:
        """Append the pause's step to *ready*, unless it was cancelled."""
        if self._pause._callback is not None:
            ready.append(self._pause.take())
