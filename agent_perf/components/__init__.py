"""
Parts of an agent backend, each for use by itself: caches, database, events, request path.

Each name is imported with its file when it is first used, so that the cache comes
without SQLAlchemy and the database without cachebox.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from agent_perf.components.agent import *
    from agent_perf.components.backend import *
    from agent_perf.components.cache import *
    from agent_perf.components.database import *
    from agent_perf.components.errors import *
    from agent_perf.components.evaluation import *
    from agent_perf.components.events import *
    from agent_perf.components.health import *
    from agent_perf.components.link import *
    from agent_perf.components.metrics import *
    from agent_perf.components.resilience import *
    from agent_perf.components.store import *

_ROOMS: Final = (
    "errors",
    "agent",
    "backend",
    "cache",
    "database",
    "evaluation",
    "events",
    "health",
    "link",
    "metrics",
    "resilience",
    "store",
)


def _homes() -> dict[str, str]:
    rooms = {room: import_module(f"agent_perf.components.{room}") for room in _ROOMS}
    return {name: room for room, module in rooms.items() for name in module.__all__}


_HOME: Final = _homes()
__all__ = sorted(_HOME)  # noqa: PLE0605 (the rooms' own lists, joined)


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module 'agent_perf.components' has no attribute {name!r}")
    value: object = getattr(import_module(f"agent_perf.components.{_HOME[name]}"), name)
    # The next look-up does not come here again.
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return list(__all__)
