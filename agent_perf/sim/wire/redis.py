"""
A Redis on the network in memory: redis-py's own connections, and a server that speaks RESP.

Data, worker and latencies are those of `SimRedis`. What is added is the way: bytes in
segments, bandwidth, back-pressure, connections that either side can close.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

import redis.asyncio

from agent_perf.sim.draws import Draws
from agent_perf.sim.loop import SimLoop
from agent_perf.sim.request import Witness
from agent_perf.sim.services.redis import COMMAND_NS, SimRedis
from agent_perf.sim.services.running_loop import sim_loop
from agent_perf.sim.wire.line import Link
from agent_perf.sim.wire.network import Network
from agent_perf.sim.wire.redis_protocol import RespProtocol

PORT: Final = 6379


class WireRedis(SimRedis):
    """
    One Redis server on a network, and clients for it.

    A client of one's own finds it, too: ``redis.asyncio.Redis(host="redis.sim")``.

    Args:
        network: Where it listens, on port 6379.
        draws: As in SimRedis.
        witness: Likewise.
        host: Its name.
        link: The way to it; its service must be ``redis``.
        command_ns: As in SimRedis.
    """

    def __init__(
        self,
        network: Network,
        draws: Draws,
        witness: Witness,
        *,
        host: str = "redis.sim",
        link: Link | None = None,
        command_ns: int = COMMAND_NS,
    ) -> None:
        super().__init__(draws, witness, command_ns=command_ns)
        self.host = host
        self.connection_class = redis.asyncio.Connection
        self._sessions = 0
        network.set_link(host, link or Link(service="redis"))
        listener = network.listen(host, PORT, self._protocol)
        listener.faults = lambda: self.faults

    @property
    def url(self) -> str:
        """Where clients of other kinds find it."""
        return f"redis://{self.host}:{PORT}/0"

    def client(
        self, *, max_connections: int = 50, timeout: float | None = 20.0, **kwargs: Any
    ) -> redis.asyncio.Redis:
        """Return redis-py's client, on a blocking pool: as `SimRedis.client`."""
        return super().client(
            max_connections=max_connections,
            timeout=timeout,
            **{"host": self.host, "port": PORT, **kwargs},
        )

    def _protocol(self) -> asyncio.BaseProtocol:
        loop: SimLoop = sim_loop("WireRedis")
        self._sessions += 1
        return RespProtocol(self, loop, self._sessions)
