"""
Who else looks on while a scenario is measured: what charges for CPU time, and a probe.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from agent_perf.measure import Recorder
from agent_perf.sim import (
    CallMeter,
    CpuCharging,
    CpuCosts,
    CpuMode,
    SimLoop,
    Trace,
    costs_for,
    default_costs,
    running_request,
)
from agent_perf.sim.cpu import REQUESTS
from agent_perf.suite.declaration import Scenario


def charging_of(
    scenario: Scenario, cpu: CpuMode | None = None, costs: CpuCosts | None = None
) -> CpuCharging:
    """
    Return how CPU time is charged for in *scenario*: as it says, or as *cpu* if given.

    Args:
        scenario: Which.
        cpu: What is charged for; None: as it says.
        costs: How much; None: as its project's file says.

    Raises:
        ConfigError: If the project's file of costs is not valid.
    """
    mode = scenario.cpu if cpu is None else cpu
    # Without charging, a damaged file of costs is nobody's concern.
    if costs is None:
        costs = default_costs() if mode is CpuMode.NONE else costs_for(scenario.source)
    return CpuCharging(mode=mode, costs=costs)


class Probe(Protocol):
    """Sees everything that happens in a run, in order."""

    def step(self, now_ns: int, handle: asyncio.Handle) -> None:
        """A step begins at *now_ns* of virtual time."""

    def event(self, now_ns: int, *event: object) -> None:
        """The step under way did something that is taken down."""


class Watch:
    """
    Who looks on while one scenario is measured.

    Args:
        charging: Charges for CPU time.
        probe: Is told of everything; None: nobody is.
    """

    def __init__(self, charging: CpuCharging, probe: Probe | None = None) -> None:
        self.charging = charging
        self._probe = probe

    @property
    def trace(self) -> Trace | None:
        """For simulate()."""
        return None if self._probe is None else self._probe.step

    @property
    def meter(self) -> CallMeter | None:
        """For simulate()."""
        return self.charging.meter

    def recorder(self, loop: SimLoop) -> Recorder:
        """Return the recorder of a run on *loop*, which is charged for CPU time from now on."""
        if self._probe is None and self.charging.mode is CpuMode.NONE:
            return Recorder(lambda: loop.now_ns, lambda: running_request().request_id)
        self.charging.begin(loop.charge, lambda: loop.now_ns)
        return WatchedRecorder(
            lambda: loop.now_ns,
            lambda: running_request().request_id,
            charging=self.charging,
            probe=self._probe,
        )

    def close(self) -> None:
        """Give the interpreter's profiler back, if calls were counted."""
        if self.charging.meter is not None:
            self.charging.meter.close()


class WatchedRecorder(Recorder):
    """
    A recorder that charges for operations, and tells a probe.

    Args:
        now_ns: As in Recorder.
        request_id: As in Recorder.
        charging: Charges for what is counted.
        probe: Is told of everything; None: nobody is.
    """

    def __init__(
        self,
        now_ns: Callable[[], int],
        request_id: Callable[[], int],
        *,
        charging: CpuCharging,
        probe: Probe | None,
    ) -> None:
        super().__init__(now_ns, request_id)
        self._charging = charging
        self._probe = probe
        self._clock = now_ns

    def restart(self) -> None:
        """Forget the warm-up, and charge for calls from here on."""
        super().restart()
        # The first restart is the constructor's.
        if hasattr(self, "_charging"):
            self._charging.warmed_up()

    def begin(self, request_id: int, intended_ns: int) -> None:
        """Open a request, and charge for it, if costs tell what its own code takes."""
        super().begin(request_id, intended_ns)
        self._charging.work(REQUESTS, 1)
        self._tell("begin", request_id, intended_ns)

    def end(self, request_id: int, path: str, error: str | None) -> None:
        """As in Recorder."""
        super().end(request_id, path, error)
        self._tell("end", request_id, path, error)

    def count(self, name: str, amount: int = 1, detail: str = "") -> None:
        """Charge for *amount* units of work *name*, then take note of them."""
        self._charging.work(name, amount)
        super().count(name, amount, detail)
        self._tell(name, amount, detail)

    def span(self, name: str, start_ns: int, end_ns: int, detail: str = "") -> None:
        """As in Recorder."""
        super().span(name, start_ns, end_ns, detail)
        self._tell(name, start_ns, end_ns, detail)

    def _tell(self, *event: object) -> None:
        if self._probe is not None:
            self._probe.event(self._clock(), *event)
