"""
The loop that a simulated host runs on.
"""

from __future__ import annotations

import asyncio

from agent_perf.errors import SimulationError
from agent_perf.sim.loop import SimLoop


def sim_loop() -> SimLoop:
    """
    Return the running loop.

    Raises:
        SimulationError: If its time is not virtual.
    """
    loop = asyncio.get_running_loop()
    if not isinstance(loop, SimLoop):
        raise SimulationError(
            "a simulated host was called from a real event loop, but answers in virtual time "
            "only; run the call inside of simulate(...)"
        )
    return loop
