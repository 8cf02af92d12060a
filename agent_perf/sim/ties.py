"""
Timers that are due at one instant, in another order than that in which they were set.

asyncio promises no order to requests that know nothing of each other. Results that
depend on it are reproducible here, and nowhere else.
"""

from __future__ import annotations

from typing import Any, Final

from agent_perf.sim.handles import SimTimer
from agent_perf.sim.loop import SimLoop
from agent_perf.sim.metered import MeteredLoop
from agent_perf.sim.request import request_of

_MASK: Final = (1 << 64) - 1
_ODD: Final = 0x9E3779B97F4A7C15


class TiedLoop(SimLoop):
    """
    A SimLoop that shuffles requests whose timers are due at one instant.

    The timers of one request keep their order.

    Args:
        tie_seed: Key of the shuffling, together with the instant and the request.
        **options: As in SimLoop.
    """

    def __init__(self, *, tie_seed: int, **options: Any) -> None:
        super().__init__(**options)
        self._tie_seed = tie_seed

    def _make_ready(self, due_ns: int, timers: list[SimTimer]) -> None:
        super()._make_ready(due_ns, sorted(timers, key=lambda timer: self._rank(due_ns, timer)))

    def _rank(self, due_ns: int, timer: SimTimer) -> int:
        rank = (self._tie_seed * _ODD) & _MASK
        for part in (due_ns, request_of(timer)):
            rank = ((rank ^ (part & _MASK)) * _ODD) & _MASK
            rank ^= rank >> 29
        return rank


class TiedMeteredLoop(TiedLoop, MeteredLoop):
    """The same for a loop that charges for calls."""
