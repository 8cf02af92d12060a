"""
Which way a metric should go.
"""

from __future__ import annotations

import enum
from typing import Final


class Direction(enum.Enum):
    """What counts as worse."""

    LESS_IS_BETTER = "less is better"
    MORE_IS_BETTER = "more is better"
    NO_FEWER = "no fewer"
    """Delivered work: fewer of it is a loss, more of it is neither good nor bad."""


_MORE_IS_BETTER: Final = frozenset(
    {
        "goodput",
        "hit_ratio",
        "success_ratio",
        "throughput",
        "work.llm_tokens_cached",
        "work.redis_hits",
    }
)
_NO_FEWER: Final = frozenset({"work.events"})


def direction(metric: str) -> Direction:
    """
    Return which way *metric*, named as in Metric.name, should go.

    Times, memory and work are costs: what is not known is better when there is less of it.
    """
    if metric in _MORE_IS_BETTER or metric.startswith("check.goodput"):
        return Direction.MORE_IS_BETTER
    if metric in _NO_FEWER:
        return Direction.NO_FEWER
    return Direction.LESS_IS_BETTER
