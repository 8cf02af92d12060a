"""
Steps that somebody watches: traced before they run, metered while they do.
"""

from __future__ import annotations

from asyncio import Handle
from collections.abc import Callable
from typing import Protocol

from agent_perf.sim.handles import SimHandle

Trace = Callable[[int, Handle], object]
"""Told of each step: the virtual time in ns, and the handle that will run."""


class Clocked(Protocol):
    """A loop, as far as a meter knows it."""

    @property
    def now_ns(self) -> int:
        """Virtual time since the loop's begin, in ns."""

    def charge(self, ns: int) -> None:
        """Spend *ns* >= 0 of CPU time."""


Meter = Callable[[SimHandle, Clocked], object]
"""Runs a step in the loop's place, and charges for it."""


def watched(
    loop: Clocked, trace: Trace | None, meter: Meter | None
) -> Callable[[SimHandle], object] | None:
    """Return what runs a step that *trace* or *meter* watch; None if there is neither."""
    if trace is None and meter is None:
        return None

    def run(handle: SimHandle) -> None:
        if trace is not None:
            trace(loop.now_ns, handle)
        if meter is not None:
            meter(handle, loop)
        else:
            run_step(handle)

    return run


def run_step(handle: SimHandle) -> None:
    """Run *handle* as the loop would."""
    assert handle._callback is not None
    handle._context.run(handle._callback, *handle._args)
