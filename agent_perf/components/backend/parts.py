"""
Parts of a backend, as they are declared: what starts and stops them, and what they need.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from agent_perf.components.health import Health
from agent_perf.errors import ConfigError

Act: TypeAlias = Callable[[], Awaitable[object] | None]
"""Starts or stops a part; async, or quick."""

Progress: TypeAlias = Callable[[int, int], None]
"""Told how much of how much is warm."""

Warm: TypeAlias = Callable[[Progress], Awaitable[object]]
"""Fills a part beforehand."""


class PartState(enum.Enum):
    """What a part is doing."""

    WAITING = "waiting"
    """Not started yet, for what it needs is not up."""
    STARTING = "starting"
    UP = "up"
    FAILED = "failed"
    """Its start failed; if it is not critical it is tried again."""
    STOPPING = "stopping"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """
    One part of a backend.

    Attributes:
        name: Unlike any other.
        start: Starts it. If it raises or is cancelled it must clean up by itself.
        stop: Stops it; called once, if and only if it was started.
        health: Whether it answers.
        warm: Fills it once all parts are up.
        stats: Its numbers.
        needs: Names of the parts that must be up before it starts.
        critical: Whether there is no backend without it.
        timeout_s: Longest start, and longest stop, > 0.
        warm_timeout_s: Longest warming, > 0.
    """

    name: str
    start: Act | None = None
    stop: Act | None = None
    health: Callable[[], Awaitable[Health]] | None = None
    warm: Warm | None = None
    stats: Callable[[], object] | None = None
    needs: tuple[str, ...] = ()
    critical: bool = True
    timeout_s: float = 10.0
    warm_timeout_s: float = 60.0

    def __post_init__(self) -> None:
        for limit_s in (self.timeout_s, self.warm_timeout_s):
            if not 0 < limit_s < math.inf:
                raise ConfigError(
                    f"part {self.name!r}: timeout_s={self.timeout_s}, warm_timeout_s="
                    f"{self.warm_timeout_s}; want finite, > 0"
                )


def check_parts(parts: Mapping[str, Part]) -> None:
    """
    Raise if *parts* cannot be started.

    Raises:
        ConfigError: If one needs what is not there, or what needs it in turn, or is critical
            and needs what is not.
    """
    for part in parts.values():
        for need in part.needs:
            if need not in parts:
                raise ConfigError(
                    f"part {part.name!r} needs {need!r}, which is no part; there are {[*parts]}"
                )
            if part.critical and not parts[need].critical:
                raise ConfigError(
                    f"part {part.name!r} is critical and needs {need!r}, which is not; make both "
                    "critical, or neither"
                )
    if cycle := _cycle(parts):
        raise ConfigError(f"parts need each other: {' -> '.join(cycle)}; cut one of these")


def _cycle(parts: Mapping[str, Part]) -> tuple[str, ...]:
    """Return names of which each needs the next and the last is the first; () if none do."""
    cleared: set[str] = set()
    for first in parts:
        path: list[str] = []
        # Names to look at, with the length of the path that led there.
        stack = [(first, 0)]
        while stack:
            name, depth = stack.pop()
            cleared.update(path[depth:])
            del path[depth:]
            if name in path:
                return (*path[path.index(name) :], name)
            if name not in cleared:
                path.append(name)
                stack.extend((need, len(path)) for need in reversed(parts[name].needs))
        cleared.update(path)
    return ()
