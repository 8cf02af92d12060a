"""
The time of faults: it begins with what is measured, and rings at the begin of windows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextvars import copy_context
from typing import TYPE_CHECKING

from agent_perf.sim.faults.fault import Fault
from agent_perf.sim.faults.windows import next_begin_ns
from agent_perf.units import NS

if TYPE_CHECKING:
    from agent_perf.sim.loop import SimLoop


class FaultClock:
    """
    Counts from `start`; before that it is negative, and rings for nobody.

    A window that comes again and again does not keep a simulation alive in which nothing
    else happens: its timer is set anew only once somebody has asked for something.

    Args:
        loop: Whose time it is.
        rings: A fault, and what to call at the begin of each of its windows.
    """

    def __init__(
        self, loop: SimLoop, rings: Sequence[tuple[Fault, Callable[[Fault], None]]]
    ) -> None:
        self._loop = loop
        self._rings = tuple(rings)
        self._start_ns: int | None = None
        self._silent: list[tuple[Fault, Callable[[Fault], None]]] = []
        self._context = copy_context()

    def start(self) -> None:
        """Begin to count: the warm-up is over."""
        self._start_ns = self._loop.now_ns
        for fault, call in self._rings:
            self._set(fault, call, 0)

    def now_ns(self) -> int:
        """Return the time since `start`; negative before."""
        return -1 if self._start_ns is None else self._loop.now_ns - self._start_ns

    def note_activity(self) -> None:
        """Take note that somebody asks for something: windows that come again will ring."""
        if self._silent:
            silent, self._silent = self._silent, []
            for fault, call in silent:
                self._set(fault, call, self.now_ns() + 1)

    def _set(self, fault: Fault, call: Callable[[Fault], None], from_ns: int) -> None:
        begin_ns = next_begin_ns(fault, from_ns)
        if begin_ns is None:
            return
        delay_s = (begin_ns - self.now_ns()) / NS
        if delay_s <= 0:
            self._ring(fault, call)
        else:
            self._loop.call_later(delay_s, self._ring, fault, call, context=self._context)

    def _ring(self, fault: Fault, call: Callable[[Fault], None]) -> None:
        call(fault)
        if fault.period_ns is not None:
            self._silent.append((fault, call))
