"""A backend of named parts, started, watched and stopped together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent_perf.components.door import open_door

if TYPE_CHECKING:
    from agent_perf.components.backend.backend import (
        Backend,
    )
    from agent_perf.components.backend.parts import (
        Part,
        PartState,
    )
    from agent_perf.components.backend.signals import (
        until_signal,
    )
    from agent_perf.components.backend.states import (
        BackendEvent,
        BackendHealth,
        BackendState,
        BackendStats,
    )

__all__ = [
    "Backend",
    "BackendEvent",
    "BackendHealth",
    "BackendState",
    "BackendStats",
    "Part",
    "PartState",
    "until_signal",
]

__getattr__, __dir__ = open_door(
    __name__,
    {
        "backend": ("Backend",),
        "parts": (
            "Part",
            "PartState",
        ),
        "signals": ("until_signal",),
        "states": (
            "BackendEvent",
            "BackendHealth",
            "BackendState",
            "BackendStats",
        ),
    },
)
