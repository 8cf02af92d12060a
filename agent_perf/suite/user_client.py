"""
How the users of an application reach it: within the process, or over sockets.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent_perf.suite.application import AsgiApp
from agent_perf.suite.live_world import LiveWorld
from agent_perf.suite.world import World

if TYPE_CHECKING:
    import httpx


def user_transport(world: World, app: AsgiApp) -> httpx.AsyncBaseTransport:
    """Return the transport of one user of *app*, which has been started in *world*."""
    if isinstance(world, LiveWorld):
        return world.transport_to(app)
    import httpx

    return httpx.ASGITransport(app)
