"""
What catching asks of a world.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from agent_perf.sim.services.db import SimDatabase
    from agent_perf.sim.services.http import SimHttp
    from agent_perf.sim.services.llm import SimLlm
    from agent_perf.sim.services.redis import SimRedis


class Services(Protocol):
    """The services of one world."""

    @property
    def redis(self) -> SimRedis:
        """The Redis server."""

    @property
    def database(self) -> SimDatabase:
        """The database."""

    @property
    def http(self) -> SimHttp:
        """The HTTP hosts."""

    @property
    def llm(self) -> SimLlm:
        """The model endpoint."""
