"""
What to show first: the worst.
"""

from __future__ import annotations

import math

from agent_perf.records import WORST_FIRST, Breach, Comparison
from agent_perf.stats import Direction, direction


def severity(comparison: Comparison, *, gates: bool) -> tuple[int, bool, float, str, str]:
    """
    Return a key that sorts the worst comparison first.

    Args:
        comparison: Any.
        gates: Whether the gate stands or falls with it.
    """
    return (
        WORST_FIRST.index(comparison.verdict),
        not gates,
        -_worse(comparison),
        comparison.benchmark,
        comparison.metric,
    )


def _worse(comparison: Comparison) -> float:
    """Return how much worse the head is, for an order: relative, and finite from zero too."""
    change = comparison.change_ratio or 0.0
    if math.isinf(change) and comparison.head is not None:
        # What was never done before counts as done in every hundredth request: once in a
        # thousand is a trifle, and once in each is a hundredfold.
        change = comparison.head / max(comparison.sample_count / 100, 1)
    return change if direction(comparison.metric) is Direction.LESS_IS_BETTER else -change


def excess(breach: Breach) -> float:
    """Return how many times the target is missed; inf if either of the two is 0."""
    worse, better = breach.observed, breach.limit
    if direction(breach.metric) is not Direction.LESS_IS_BETTER:
        worse, better = better, worse
    return worse / better if better else math.inf
