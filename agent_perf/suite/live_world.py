"""
The world of tier ``live``: real services in real time, and the scenario's hosts on loopback.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, cast

from agent_perf.records import Tier
from agent_perf.sim import CpuCharging, Draws, SimLoop, Witness
from agent_perf.sim.faults import Fault
from agent_perf.suite.world import World

if TYPE_CHECKING:
    import httpx

    from agent_perf.live.chaos import DeclaredFaults, Proxy
    from agent_perf.live.world import LiveApp, LiveDatabase, LiveEgress, LiveRedis
    from agent_perf.sim import SimDatabase, SimHttp, SimLlm, SimRedis


class LiveWorld(World):
    """
    One world of real services; each is connected to at its first use.

    Args:
        loop: A loop of real time.
        draws: All randomness.
        witness: Who is told what happened.
        charging: Of no meaning here: work takes the time that it takes.
        faults: What goes wrong, and when; of those that proxies can do.

    Raises:
        UsageError: If no proxy can do one of them.
    """

    def __init__(
        self,
        loop: SimLoop,
        draws: Draws,
        witness: Witness,
        *,
        charging: CpuCharging | None = None,
        faults: Sequence[Fault] = (),
    ) -> None:
        super().__init__(loop, draws, witness, tier=Tier.LIVE, charging=None)
        self._proxies: dict[str, Proxy] = {}
        self._faults: DeclaredFaults | None = None
        if faults:
            from agent_perf.live.chaos import DeclaredFaults
            from agent_perf.suite.live_incidents import LiveIncidentDesk

            self._faults = declared = DeclaredFaults(faults, witness)
            self.incidents = LiveIncidentDesk(
                declared, self._proxies, loop=loop, draws=draws, witness=witness
            )
        self._live_egress: LiveEgress | None = None
        self._services = ExitStack()
        # Each keeps its application, so that no other one gets its number.
        self._apps: dict[int, LiveApp] = {}

    @asynccontextmanager
    async def breakable(self) -> AsyncIterator[None]:
        """Let proxies stand before the services that the faults name, while the body runs."""
        if self._faults is None:
            yield
            return
        from agent_perf.live.chaos import Address, Proxy

        async with AsyncExitStack() as stack:
            for name in self._faults.services:
                service: Any = self.redis if name == "redis" else self.database
                host, port = service.address()
                # The loop's own way would lead to the proxy again.
                connect = partial(
                    asyncio.SelectorEventLoop.create_connection, self._loop, host=host, port=port
                )
                upstream = Address(host=host, port=port)
                proxy = await stack.enter_async_context(Proxy(name, upstream, connect=connect))
                service.lead_through(proxy.address.host, proxy.address.port)
                self._proxies[name] = proxy
            stack.push_async_callback(self._faults.end)
            yield

    def catch_egress(self) -> None:
        """Let clients that the system makes itself reach this world's services."""
        if self._live_egress is None:
            from agent_perf.live.world import LiveEgress

            self._live_egress = LiveEgress(
                self,
                redis=lambda: cast("LiveRedis", self.redis),
                database=lambda: cast("LiveDatabase", self.database),
            )
            self._live_egress.open()
            if "llm" in vars(self):
                self.llm.watch_tools()

    def transport_to(self, app: object) -> httpx.AsyncBaseTransport:
        """Return the transport of one user of *app*, an application, which is served for it."""
        from agent_perf.live.world import LiveApp

        served = self._apps.get(id(app))
        if served is None:
            served = self._apps[id(app)] = LiveApp(app)
        return served.transport()

    def close(self) -> None:
        """Give services back as they were found."""
        with self._services, ExitStack() as stack:
            for served in self._apps.values():
                stack.callback(served.close)
            for name in ("http", "redis", "database"):
                if name in vars(self):
                    stack.callback(getattr(self, name).close)
            if self._live_egress is not None:
                stack.callback(self._live_egress.close)

    @cached_property
    def redis(self) -> SimRedis:
        """A real Redis; ``.client()`` gives redis-py clients of it."""
        from agent_perf.live.world import LiveRedis

        url = self._address("redis")
        # Typed as what it stands in for: a scenario does not know on which tier it runs.
        return cast("SimRedis", LiveRedis(url, self._loop, self.witness))

    @cached_property
    def database(self) -> SimDatabase:
        """A database of the run's own on a real PostgreSQL; ``.engine()`` gives engines on it."""
        from agent_perf.live.world import LiveDatabase

        url = self._address("database")
        return cast("SimDatabase", LiveDatabase(url, self._loop, self.witness))

    def _address(self, name: str) -> str:
        """Return the URL of service *name*: as the environment says, or of one started for it."""
        from agent_perf.live.services import Service, chosen_services, live_services

        service = Service(name)
        chosen = chosen_services({}, {}, os.environ)
        found = self._services.enter_context(live_services(chosen, [service]))
        return found[service].url

    @cached_property
    def http(self) -> SimHttp:
        """The scenario's hosts behind a real server; ``.client()`` gives httpx clients on it."""
        from agent_perf.live.world import LiveHttp

        return LiveHttp(self.draws, self.witness)

    @cached_property
    def llm(self) -> SimLlm:
        """A model endpoint behind a real server; as of any other world."""
        from agent_perf.sim import SimLlm

        llm = SimLlm(self.http, self.draws, self.witness)
        if self._live_egress is not None:
            llm.watch_tools()
        return llm
