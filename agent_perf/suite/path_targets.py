"""
What a kind of path should reach, for scenarios that name the kind.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from agent_perf.errors import ConfigError

PATH_TARGETS: Final[Mapping[str, Mapping[str, float]]] = MappingProxyType(
    {
        "agent.request": {"latency.p95": 0.150, "latency.p99": 0.200},
        "cache.get": {"latency.p95": 0.020},
        "cache.set": {"latency.p95": 0.050},
        "db.simple": {"latency.p95": 0.100},
        "db.complex": {"latency.p95": 0.200},
        "db.evaluation": {"latency.p95": 0.050},
        "event.single": {"latency.p95": 0.150},
        "api.standard": {"latency.p95": 0.200},
        "evaluation.batch": {"latency.p95": 1.0},
        "live.load": {"latency.p95": 2.0, "success_ratio": 0.999},
    }
)
"""
Path kind to metric to the worst value allowed, in base units: times at most, success at least.

No throughput: that of users who wait follows from how many they are, and one user who thinks
for a second never asks 20 times in it. What a system carries, `agent-perf load --find-knee`
tells.
"""


def named_targets(targets: Mapping[str, float] | str | None, scenario: str) -> Mapping[str, float]:
    """
    Return *targets*, or those of the path kind that it names.

    Args:
        targets: Metric to the worst value allowed, a key of PATH_TARGETS, or None for none.
        scenario: Whose they are, for messages.

    Raises:
        ConfigError: If there is no such kind.
    """
    if not isinstance(targets, str):
        return targets or {}
    if targets in PATH_TARGETS:
        return PATH_TARGETS[targets]
    close = difflib.get_close_matches(targets, PATH_TARGETS, n=1)
    hint = f"did you mean {close[0]!r}?" if close else f"there are {', '.join(PATH_TARGETS)}"
    raise ConfigError(f"scenario {scenario}: targets={targets!r} is no kind of path; {hint}")
