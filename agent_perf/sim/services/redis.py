"""
A Redis in virtual time, behind the real redis-py.

All that redis-py does runs: its pools, retries, time-outs, parsers and health checks.
Only the socket is replaced. A write takes one round trip, whatever its number of
commands; the server has one worker, and commands take effect in order of arrival.
"""

from __future__ import annotations

import asyncio
from typing import Any, ClassVar, Final

import redis.asyncio

from agent_perf.errors import ConfigError, UsageError
from agent_perf.sim.draws import Draws
from agent_perf.sim.faults import FaultPoint, Lifeline
from agent_perf.sim.request import Witness
from agent_perf.sim.services.redis_link import RedisLink
from agent_perf.sim.services.redis_server import RedisServer
from agent_perf.sim.services.running_loop import sim_loop
from agent_perf.sim.stations import Station

CONNECT: Final = "redis.connect"
COMMAND_NS: Final = 8_000
"""What one command costs the server: about 125 000 a second, one at a time."""


class SimRedisConnection(redis.asyncio.Connection):
    """redis-py's own connection, to a simulated server."""

    service: ClassVar[SimRedis]

    async def _connect(self) -> None:
        # TimeoutError is what redis-py makes its own error of, as from a real socket.
        async with asyncio.timeout(self.socket_connect_timeout):
            link = await self.service.connect()
        self._reader = link.reader
        # A link is all of a StreamWriter that redis-py uses.
        self._writer = link  # type: ignore[assignment]


class SimRedis:
    """
    One Redis server, and clients for it.

    Args:
        draws: Latencies ``redis.connect`` and ``redis.trip``, and what SPOP and its like pick.
        witness: Told of connects, trips, commands, hits, misses and bytes.
        command_ns: Time the server's one worker spends on a command, in ns, >= 0.

    Attributes:
        server: The data.
        faults: What may go wrong; None: nothing.
        connection_class: For a connection pool of one's own.
        leave_ns: When the server is done with all that has arrived so far.
    """

    def __init__(self, draws: Draws, witness: Witness, *, command_ns: int = COMMAND_NS) -> None:
        if command_ns < 0:
            raise ConfigError(f"command_ns={command_ns}; want an integer >= 0")
        self.draws = draws
        self.witness = witness
        self.server = RedisServer(draws.u53)
        self.faults: FaultPoint | None = None
        self.leave_ns = 0
        self.connection_class = type("SimRedisConnection", (SimRedisConnection,), {"service": self})
        self._worker = Station(1)
        self._command_ns = command_ns
        self._connections = 0

    def client(
        self, *, max_connections: int = 50, timeout: float | None = 20.0, **kwargs: Any
    ) -> redis.asyncio.Redis:
        """
        Return redis-py's client, on a blocking pool.

        Args:
            max_connections: Size of the pool, >= 1.
            timeout: How long to wait for a connection of the pool, in virtual seconds;
                None means for ever.
            kwargs: As for ``redis.asyncio.Connection``: *socket_timeout*,
                *decode_responses*, *protocol*...
        """
        pool = redis.asyncio.BlockingConnectionPool(
            connection_class=self.connection_class,
            max_connections=max_connections,
            timeout=timeout,
            **kwargs,
        )
        # Closing the client closes the pool, which redis-py leaves open if merely given one.
        return redis.asyncio.Redis.from_pool(pool)

    @property
    def url(self) -> str:
        """
        Where clients of other kinds than redis-py find it.

        Raises:
            UsageError: Always: it is in the process, and at tier ``wire`` on a network.
        """
        raise UsageError(
            "a Redis in the process has no URL: use client(), or run on tier 'wire', where "
            "clients connect"
        )

    async def connect(self) -> RedisLink:
        """Return a new connection to the server, after the time that takes."""
        loop = sim_loop("SimRedis")
        start_ns = loop.now_ns
        self.witness.count("redis_connects")
        lifeline = None if self.faults is None else Lifeline(self.faults)
        try:
            if lifeline is None:
                await loop.pause(self.draws.ns(CONNECT))
            else:
                await lifeline.open(CONNECT, self.draws.ns(CONNECT))
        finally:
            self.witness.span(CONNECT, start_ns, loop.now_ns)
        self._connections += 1
        return RedisLink(self, loop, self._connections, lifeline)

    def serve(self, arrival_ns: int, commands: int) -> int:
        """Return when the worker is done with *commands* that arrive at *arrival_ns*."""
        self.leave_ns = self._worker.serve(arrival_ns, commands * self._command_ns)
        return self.leave_ns
