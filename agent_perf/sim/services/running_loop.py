"""
The loop that a simulated service runs on.
"""

from __future__ import annotations

import asyncio
from typing import cast

from agent_perf.errors import SimulationError
from agent_perf.sim.loop import SimLoop
from agent_perf.sim.real_time import RealTimeLoop


def sim_loop(service: str) -> SimLoop:
    """
    Return the running loop.

    Args:
        service: Who asks, for the message: ``SimRedis``.

    Raises:
        SimulationError: If the loop's time is real, and services cannot live on it.
    """
    loop = asyncio.get_running_loop()
    if not isinstance(loop, SimLoop):
        if isinstance(loop, RealTimeLoop):
            # It has all of a SimLoop that a service uses.
            return cast("SimLoop", loop)
        raise SimulationError(
            f"{service} was used on a real event loop ({type(loop).__name__}), but answers in "
            "virtual time only; run the code inside of simulate(...)"
        )
    return loop
