"""
How the users of an application reach it: within the process, or over sockets.
"""

from __future__ import annotations

import httpx

from agent_perf.suite.application import AsgiApp
from agent_perf.suite.live_world import LiveWorld
from agent_perf.suite.world import World


def user_transport(world: World, app: AsgiApp) -> httpx.AsyncBaseTransport:
    """Return the transport of one user of *app*, which has been started in *world*."""
    if isinstance(world, LiveWorld):
        return world.transport_to(app)
    return httpx.ASGITransport(app)
