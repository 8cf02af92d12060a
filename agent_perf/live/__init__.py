"""
Real services and servers: asked, put under load, broken on purpose, and judged.

Names are imported when they are first used: most verbs want to know what a local host is,
and nothing of httpx.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
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

_HOME = {
    "Answer": "asking",
    "Asker": "asking",
    "ReadyRequest": "request",
    "address_parts": "address",
    "is_loopback": "hosts",
    "ready": "request",
    "request_of": "request",
    "require_allowed": "hosts",
}


def __getattr__(name: str) -> object:
    if name in _HOME:
        return getattr(import_module(f"agent_perf.live.{_HOME[name]}"), name)
    raise AttributeError(f"module 'agent_perf.live' has no attribute {name!r}")
