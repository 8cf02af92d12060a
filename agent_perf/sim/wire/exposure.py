"""
Connections that faults can break: cut at both ends, or with nothing passing between them.
"""

from __future__ import annotations

from typing import Final

from agent_perf.sim.faults import FOR_EVER, FaultPoint, PeerClosed, running_place
from agent_perf.sim.wire.transport import WireTransport

# Longer than any simulation lasts: the loop takes what is due then for what never comes.
_NEVER_NS: Final = 1 << 81


def expose(client: WireTransport, server: WireTransport, point: FaultPoint) -> None:
    """Let the faults of *point* strike the connection of these ends, from where this is called."""
    place = running_place()

    def cut() -> None:
        if isinstance(point.lost, PeerClosed):
            # The process is gone; its kernel closes in good order.
            server.abort()
        else:
            server.reset(str(point.lost))

    def blocked_ns() -> int:
        wait_ns = point.blocked_ns(place)
        return _NEVER_NS if wait_ns == FOR_EVER else wait_ns

    server.on_lost.append(point.on_cut(cut))
    client.blocked = server.blocked = blocked_ns
