"""Ways to one Redis: what a client must do, redis-py as one, and shared connections."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent_perf.components.door import open_door

if TYPE_CHECKING:
    from agent_perf.components.link.client import Command, RedisClient, RedisPyClient
    from agent_perf.components.link.redis_link import RedisLink
    from agent_perf.components.link.tally import LinkStats

__all__ = ["Command", "LinkStats", "RedisClient", "RedisLink", "RedisPyClient"]

__getattr__, __dir__ = open_door(
    __name__,
    {
        "client": (
            "Command",
            "RedisClient",
            "RedisPyClient",
        ),
        "redis_link": ("RedisLink",),
        "tally": ("LinkStats",),
    },
)
