"""Real services and servers: asked, put under load, broken on purpose, and judged."""

from agent_perf.live.address import address_parts
from agent_perf.live.asking import Answer, Asker
from agent_perf.live.hosts import is_loopback, require_allowed
from agent_perf.live.request import ReadyRequest, ready, request_of

__all__ = [
    "Answer",
    "Asker",
    "ReadyRequest",
    "address_parts",
    "is_loopback",
    "ready",
    "request_of",
    "require_allowed",
]
