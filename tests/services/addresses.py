"""
Where the real Redis and PostgreSQL of this machine are, or why there are none.
"""

from __future__ import annotations

import os
import socket
from functools import cache
from urllib.parse import urlsplit

REDIS = os.environ.get("AGENT_PERF_REDIS_URL", "redis://127.0.0.1:6379/0")
POSTGRES = os.environ.get("AGENT_PERF_POSTGRES_URL", "postgresql://postgres@127.0.0.1:5432/test")


@cache
def why_not(url: str) -> str:
    """Return why nobody can be reached at *url*; empty if somebody listens there."""
    parts = urlsplit(url)
    default = 6379 if parts.scheme.startswith("redis") else 5432
    address = parts.hostname or "127.0.0.1", parts.port or default
    try:
        socket.create_connection(address, timeout=1.0).close()
    except OSError as error:
        return f"no {parts.scheme} server at {address[0]}:{address[1]}: {error}"
    return ""


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody listens on now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port
