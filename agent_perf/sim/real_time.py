"""
Loops whose time is real, and on which simulated services may live all the same.

Whatever a service asks of a loop (what time it is, a pause, whom to tell of a refusal) a real
loop can answer as well. So one model, one script and one set of draws serve in both times.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from agent_perf.sim.refusal import Refusals


class RealTimeLoop:
    """
    The mark of an event loop of real time that has what services ask of a `SimLoop`.

    Attributes:
        refusals: Who is told of what may not be done.
    """

    refusals: Refusals

    @property
    def now_ns(self) -> int:
        """Real time since the loop's begin, in ns."""
        raise NotImplementedError

    def pause(self, ns: int) -> Awaitable[None]:
        """Take *ns* of real time; 0 or less lets what is ready take its turn."""
        raise NotImplementedError

    def charge(self, ns: int) -> None:
        """Do nothing: in real time, work takes the time that it takes."""
