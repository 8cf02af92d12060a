"""
What a recorded process keeps to unless the project says otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from agent_perf.units import MIB

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
