"""What keeps a caller alive while others fail: retries, breaker, bulkhead, limits, deadlines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent_perf.components.door import open_door

if TYPE_CHECKING:
    from agent_perf.components.resilience.breaker import (
        CLOSED,
        BreakerState,
        BreakerStats,
        CircuitBreaker,
    )
    from agent_perf.components.resilience.bulkhead import Bulkhead, BulkheadStats
    from agent_perf.components.resilience.deadline import Deadline, hand_on, time_left_s
    from agent_perf.components.resilience.rate import RateLimiter, RateStats
    from agent_perf.components.resilience.retry import RetryPolicy, call_with_retries
    from agent_perf.components.resilience.window import FailureRatio

__all__ = [
    "CLOSED",
    "BreakerState",
    "BreakerStats",
    "Bulkhead",
    "BulkheadStats",
    "CircuitBreaker",
    "Deadline",
    "FailureRatio",
    "RateLimiter",
    "RateStats",
    "RetryPolicy",
    "call_with_retries",
    "hand_on",
    "time_left_s",
]

__getattr__, __dir__ = open_door(
    __name__,
    {
        "breaker": (
            "CLOSED",
            "BreakerState",
            "BreakerStats",
            "CircuitBreaker",
        ),
        "bulkhead": (
            "Bulkhead",
            "BulkheadStats",
        ),
        "deadline": (
            "Deadline",
            "hand_on",
            "time_left_s",
        ),
        "rate": (
            "RateLimiter",
            "RateStats",
        ),
        "retry": (
            "RetryPolicy",
            "call_with_retries",
        ),
        "window": ("FailureRatio",),
    },
)
