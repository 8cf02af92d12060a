"""
The world that a scenario runs in: a clock, dice, and the services around the system.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar, cast
from urllib.parse import urlsplit

from agent_perf.amounts import seconds_of
from agent_perf.errors import UsageError
from agent_perf.records import Tier
from agent_perf.sim import CpuCharging, Draws, SimLoop, Witness
from agent_perf.sim.faults import Fault
from agent_perf.suite.incidents import IncidentDesk
from agent_perf.units import NS

if TYPE_CHECKING:
    from agent_perf.sim import SimDatabase, SimHttp, SimLlm, SimPusher, SimRedis
    from agent_perf.sim.egress import Egress
    from agent_perf.sim.wire import Network

S = TypeVar("S")
H = TypeVar("H", bound="SimHttp")
A = TypeVar("A", "SimLlm", "SimPusher")


class World:
    """
    One simulated world; each service exists from its first use.

    Args:
        loop: The virtual-time loop it lives on.
        draws: All randomness.
        witness: Who is told what happened.
        tier: How much of the real code runs around the system.
        charging: How CPU time is charged for; None: it is not.
        faults: What goes wrong, and when.

    Attributes:
        tier: As given.
        incidents: What goes wrong, and who takes it down.
    """

    def __init__(
        self,
        loop: SimLoop,
        draws: Draws,
        witness: Witness,
        *,
        tier: Tier = Tier.CLIENT,
        charging: CpuCharging | None = None,
        faults: Sequence[Fault] = (),
    ) -> None:
        self._loop = loop
        self._charging = charging
        self._egress: Egress | None = None
        self.tier = tier
        self.draws = draws
        self.witness = witness
        self.incidents = IncidentDesk(faults, loop=loop, draws=draws, witness=witness)
        if tier is Tier.WIRE:
            # At once: clients that the system makes itself find them by name.
            _ = self.redis, self.http

    @asynccontextmanager
    async def breakable(self) -> AsyncIterator[None]:
        """Let services be such that faults can strike them; simulated ones are by themselves."""
        yield

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
        await self._loop.pause(self.draws.ns(operation))
        self.witness.span(operation, start_ns, self._loop.now_ns, detail)

    def tool(self, name: str, latency: str | float | None = None) -> Awaitable[None]:
        """
        Call tool *name*, if awaited: one unit of work, and a latency.

        With a *latency*, ``"31ms"`` or in seconds, a call takes just that, and without one a draw
        of ``tool.call``. Not awaited, it declares the latency of a tool of the system's own: from
        the model's call until its result is sent to the model, that much time passes at least.

        Raises:
            ConfigError: If *latency* is no time.
        """
        if latency is None:
            return self._call_tool(name, None)
        latency_ns = round(seconds_of(latency, f"world.tool({name!r}): latency") * NS)
        from agent_perf.sim.services.llm.tools import DeclaredTool

        tools = self.llm.tools
        tools.declare(name, latency_ns)
        self.llm.watch_tools()

        def call() -> Awaitable[None]:
            tools.take_back(name)
            return self._call_tool(name, latency_ns)

        return DeclaredTool(call)

    async def _call_tool(self, name: str, latency_ns: int | None) -> None:
        self.witness.count("tool_calls", 1, name)
        start_ns = self._loop.now_ns
        await self._loop.pause(self.draws.ns("tool.call") if latency_ns is None else latency_ns)
        self.witness.span("tool.call", start_ns, self._loop.now_ns, name)

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

    def worker(
        self, name: str, main: Callable[[], Awaitable[object]], *, restart_after_s: float = 1.0
    ) -> None:
        """
        Run *main*, an async function, beside the requests, as a process of its own.

        It is called again after a ``crash(name, ...)``, and *restart_after_s* after it
        raised. Let it open its clients itself: with a crash, its connections break.

        Raises:
            UsageError: If there is a worker of that name, or *main* is no async function.
        """
        self.incidents.start_worker(name, main, restart_after_s=restart_after_s)

    def state(self, name: str, state: str) -> None:
        """
        Take down that *name*, as ``breaker.llm``, is now *state*, as ``open``.

        Example::

            CircuitBreaker(on_change=partial(world.state, "breaker.llm"))
        """
        self.incidents.note_state(name, state)

    def check_tools(self) -> None:
        """
        Check, at the end, that each tool with a latency was one of the system's.

        Raises:
            BrokenError: If one was probably misspelt.
        """
        if "llm" in vars(self):
            self.llm.tools.check()

    def check_faults(self) -> None:
        """
        Check that the faults concern something that is there, now that all is built.

        Raises:
            ConfigError: If not.
        """
        self.incidents.check_names(self.http.hosts() if "http" in vars(self) else ())

    def catch_egress(self) -> None:
        """
        Let clients that the system makes itself reach this world's services, until it is closed.

        Raises:
            UsageError: At tier ``stub``, where there are no clients.
        """
        if self.tier is Tier.STUB:
            raise UsageError(
                "tier 'stub' puts stubs in the place of clients, and an application makes its "
                "clients itself; run this scenario on tier 'client' or 'wire'"
            )
        if self._egress is None:
            from agent_perf.sim.egress import Egress

            self._egress = Egress(self, tier_is_wire=self.tier is Tier.WIRE)
            self._egress.open()
            if "llm" in vars(self):
                self.llm.watch_tools()

    def close(self) -> None:
        """Give back what services hold of the real machine: the database's scratch files."""
        if self._egress is not None:
            self._egress.close()
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
            return self._at_risk("redis", cast("SimRedis", StubRedis(self.draws, self.witness)))
        if self.tier is Tier.WIRE:
            from agent_perf.sim.wire.redis import WireRedis

            return self._at_risk("redis", WireRedis(self.network, self.draws, self.witness))
        from agent_perf.sim import SimRedis

        return self._at_risk("redis", SimRedis(self.draws, self.witness))

    @cached_property
    def database(self) -> SimDatabase:
        """A SQL database; ``.engine()`` gives real SQLAlchemy async engines on it."""
        if self.tier is Tier.STUB:
            from agent_perf.sim.stubs.database import StubDatabase

            return self._at_risk("database", StubDatabase(self.draws, self.witness))
        from agent_perf.sim import SimDatabase

        return self._at_risk("database", SimDatabase(self.draws, self.witness))

    @cached_property
    def http(self) -> SimHttp:
        """The network; ``.client()`` gives real httpx clients on it."""
        if self.tier is Tier.STUB:
            from agent_perf.sim.stubs.http import StubHttp

            return self._network(StubHttp(self.draws, self.witness))
        if self.tier is Tier.WIRE:
            from agent_perf.sim.wire.http import WireHttp

            return self._network(WireHttp(self.network, self.draws, self.witness))
        from agent_perf.sim import SimHttp

        return self._network(SimHttp(self.draws, self.witness))

    @cached_property
    def llm(self) -> SimLlm:
        """A model endpoint; ``.openai()`` and ``.anthropic()`` give the SDKs' own clients of it."""
        if self.tier is Tier.STUB:
            from agent_perf.sim.stubs.llm import StubLlm

            return self._host("llm", StubLlm(self.http, self.draws, self.witness))
        from agent_perf.sim import SimLlm

        llm = self._host("llm", SimLlm(self.http, self.draws, self.witness))
        if self._charging is not None:
            llm.token_work = self._charging.token_work
        if self._egress is not None:
            llm.watch_tools()
        return llm

    @cached_property
    def pusher(self) -> SimPusher:
        """A Pusher HTTP API, application ``1``, key ``key``, secret ``secret``."""
        from agent_perf.sim import SimPusher

        pusher = SimPusher(
            self.http, self.draws, self.witness, app_id="1", key="key", secret="secret"
        )
        return self._host("pusher", pusher)

    def _at_risk(self, name: str, service: S) -> S:
        return self.incidents.at_risk(name, service, self.tier)

    def _network(self, http: H) -> H:
        http.faults = self.incidents.schedule
        return http

    def _host(self, name: str, service: A) -> A:
        """Let faults call the host of *service* by *name*."""
        if self.incidents.schedule is not None:
            host = urlsplit(service.base_url).hostname
            assert host is not None
            self.incidents.schedule.call_host(host, name)
        return service
