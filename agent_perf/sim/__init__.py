"""
Virtual time, and the outside world in it.

`simulate` runs code on a loop whose clock is virtual; the services stand in for Redis,
a database, HTTP, a model and Pusher behind the real client libraries. Services are
imported when first used: they bring redis, SQLAlchemy and respx.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from agent_perf.sim.cpu import (
    COSTS_FILE,
    CpuCharging,
    CpuCosts,
    CpuMode,
    costs_for,
    default_costs,
    load_costs,
)
from agent_perf.sim.cpu_calls import CallMeter
from agent_perf.sim.draws import Draws
from agent_perf.sim.latency import (
    U53,
    LatencyTable,
    constant_table,
    default_tables,
    tables_digest,
)
from agent_perf.sim.loop import SimLoop
from agent_perf.sim.own_tables import own_tables
from agent_perf.sim.real_time import RealTimeLoop
from agent_perf.sim.refusal import Refusals
from agent_perf.sim.request import (
    BACKGROUND_ID,
    RequestState,
    Witness,
    request_scope,
    resume,
    running_request,
)
from agent_perf.sim.simulation import EPOCH_S, simulate
from agent_perf.sim.stations import Station
from agent_perf.sim.steps import step_name
from agent_perf.sim.threadless import ExecutorPolicy
from agent_perf.sim.watching import Meter, Trace

if TYPE_CHECKING:
    from agent_perf.sim.services import llm
    from agent_perf.sim.services.db import SimDatabase
    from agent_perf.sim.services.http import Reply, SimHttp, SimRequest
    from agent_perf.sim.services.llm import SimLlm
    from agent_perf.sim.services.pusher import SimPusher
    from agent_perf.sim.services.redis import SimRedis

__all__ = [
    "BACKGROUND_ID",
    "COSTS_FILE",
    "EPOCH_S",
    "U53",
    "CallMeter",
    "CpuCharging",
    "CpuCosts",
    "CpuMode",
    "Draws",
    "ExecutorPolicy",
    "LatencyTable",
    "Meter",
    "RealTimeLoop",
    "Refusals",
    "Reply",
    "RequestState",
    "SimDatabase",
    "SimHttp",
    "SimLlm",
    "SimLoop",
    "SimPusher",
    "SimRedis",
    "SimRequest",
    "Station",
    "Trace",
    "Witness",
    "constant_table",
    "costs_for",
    "default_costs",
    "default_tables",
    "llm",
    "load_costs",
    "own_tables",
    "request_scope",
    "resume",
    "running_request",
    "simulate",
    "step_name",
    "tables_digest",
]

_HOME = {
    "Reply": "http",
    "SimDatabase": "db",
    "SimHttp": "http",
    "SimLlm": "llm",
    "SimPusher": "pusher",
    "SimRedis": "redis",
    "SimRequest": "http",
}


def __getattr__(name: str) -> object:
    if name == "llm":
        return import_module("agent_perf.sim.services.llm")
    if name in _HOME:
        return getattr(import_module(f"agent_perf.sim.services.{_HOME[name]}"), name)
    raise AttributeError(f"module 'agent_perf.sim' has no attribute {name!r}")
