"""Real services and servers: asked, put under load, broken on purpose, and judged."""

from agent_perf.live.asking import Answer, Asker
from agent_perf.live.hosts import is_loopback, require_allowed
from agent_perf.live.request import ReadyRequest, ready

__all__ = ["Answer", "Asker", "ReadyRequest", "is_loopback", "ready", "require_allowed"]
