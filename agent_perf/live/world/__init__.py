"""Real services for a scenario, in real time: its own hosts, a Redis, a PostgreSQL database."""

from agent_perf.live.world.app import LiveApp
from agent_perf.live.world.database import LiveDatabase
from agent_perf.live.world.egress import LiveEgress
from agent_perf.live.world.http import LiveHttp
from agent_perf.live.world.loop import RealLoop, run_in_real_time
from agent_perf.live.world.redis import LiveRedis

__all__ = [
    "LiveApp",
    "LiveDatabase",
    "LiveEgress",
    "LiveHttp",
    "LiveRedis",
    "RealLoop",
    "run_in_real_time",
]
