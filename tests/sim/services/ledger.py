"""
A witness that keeps everything, and worlds whose every latency is a round number.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from agent_perf.sim import Draws, constant_table, running_request

REDIS_TRIP_NS = 400_000
REDIS_CONNECT_NS = 1_000_000
DB_STATEMENT_NS = 2_000_000
DB_CONNECT_NS = 10_000_000


@dataclass
class Ledger:
    """What the services told, in order."""

    counts: Counter[str] = field(default_factory=Counter)
    details: Counter[str] = field(default_factory=Counter)
    by_request: Counter[tuple[int, str]] = field(default_factory=Counter)
    spans: list[tuple[str, int, int, str]] = field(default_factory=list)
    owners: list[int] = field(default_factory=list)
    levels: Counter[str] = field(default_factory=Counter)
    bounds: list[tuple[str, int | None]] = field(default_factory=list)

    def count(self, name: str, amount: int = 1, detail: str = "") -> None:
        """Keep it under its name, its name and detail, and its request."""
        self.counts[name] += amount
        self.details[f"{name}:{detail}"] += amount
        self.by_request[running_request().request_id, name] += amount

    def span(self, name: str, start_ns: int, end_ns: int, detail: str = "") -> None:
        """Keep it."""
        self.spans.append((name, start_ns, end_ns, detail))
        self.owners.append(running_request().request_id)

    def level(self, name: str, change: int) -> None:
        """Keep how many are held now."""
        self.levels[name] += change

    def bound(self, name: str, most: int | None) -> None:
        """Keep it."""
        self.bounds.append((name, most))

    def lengths(self, name: str) -> list[int]:
        """Return the lengths in ns of the spans called *name*."""
        return [end - start for span, start, end, _ in self.spans if span == name]


def round_draws(seed: int = 1, **seconds: float) -> Draws:
    """Return draws whose latencies are constant; *seconds* override, ``redis_trip=0.1``."""
    latencies = {
        "redis.trip": REDIS_TRIP_NS / 1e9,
        "redis.connect": REDIS_CONNECT_NS / 1e9,
        "db.statement": DB_STATEMENT_NS / 1e9,
        "db.connect": DB_CONNECT_NS / 1e9,
    }
    latencies |= {name.replace("_", ".", 1): value for name, value in seconds.items()}
    return Draws(seed, {name: constant_table(name, value) for name, value in latencies.items()})
