"""
What goes wrong in a world of real services: proxies before them do it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from agent_perf.live.chaos import DeclaredFaults, Proxy
from agent_perf.sim import Draws, SimLoop, Witness
from agent_perf.suite.incidents import IncidentDesk, Incidents


class LiveIncidentDesk(IncidentDesk):
    """
    Begins faults on *proxies*, and tells when they were.

    Args:
        faults: What goes wrong, and when.
        proxies: Name of each service that is concerned to what stands before it; filled later.
        loop: As in IncidentDesk.
        draws: Likewise.
        witness: Likewise.
    """

    def __init__(
        self,
        faults: DeclaredFaults,
        proxies: Mapping[str, Proxy],
        *,
        loop: SimLoop,
        draws: Draws,
        witness: Witness,
    ) -> None:
        super().__init__((), loop=loop, draws=draws, witness=witness)
        self._faults = faults
        self._proxies = proxies

    def begin(self) -> None:
        """Take note that what is measured begins now; so do the faults."""
        super().begin()
        self._faults.begin(self._proxies)

    def told(self, duration_ns: int) -> Incidents:
        """Return what happened; as IncidentDesk."""
        return replace(super().told(duration_ns), fault_windows=self._faults.windows(duration_ns))
