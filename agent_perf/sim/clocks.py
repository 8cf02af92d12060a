"""
The clocks that code reads, made virtual for as long as a simulation runs.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import time_machine

from agent_perf.sim.loop import SimLoop
from agent_perf.units import NS


@contextmanager
def virtual_clocks(loop: SimLoop, epoch_s: int) -> Iterator[None]:
    """
    Let `time` and `datetime` tell *loop*'s time while the body runs.

    Args:
        epoch_s: The Unix time that calendars show at the loop's begin, in seconds.
    """
    epoch_ns = epoch_s * NS

    class LoopTraveller(time_machine.Traveller):
        def time_ns(self) -> int:
            return epoch_ns + loop.now_ns

    virtual: dict[int, Callable[[], float]] = {
        id(time.monotonic): loop.time,
        id(time.perf_counter): loop.time,
        id(time.monotonic_ns): lambda: loop.now_ns,
        id(time.perf_counter_ns): lambda: loop.now_ns,
    }
    undo = []
    for module in list(sys.modules.values()):
        for name, value in list(getattr(module, "__dict__", {}).items()):
            if id(value) in virtual:
                undo.append((module, name, value))
                setattr(module, name, virtual[id(value)])
    travel = time_machine.travel(epoch_s, tick=False)
    travel.start().__class__ = LoopTraveller
    try:
        yield
    finally:
        travel.stop()
        for module, name, value in undo:
            setattr(module, name, value)
