"""
All that goes wrong in one run: whom it concerns, when it began, and that it happened.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Final

from agent_perf.errors import ConfigError
from agent_perf.records import FaultWindow
from agent_perf.sim.draws import Draws
from agent_perf.sim.faults.clock import FaultClock
from agent_perf.sim.faults.fault import BREAKING, Fault, FaultKind
from agent_perf.sim.faults.places import APP, Place, running_place
from agent_perf.sim.faults.point import FaultPoint
from agent_perf.sim.faults.windows import windows_until
from agent_perf.sim.request import Witness

if TYPE_CHECKING:
    from agent_perf.sim.loop import SimLoop

SERVICES: Final = ("redis", "database", "llm", "pusher")
"""Names of the services that every world has; hosts and workers are named by the scenario."""

_OPERATIONS: Final = {
    "redis": ("redis.connect", "redis.trip"),
    "database": ("db.connect", "db.statement"),
    "llm": ("http.connect", "llm.first_token", "llm.token"),
    "pusher": ("http.connect", "pusher.request"),
}
_HOST_OPERATIONS: Final = ("http.connect", "http.request", "http.chunk")


class FaultSchedule:
    """
    The faults of one run.

    Args:
        faults: As declared.
        loop: Whose time it is.
        draws: As in FaultPoint.
        witness: Likewise.

    Attributes:
        places_matter: Whether code must know where it runs: some fault tells places apart.

    Raises:
        ConfigError: If two faults have one name, or a worker crashes while it is down.
    """

    def __init__(
        self, faults: Sequence[Fault], *, loop: SimLoop, draws: Draws, witness: Witness
    ) -> None:
        check_faults(faults)
        self.faults = tuple(faults)
        self._loop = loop
        self._draws = draws
        self._witness = witness
        self._points: dict[str, FaultPoint] = {}
        self._hosts: dict[str, str] = {}
        self._places: dict[str, Place] = {}
        self._crashes = [fault for fault in faults if fault.kind is FaultKind.CRASH]
        self._crash_calls: dict[str, Callable[[Fault], None]] = {}
        self.places_matter = bool(self._crashes) or any(
            fault.kind is FaultKind.PARTITION for fault in faults
        )
        self._clock = FaultClock(
            loop,
            [
                *((fault, self._cut) for fault in faults if fault.kind in BREAKING),
                *((fault, self._crash) for fault in self._crashes),
            ],
        )
        if self._crashes:
            loop.set_task_factory(_noting_task)

    def point(self, name: str) -> FaultPoint | None:
        """Return the point in front of service *name*; None if nothing can go wrong there."""
        if name in self._points:
            return self._points[name]
        faults = [fault for fault in self.faults if name in (fault.service, fault.other)]
        # A crashed worker's connections break wherever they lead.
        if not faults and not self._crashes:
            return None
        point = FaultPoint(
            name, faults, clock=self._clock, draws=self._draws, witness=self._witness
        )
        self._points[name] = point
        return point

    def host_point(self, host: str) -> FaultPoint | None:
        """Return the point in front of HTTP host *host*."""
        return self.point(self._hosts.get(host, host))

    def host_place(self, host: str) -> Place:
        """Return where the code of HTTP host *host* runs."""
        name = self._hosts.get(host, host)
        if name not in self._places:
            self._places[name] = Place(name)
        return self._places[name]

    def call_host(self, host: str, service: str) -> None:
        """Let faults know the HTTP host *host* as *service*."""
        self._hosts[host] = service

    def on_crash(self, worker: str, call: Callable[[Fault], None]) -> None:
        """Let *call* be called when *worker* crashes."""
        self._crash_calls[worker] = call

    def start(self) -> None:
        """Begin to count: what is measured begins now."""
        self._clock.start()

    def check_names(self, *, hosts: Iterable[str], workers: Iterable[str]) -> None:
        """
        Check that all faults concern something that this world has.

        Raises:
            ConfigError: If not, with what was probably meant.
        """
        services = dict.fromkeys((*SERVICES, *(self._hosts.get(host, host) for host in hosts)))
        places = dict.fromkeys((APP.name, *workers))
        for fault in self.faults:
            if fault.kind is FaultKind.CRASH:
                _known(fault, fault.service, [name for name in places if name != APP.name])
            elif fault.kind is FaultKind.PARTITION:
                both = [*places, *services]
                _known(fault, fault.service, both)
                _known(fault, fault.other, both)
            else:
                _known(fault, fault.service, list(services), self._hosts.get(fault.service, ""))

    def windows(self, end_ns: int) -> tuple[FaultWindow, ...]:
        """Return all windows that began before *end_ns* after `start`, by their begin."""
        found = [
            FaultWindow(
                name=fault.label,
                service=f"{fault.service}-{fault.other}" if fault.other else fault.service,
                kind=fault.kind.value,
                start_ns=begin_ns,
                end_ns=window_end_ns,
            )
            for fault in self.faults
            for begin_ns, window_end_ns in windows_until(fault, end_ns)
        ]
        return tuple(sorted(found, key=lambda window: window.start_ns))

    def _cut(self, fault: Fault) -> None:
        point = self._points.get(fault.service)
        if point is not None:
            point.cut(fault)

    def _crash(self, fault: Fault) -> None:
        self._crash_calls[fault.service](fault)

    def cut_from_place(self, fault: Fault, place: Place) -> None:
        """Break all connections from *place*, which crashed by *fault*."""
        for point in self._points.values():
            point.cut_from(place, fault)


def check_faults(faults: Sequence[Fault]) -> None:
    """
    Check what no world is needed to check.

    Raises:
        ConfigError: If something is no fault, two have one name, an operation is none of
            its service's, or a worker would crash while it is down.
    """
    if not isinstance(faults, tuple | list):
        raise ConfigError(f"faults={faults!r}; want a tuple, as (outage('redis', at_s=10),)")
    labels: set[str] = set()
    for fault in faults:
        if not isinstance(fault, Fault):
            raise ConfigError(f"faults hold {fault!r}; want what outage(), slow()... return")
        if fault.label in labels:
            raise ConfigError(
                f"two faults are called {fault.label!r}; give one of them another name="
            )
        labels.add(fault.label)
        _check_operation(fault)
    _check_crashes([fault for fault in faults if fault.kind is FaultKind.CRASH])


def _check_operation(fault: Fault) -> None:
    if not fault.operation:
        return
    known = _OPERATIONS.get(fault.service, _HOST_OPERATIONS)
    struck = [operation for operation in known if fault.strikes(operation)]
    if not struck:
        raise ConfigError(
            f"fault {fault.label}: operation={fault.operation!r}; {fault.service} has "
            f"{', '.join(known)}"
        )
    mute = ("redis.connect", "http.connect", "llm.token", "http.chunk")
    if fault.kind is FaultKind.ERRORS and any(operation in mute for operation in struck):
        raise ConfigError(
            f"fault {fault.label}: operation={fault.operation!r}; {', '.join(struck)} cannot be "
            "answered with an error; want an outage() or a reset()"
        )


def _check_crashes(crashes: Sequence[Fault]) -> None:
    for fault in crashes:
        for other in crashes:
            if other is fault or other.service != fault.service:
                continue
            if fault.begin_ns <= other.begin_ns < fault.begin_ns + (fault.length_ns or 0):
                raise ConfigError(
                    f"fault {other.label}: at_s={other.at_s}; {fault.service} is down then, from "
                    f"{fault.at_s} s for {fault.for_s} s"
                )


def _known(fault: Fault, name: str, names: Sequence[str], hint: str = "") -> None:
    if name in names:
        return
    close = [hint] if hint else get_close_matches(name, names, n=1)
    way_out = f"did you mean {close[0]!r}?" if close else f"there are {', '.join(names) or 'none'}"
    raise ConfigError(f"fault {fault.label}: {name!r} is not in this world; {way_out}")


def _noting_task(loop: Any, coro: Any, **kwargs: Any) -> asyncio.Task[Any]:
    # The loop makes its tasks in a way of its own, unless it has a factory.
    loop.set_task_factory(None)
    try:
        task: asyncio.Task[Any] = loop.create_task(coro, **kwargs)
    finally:
        loop.set_task_factory(_noting_task)
    place = running_place()
    if place is not APP:
        place.note(task)
    return task
