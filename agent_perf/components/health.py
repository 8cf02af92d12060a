"""
Whether a service answers.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Health"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """
    Whether a service answered, how long that took, and what it said if not.

    Attributes:
        is_up: Whether it answered in time.
        latency_s: Seconds until then.
        detail: What it said; empty if all is well.
    """

    is_up: bool
    latency_s: float
    detail: str = ""
