"""
What each kind of path should reach unless its scenario says otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from agent_perf.units import MIB

DEFAULT_TARGETS: Final[Mapping[str, Mapping[str, float]]] = MappingProxyType(
    {
        "agent.request": {"latency.p95": 0.150, "latency.p99": 0.200, "throughput": 20.0},
        "cache.get": {"latency.p95": 0.020, "throughput": 500.0},
        "cache.set": {"latency.p95": 0.050, "throughput": 500.0},
        "db.simple": {"latency.p95": 0.100, "throughput": 50.0},
        "db.complex": {"latency.p95": 0.200, "throughput": 50.0},
        "db.evaluation": {"latency.p95": 0.050, "throughput": 50.0},
        "event.single": {"latency.p95": 0.150},
        "api.standard": {"latency.p95": 0.200},
        "live.load": {"latency.p95": 2.0, "success_ratio": 0.999},
    }
)
"""
Path kind to metric to the worst value allowed, in base units: times at most, throughput
(per second) and success at least."""

PROCESS_TARGETS: Final[Mapping[str, float]] = MappingProxyType(
    {
        "resources.cpu_share.p95": 0.80,
        "memory.peak": 4096.0 * MIB,
        "resources.db_pool_share.p95": 0.50,
    }
)
"""
What a recorded process keeps to, metric to the largest value allowed: a share of the cores
that it may use, bytes, a share of its pool's connections.
"""
