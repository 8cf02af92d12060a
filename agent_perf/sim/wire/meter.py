"""
What a client's end of a connection tells: how much passes, and how far away it is.
"""

from __future__ import annotations

from agent_perf.sim.draws import Draws
from agent_perf.sim.loop import SimLoop
from agent_perf.sim.request import Witness


class Meter:
    """
    Counts what passes one connection, and draws how long it takes.

    Args:
        loop: Whose time it is.
        draws: Where round trips come from.
        witness: Told of writes and bytes.
        host: The server's name.
        service: As in Link.
    """

    __slots__ = ("_draws", "_half_ns", "_host", "_loop", "_sent_ns", "_trip", "_witness")

    def __init__(
        self, loop: SimLoop, draws: Draws, witness: Witness, *, host: str, service: str
    ) -> None:
        self._loop = loop
        self._draws = draws
        self._witness = witness
        self._host = host
        self._trip = f"{service}.trip"
        self._sent_ns = -1
        self._half_ns = 0

    def sent(self, size_bytes: int) -> int:
        """Take note of what was written at one instant; return its way there in ns."""
        self._witness.count("tcp_bytes", size_bytes, self._host)
        # What leaves at one instant shares the way: one draw, one write.
        if self._sent_ns != self._loop.now_ns:
            self._sent_ns = self._loop.now_ns
            self._witness.count("tcp_writes", 1, self._host)
            self._half_ns = self._draws.ns(self._trip) // 2
        return self._half_ns

    def received(self, size_bytes: int) -> None:
        """Take note that this much has arrived at the client."""
        self._witness.count("tcp_bytes", size_bytes, self._host)

    def lost(self) -> None:
        """Do nothing: what is measured is measured."""
