"""
What stands while an experiment runs: proxies and workers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from agent_perf.errors import ConfigError
from agent_perf.filenames import file_name
from agent_perf.live.chaos.foreign_worker import ForeignWorker
from agent_perf.live.chaos.plan import Plan, filled
from agent_perf.live.chaos.proxy import Proxy
from agent_perf.live.chaos.worker import Worker
from agent_perf.records import StateChange
from agent_perf.units import NS

Told = Callable[[str], None]
AnyWorker = Worker | ForeignWorker


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """
    Proxies and workers that run.

    Attributes:
        proxies: By name.
        workers: By name.
        addresses: Name of a proxy to where it listens.
        url: Of the service.
    """

    proxies: Mapping[str, Proxy]
    workers: Mapping[str, AnyWorker]
    addresses: Mapping[str, str]
    url: str

    def states(self, start_s: float, duration_ns: int) -> tuple[StateChange, ...]:
        """Return how the workers' states changed in *duration_ns* from *start_s*, in order."""
        found = [
            StateChange(at_ns=max(0, round((at_s - start_s) * NS)), name=f"worker.{name}", state=to)
            for name, worker in self.workers.items()
            for at_s, to in worker.states
        ]
        inside = [one for one in found if one.at_ns <= duration_ns]
        return tuple(sorted(inside, key=lambda one: one.at_ns))


async def build_stage(plan: Plan, stack: AsyncExitStack, logs: Path, told: Told) -> Stage:
    """
    Return the proxies and workers of *plan*, which run until *stack* is closed.

    Args:
        plan: The experiment.
        stack: Ends them.
        logs: Folder for what workers print.
        told: Is told where proxies listen, and of each worker that is ready.

    Raises:
        BrokenError: If a worker is not ready.
        ConfigError: If one cannot be.
        UsageError: If a port is taken, or a worker cannot be started.
    """
    proxies = {
        name: await stack.enter_async_context(Proxy(name, route.upstream, route.listen))
        for name, route in plan.routes.items()
    }
    addresses = {name: str(proxy.address) for name, proxy in proxies.items()}
    for name, address in addresses.items():
        told(f"proxy {name}: {address} -> {plan.routes[name].upstream}")
    workers: dict[str, AnyWorker] = {}
    for name, said in plan.workers.items():
        if bool(said.command) == bool(said.pid_file):
            raise ConfigError(
                f"chaos.{plan.name}.workers.{name}: command = {said.command!r} and pid_file = "
                f"{said.pid_file!r}; want one of them"
            )
        log = logs / f"{file_name(plan.name)}.{file_name(name)}.log"
        worker = (
            ForeignWorker(name, said, addresses)
            if said.pid_file
            else Worker(name, said, addresses, log)
        )
        workers[name] = await stack.enter_async_context(worker)
        told(f"worker {name}: ready")
    url = filled(plan.url, addresses, f"chaos.{plan.name}.url")
    return Stage(proxies=proxies, workers=workers, addresses=addresses, url=url)
