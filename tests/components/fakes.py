"""
Stand-ins that several test files share.
"""

from __future__ import annotations

from collections import Counter

from agent_perf.sim import Draws, constant_table


class Hands:
    """A clock that stands still until it is moved."""

    def __init__(self, now_s: float = 0.0) -> None:
        self.now_s = now_s

    def __call__(self) -> float:
        return self.now_s


class Counts:
    """A witness that adds up work."""

    def __init__(self) -> None:
        self.total: Counter[str] = Counter()

    def count(self, name: str, amount: int = 1, detail: str = "") -> None:
        self.total[name] += amount

    def span(self, name: str, start_ns: int, end_ns: int, detail: str = "") -> None:
        """Spans are of no interest here."""

    def level(self, name: str, change: int) -> None:
        """Levels neither."""

    def bound(self, name: str, most: int | None) -> None:
        """Nor what bounds them."""


def constant_draws(**latency_s: float) -> Draws:
    """Return draws in which ``redis_trip=0.001`` makes every redis.trip last 1 ms."""
    tables = {
        (name := key.replace("_", ".", 1)): constant_table(name, seconds)
        for key, seconds in latency_s.items()
    }
    return Draws(1, tables)
