"""
The loop that a simulated host runs on.
"""

from __future__ import annotations

import asyncio
from typing import cast

from agent_perf.errors import SimulationError
from agent_perf.sim.loop import SimLoop
from agent_perf.sim.real_time import RealTimeLoop


def sim_loop() -> SimLoop:
    """
    Return the running loop.

    Raises:
        SimulationError: If its time is not virtual, and hosts cannot live on it.
    """
    loop = asyncio.get_running_loop()
    if not isinstance(loop, SimLoop):
        if isinstance(loop, RealTimeLoop):
            # It has all of a SimLoop that a host uses.
            return cast("SimLoop", loop)
        raise SimulationError(
            "a simulated host was called from a real event loop, but answers in virtual time "
            "only; run the call inside of simulate(...)"
        )
    return loop
