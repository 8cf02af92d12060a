"""
What a recorded process and a service keep to unless the project says otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from agent_perf.records import Subject
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

_ANSWERED: Final = 0.999

SUBJECT_TARGETS: Final[Mapping[Subject, Mapping[str, float]]] = MappingProxyType(
    {
        Subject.CODE: {},
        Subject.SERVICE: {"latency.p95": 2.0, "success_ratio": _ANSWERED},
        Subject.MODEL: {"success_ratio": _ANSWERED},
    }
)
"""
What a real service under load keeps to, by what was measured of it: seconds, and the least
share of requests that are answered.
"""
