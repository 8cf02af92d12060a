"""
The world that a scenario runs in: a clock, dice, and the services around the system.
"""

from __future__ import annotations

import asyncio
from functools import cached_property
from typing import TYPE_CHECKING, cast

from agent_perf.errors import UsageError
from agent_perf.records import Tier
from agent_perf.sim import CpuCharging, Draws, SimLoop, Witness
from agent_perf.units import NS

if TYPE_CHECKING:
    from agent_perf.sim import SimDatabase, SimHttp, SimLlm, SimPusher, SimRedis
    from agent_perf.sim.wire import Network


class World:
    """
    One simulated world; each service exists from its first use.

    Args:
        loop: The virtual-time loop it lives on.
        draws: All randomness.
        witness: Who is told what happened.
        tier: How much of the real code runs around the system.
        charging: How CPU time is charged for; None: it is not.

    Attributes:
        tier: As given.
    """

    def __init__(
        self,
        loop: SimLoop,
        draws: Draws,
        witness: Witness,
        *,
        tier: Tier = Tier.CLIENT,
        charging: CpuCharging | None = None,
    ) -> None:
        self._loop = loop
        self._charging = charging
        self.tier = tier
        self.draws = draws
        self.witness = witness

    def now_s(self) -> float:
        """Return the virtual time in seconds since the world began."""
        return self._loop.time()

    async def sleep(self, operation: str, detail: str = "") -> None:
        """
        Wait for a drawn latency of *operation*, as a stand-in for work done elsewhere.

        Raises:
            ConfigError: If there is no latency table of that name.
        """
        start_ns = self._loop.now_ns
        await asyncio.sleep(self.draws.ns(operation) / NS)
        self.witness.span(operation, start_ns, self._loop.now_ns, detail)

    async def tool(self, name: str) -> None:
        """Call tool *name*: one unit of work, and a drawn latency of ``tool.call``."""
        self.witness.count("tool_calls", 1, name)
        await self.sleep("tool.call", name)

    def charge(self, cpu_s: float) -> None:
        """
        Spend *cpu_s* >= 0 seconds of CPU time, for work whose price is known.

        Calls are counted, but not what C does in them: a large document, an image. Where
        CPU time is not charged for, this does nothing.
        """
        if not 0 <= cpu_s < float("inf"):
            raise UsageError(f"charge({cpu_s}): want seconds of CPU time, finite and >= 0")
        if self._charging is not None:
            self._charging.spend(round(cpu_s * NS))

    def charge_bytes(self, size_bytes: int, operation: str = "json") -> None:
        """
        Spend what *operation* costs in CPU time for *size_bytes*; see CpuCosts.ns_per_kib.

        Raises:
            UsageError: If the operation has no such price.
        """
        if size_bytes < 0:
            raise UsageError(f"charge_bytes({size_bytes}): want a size in bytes, >= 0")
        if self._charging is not None:
            self._charging.spend_on_bytes(operation, size_bytes)

    def close(self) -> None:
        """Give back what services hold of the real machine: the database's scratch files."""
        if "database" in vars(self):
            self.database.close()
        if "network" in vars(self):
            self.network.close()

    @cached_property
    def network(self) -> Network:
        """
        The network in memory that Redis and HTTP are on, at tier ``wire``.

        Raises:
            UsageError: At another tier.
        """
        if self.tier is not Tier.WIRE:
            raise UsageError(
                f"tier {self.tier.value!r} has no network; its services are in the process: "
                f"use world.redis, world.http..., or run on tier {Tier.WIRE.value!r}"
            )
        from agent_perf.sim.wire import Network

        return Network(self._loop, self.draws, self.witness)

    @cached_property
    def redis(self) -> SimRedis:
        """A Redis server; ``.client()`` gives real redis-py clients of it."""
        if self.tier is Tier.STUB:
            from agent_perf.sim.stubs.redis import StubRedis

            # Typed as what it stands for: scenarios are written for the real client.
            return cast("SimRedis", StubRedis(self.draws, self.witness))
        if self.tier is Tier.WIRE:
            from agent_perf.sim.wire.redis import WireRedis

            return WireRedis(self.network, self.draws, self.witness)
        from agent_perf.sim import SimRedis

        return SimRedis(self.draws, self.witness)

    @cached_property
    def database(self) -> SimDatabase:
        """A SQL database; ``.engine()`` gives real SQLAlchemy async engines on it."""
        if self.tier is Tier.STUB:
            from agent_perf.sim.stubs.database import StubDatabase

            return StubDatabase(self.draws, self.witness)
        from agent_perf.sim import SimDatabase

        return SimDatabase(self.draws, self.witness)

    @cached_property
    def http(self) -> SimHttp:
        """The network; ``.client()`` gives real httpx clients on it."""
        if self.tier is Tier.STUB:
            from agent_perf.sim.stubs.http import StubHttp

            return StubHttp(self.draws, self.witness)
        if self.tier is Tier.WIRE:
            from agent_perf.sim.wire.http import WireHttp

            return WireHttp(self.network, self.draws, self.witness)
        from agent_perf.sim import SimHttp

        return SimHttp(self.draws, self.witness)

    @cached_property
    def llm(self) -> SimLlm:
        """A model endpoint that speaks OpenAI's chat completions, at ``.base_url``."""
        if self.tier is Tier.STUB:
            from agent_perf.sim.stubs.llm import StubLlm

            return StubLlm(self.http, self.draws, self.witness)
        from agent_perf.sim import SimLlm

        return SimLlm(self.http, self.draws, self.witness)

    @cached_property
    def pusher(self) -> SimPusher:
        """A Pusher HTTP API, application ``1``, key ``key``, secret ``secret``."""
        from agent_perf.sim import SimPusher

        return SimPusher(
            self.http, self.draws, self.witness, app_id="1", key="key", secret="secret"
        )
