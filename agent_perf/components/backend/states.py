"""
What a backend says of itself: its state, changes, health and counts.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from agent_perf.components.backend.parts import PartState
from agent_perf.components.health import Health


class BackendState(enum.Enum):
    """What a backend is doing."""

    NEW = "new"
    STARTING = "starting"
    WARMING = "warming"
    READY = "ready"
    DRAINING = "draining"
    STOPPING = "stopping"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True, kw_only=True)
class BackendEvent:
    """
    A change.

    Attributes:
        at_s: When, on the backend's clock.
        part: Of which part; empty: of the backend.
        state: What it became.
        detail: Why, if it is not plain.
    """

    at_s: float
    part: str
    state: PartState | BackendState
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BackendHealth:
    """
    Whether a backend should live, and be asked.

    Attributes:
        state: What it is doing.
        parts: Name to health; one that is not up says why.
        critical: Names of the parts without which it is not ready.
    """

    state: BackendState
    parts: Mapping[str, Health]
    critical: frozenset[str]

    @property
    def is_live(self) -> bool:
        """Whether it is not stopped: what it lacks, a new start would lack as well."""
        return self.state is not BackendState.STOPPED

    @property
    def is_ready(self) -> bool:
        """Whether it takes requests, and all critical parts answer."""
        return self.state is BackendState.READY and not self.critical & set(self.down)

    @property
    def down(self) -> tuple[str, ...]:
        """Names of the parts that are not up; if there are any, it is degraded at best."""
        return tuple(name for name, health in self.parts.items() if not health.is_up)


@dataclass(frozen=True, slots=True, kw_only=True)
class BackendStats:
    """
    What a backend has done, and how its parts are.

    Attributes:
        starts: Parts that started, again after a failure included.
        start_failures: Starts that failed.
        restarts: Starts tried again after a failure.
        warm_failures: Parts that could not be filled beforehand.
        stops: Parts stopped.
        stop_failures: Those that did not stop as they should.
        requests: Requests taken.
        refused: Requests not taken, because it was not ready.
        under_way: Requests that it is busy with.
        up: Part to whether it is started.
        start_s: Part to the seconds of its last successful start.
    """

    LEVELS: ClassVar[frozenset[str]] = frozenset({"under_way", "up", "start_s"})
    KEYS: ClassVar[Mapping[str, str]] = {"up": "part", "start_s": "part"}

    starts: int
    start_failures: int
    restarts: int
    warm_failures: int
    stops: int
    stop_failures: int
    requests: int
    refused: int
    under_way: int
    up: Mapping[str, bool]
    start_s: Mapping[str, float]
