"""
Which changes people pay for.
"""

from __future__ import annotations

from typing import assert_never

from agent_perf.stats import Direction, direction


def is_worse(metric: str, change_ratio: float) -> bool:
    """Return whether people pay for such a change of *metric*."""
    match direction(metric):
        case Direction.LESS_IS_BETTER:
            return change_ratio > 0
        case Direction.MORE_IS_BETTER | Direction.NO_FEWER:
            return change_ratio < 0
        case _ as never:
            assert_never(never)
