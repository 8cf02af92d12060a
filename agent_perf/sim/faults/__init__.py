"""
Faults in virtual time: what goes wrong at the services around the system, and when.
"""

from agent_perf.sim.faults.declaration import (
    crash,
    drop_first,
    errors,
    hang,
    outage,
    partition,
    reset,
    slow,
)
from agent_perf.sim.faults.fault import Fault, FaultKind
from agent_perf.sim.faults.lifeline import Lifeline
from agent_perf.sim.faults.places import APP, Place, at_place, running_place
from agent_perf.sim.faults.point import FOR_EVER, FaultPoint, InjectedError, PeerClosed, wait
from agent_perf.sim.faults.schedule import SERVICES, FaultSchedule, check_faults
from agent_perf.sim.faults.workers import SimWorker

__all__ = [
    "APP",
    "FOR_EVER",
    "SERVICES",
    "Fault",
    "FaultKind",
    "FaultPoint",
    "FaultSchedule",
    "InjectedError",
    "Lifeline",
    "PeerClosed",
    "Place",
    "SimWorker",
    "at_place",
    "check_faults",
    "crash",
    "drop_first",
    "errors",
    "hang",
    "outage",
    "partition",
    "reset",
    "running_place",
    "slow",
    "wait",
]
