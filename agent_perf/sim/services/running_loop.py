"""
The loop that a simulated service runs on.
"""

from __future__ import annotations

import asyncio

from agent_perf.errors import SimulationError
from agent_perf.sim.loop import SimLoop


def sim_loop(service: str) -> SimLoop:
    """
    Return the running loop.

    Args:
        service: Who asks, for the message: ``SimRedis``.

    Raises:
        SimulationError: If the loop's time is real.
    """
    loop = asyncio.get_running_loop()
    if not isinstance(loop, SimLoop):
        raise SimulationError(
            f"{service} was used on a real event loop ({type(loop).__name__}), but answers in "
            "virtual time only; run the code inside of simulate(...)"
        )
    return loop
