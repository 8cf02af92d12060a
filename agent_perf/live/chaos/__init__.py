"""Faults on live services: proxies that break connections, workers that are killed."""

from agent_perf.live.chaos.address import Address, parse_address
from agent_perf.live.chaos.declared import DeclaredFaults
from agent_perf.live.chaos.early_end import EarlyEnd
from agent_perf.live.chaos.experiment import run_experiment
from agent_perf.live.chaos.plan import Plan, plan_of, timeline_lines
from agent_perf.live.chaos.proxy import Proxy
from agent_perf.live.chaos.toxic import Toxic, ToxicKind, Way

__all__ = [
    "Address",
    "DeclaredFaults",
    "EarlyEnd",
    "Plan",
    "Proxy",
    "Toxic",
    "ToxicKind",
    "Way",
    "parse_address",
    "plan_of",
    "run_experiment",
    "timeline_lines",
]
