"""
A loop whose clock follows the work of the step that runs.
"""

from __future__ import annotations

from typing import Any

from agent_perf.sim.cpu_calls import CallMeter
from agent_perf.sim.loop import SimLoop


class MeteredLoop(SimLoop):
    """
    A SimLoop that spends what calls cost, up to wherever its clock is read.

    Charged at the end of a step only, what a program does before it waits would take
    place while it waits, and what it does before it answers, after the answer.

    Args:
        meter: Counts the calls.
        **options: As in SimLoop.
    """

    def __init__(self, *, meter: CallMeter, **options: Any) -> None:
        self._meter = meter
        self._settled_ns = 0
        super().__init__(meter=meter, **options)

    @property
    def _now_ns(self) -> int:
        ns = self._meter.take_ns()
        if ns:
            self._settled_ns += ns
            if not self._wake_marked:
                self._wake_marked = True
                self._ready.append(self._wake_mark)
        return self._settled_ns

    @_now_ns.setter
    def _now_ns(self, ns: int) -> None:
        self._settled_ns = ns
