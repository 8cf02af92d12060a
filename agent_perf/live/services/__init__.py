"""Redis and PostgreSQL for a run: found where somebody says, or started for it."""

from agent_perf.live.services.address import (
    EMBEDDED,
    OPTIONS,
    VARIABLES,
    Service,
    ServiceAddress,
    chosen_services,
    shown_url,
)
from agent_perf.live.services.app_server import AppServer
from agent_perf.live.services.guarded import Guarded, ServerOrder
from agent_perf.live.services.ports import LOOPBACK, ReservedPort
from agent_perf.live.services.programs import Program
from agent_perf.live.services.running import embeddable, live_services
from agent_perf.live.services.scratch import scratch_folder, sweep

__all__ = [
    "EMBEDDED",
    "LOOPBACK",
    "OPTIONS",
    "VARIABLES",
    "AppServer",
    "Guarded",
    "Program",
    "ReservedPort",
    "ServerOrder",
    "Service",
    "ServiceAddress",
    "chosen_services",
    "embeddable",
    "live_services",
    "scratch_folder",
    "shown_url",
    "sweep",
]
