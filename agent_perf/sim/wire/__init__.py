"""
Real wire protocols in virtual time: a network in memory, and servers on it.

asyncio's transports, over lines with latency and bandwidth, take the place of sockets.
What runs on them is the clients' and servers' own: httpx with its pool and h11 against
uvicorn's h11 protocol, redis-py against a server that speaks RESP.
"""

from __future__ import annotations

from agent_perf.sim.wire.line import BYTES_PER_S, WINDOW_BYTES, Line, Link
from agent_perf.sim.wire.network import Network
from agent_perf.sim.wire.outlet import Tap
from agent_perf.sim.wire.server import Listener, WireServer
from agent_perf.sim.wire.transport import WireTransport

__all__ = [
    "BYTES_PER_S",
    "WINDOW_BYTES",
    "Line",
    "Link",
    "Listener",
    "Network",
    "Tap",
    "WireServer",
    "WireTransport",
]
