"""
Faults as a scenario declares them for virtual time, done to real connections.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from itertools import takewhile
from typing import Final

from agent_perf.errors import UsageError
from agent_perf.live.chaos.proxy import Proxy
from agent_perf.live.chaos.toxic import Toxic, ToxicKind, Way
from agent_perf.records import FaultWindow
from agent_perf.sim import Witness
from agent_perf.sim.faults import Fault, FaultKind
from agent_perf.units import NS

SERVICES: Final = ("redis", "database")
"""Services that are real on tier live, so that a proxy can stand before them."""

_APP: Final = "app"
_MEANINGLESS: Final = {
    FaultKind.ERRORS: "a proxy does not speak the service's protocol",
    FaultKind.DROP_FIRST: "a proxy counts connections, not operations",
    FaultKind.CRASH: "a worker of a scenario is no process that could be killed",
}


class DeclaredFaults:
    """
    Does what *faults* say to the proxies of their services.

    Args:
        faults: As scenarios declare them.
        witness: Told ``faults``: connections that were open when one began.

    Attributes:
        services: Names of those that want a proxy, in the order of their faults.

    Raises:
        UsageError: If one has no meaning for real connections.
    """

    def __init__(self, faults: Sequence[Fault], witness: Witness) -> None:
        self._pairs = [(fault, toxic_of(fault)) for fault in faults]
        self.services = tuple(dict.fromkeys(service_of(fault) for fault in faults))
        self._witness = witness
        self._tasks: list[asyncio.Task[None]] = []

    def begin(self, proxies: Mapping[str, Proxy]) -> None:
        """Take note that what is measured begins now; *proxies* stand before all services."""
        loop = asyncio.get_running_loop()
        for fault, toxic in self._pairs:
            play = self._play(fault, toxic, proxies[service_of(fault)])
            self._tasks.append(loop.create_task(play))

    async def end(self) -> None:
        """Begin no fault any more; what went wrong with one that was begun is raised."""
        for task in self._tasks:
            task.cancel()
        for ended in await asyncio.gather(*self._tasks, return_exceptions=True):
            if isinstance(ended, Exception):
                raise ended

    def windows(self, end_ns: int) -> tuple[FaultWindow, ...]:
        """Return all windows that began before *end_ns* after `begin`, by their begin."""
        found = [
            FaultWindow(
                name=fault.label,
                service=f"{fault.service}-{fault.other}" if fault.other else fault.service,
                kind=fault.kind.value,
                start_ns=begin_ns,
                end_ns=end_ns if length_ns is None else min(end_ns, begin_ns + length_ns),
            )
            for fault, _ in self._pairs
            # The windows of a fault that comes again have no end.
            for begin_ns, length_ns in takewhile(lambda one: one[0] < end_ns, _windows(fault))
        ]
        return tuple(sorted(found, key=lambda window: window.start_ns))

    async def _play(self, fault: Fault, toxic: Toxic, proxy: Proxy) -> None:
        loop = asyncio.get_running_loop()
        start_s = loop.time()
        for begin_ns, length_ns in _windows(fault):
            await asyncio.sleep(start_s + begin_ns / NS - loop.time())
            if proxy.open_count:
                self._witness.count("faults", proxy.open_count, fault.label)
            proxy.add(toxic)
            if length_ns is None:
                return
            await asyncio.sleep(start_s + (begin_ns + length_ns) / NS - loop.time())
            await proxy.remove(toxic)


def service_of(fault: Fault) -> str:
    """Return the service whose connections *fault* strikes; of a partition, the far side."""
    if fault.kind is FaultKind.PARTITION and fault.service == _APP:
        return fault.other
    return fault.service


def toxic_of(fault: Fault) -> Toxic:
    """
    Return what a proxy does for *fault*.

    Raises:
        UsageError: If there is no such thing, with the reason.
    """
    reason = _reason(fault)
    if reason:
        raise UsageError(
            f"fault {fault.label!r} cannot be done on tier 'live': {reason}; run it on tier "
            "'client', or break services with `agent-perf chaos`"
        )
    match fault.kind:
        case FaultKind.OUTAGE:
            return Toxic(name=fault.label, kind=ToxicKind.REFUSE)
        case FaultKind.SLOW:
            return Toxic(name=fault.label, kind=ToxicKind.LATENCY, latency_s=fault.added_s)
        case FaultKind.RESET:
            return Toxic(name=fault.label, kind=ToxicKind.RESET)
        case FaultKind.HANG:
            return Toxic(name=fault.label, kind=ToxicKind.PARTITION, way=Way.DOWN)
        case _:
            return Toxic(name=fault.label, kind=ToxicKind.PARTITION, way=Way.BOTH)


def _reason(fault: Fault) -> str:
    """Return why *fault* cannot be done to real connections; empty if it can."""
    if fault.kind in _MEANINGLESS:
        return _MEANINGLESS[fault.kind]
    service = service_of(fault)
    if service not in SERVICES:
        return f"{service} is played by the scenario; real are {' and '.join(SERVICES)}"
    if fault.kind is FaultKind.PARTITION and _APP not in (fault.service, fault.other):
        return f"what {fault.service} and {fault.other} say each other does not pass us"
    if fault.operation or fault.detail != "*":
        return "a proxy does not know operations"
    if fault.probability < 1:
        return "its chances are of operations, and a proxy knows connections"
    if fault.factor != 1:
        return "how long the service would take is not known; want added_s"
    return ""


def _windows(fault: Fault) -> Iterator[tuple[int, int | None]]:
    """Yield begin and length of each window of *fault*, without an end if it comes again."""
    begin_ns, length_ns, period_ns = fault.begin_ns, fault.length_ns, fault.period_ns
    yield begin_ns, length_ns
    while period_ns is not None:
        begin_ns += period_ns
        yield begin_ns, length_ns
