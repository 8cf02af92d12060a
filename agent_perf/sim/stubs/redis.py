"""
A Redis in virtual time for hours of load: the client's surface, none of its machinery.
"""

from __future__ import annotations

from typing import Any

import redis.asyncio

from agent_perf.errors import ConfigError
from agent_perf.sim.draws import Draws
from agent_perf.sim.faults import FaultPoint
from agent_perf.sim.request import Witness
from agent_perf.sim.services.redis import COMMAND_NS
from agent_perf.sim.stations import Station
from agent_perf.sim.stubs.redis_client import StubRedisClient
from agent_perf.sim.stubs.redis_pool import StubPool
from agent_perf.sim.stubs.redis_values import Keyspace


class StubRedis:
    """
    One Redis server, and stubbed clients for it.

    Draws, counts and spans are those of SimRedis, and for the same calls as many; a new
    connection makes the trips that redis-py's handshake makes.

    Args:
        draws: Latencies ``redis.connect`` and ``redis.trip``.
        witness: Told of connects, trips, commands, hits, misses and bytes.
        command_ns: Time the server's one worker spends on a command, in ns, >= 0.

    Attributes:
        keys: The data.
        faults: What goes wrong when; None: nothing.
        connections: How many have been opened so far.
    """

    def __init__(self, draws: Draws, witness: Witness, *, command_ns: int = COMMAND_NS) -> None:
        if command_ns < 0:
            raise ConfigError(f"command_ns={command_ns}; want an integer >= 0")
        self.draws = draws
        self.witness = witness
        self.keys = Keyspace()
        self.faults: FaultPoint | None = None
        self.connections = 0
        self._worker = Station(1)
        self._command_ns = command_ns

    def client(
        self, *, max_connections: int = 50, timeout: float | None = 20.0, **kwargs: Any
    ) -> redis.asyncio.Redis:
        """Return a client with the arguments of ``SimRedis.client``."""
        return StubRedisClient(StubPool(self, max_connections, timeout, kwargs))

    def serve(self, arrival_ns: int, commands: int) -> int:
        """Return when the worker is done with *commands* that arrive at *arrival_ns*."""
        return self._worker.serve(arrival_ns, commands * self._command_ns)
