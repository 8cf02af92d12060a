"""
Metrics and work counts in words, and their values where a plain number would mislead.
"""

from __future__ import annotations

import re
from typing import Final

from agent_perf.records import Comparison, Evidence, Verdict
from agent_perf.report.text import ARROW, quantity
from agent_perf.report.view import Badge
from agent_perf.units import NS

_COUNT_LABELS: Final = {
    "redis_trips": "Redis round trips",
    "redis_commands": "Redis commands",
    "redis_misses": "Redis misses",
    "redis_hits": "Redis hits",
    "redis_connects": "Redis connections opened",
    "db_statements": "SQL statements",
    "db_connects": "database connections opened",
    "db_prepares": "database statements prepared",
    "db_lock_waits": "waits for a database lock",
    "db_waits": "waits for a database connection",
    "http_requests": "HTTP requests",
    "http_connects": "HTTP connections opened",
    "http_errors": "HTTP errors",
    "llm_calls": "model calls",
    "llm_tokens_in": "prompt tokens",
    "llm_tokens_cached": "prompt tokens from the cache",
    "llm_tokens_out": "completion tokens",
    "llm_rate_limited": "model calls over the rate limit",
    "llm_embeddings": "embedding calls",
    "llm_cost_nanousd": "model cost",
    "llm_cost_usd": "model cost",
    "llm_calls_holding_db": "model calls holding a database connection",
    "tool_calls": "tool calls",
    "event_requests": "event deliveries",
    "events": "events",
    "events_rate_limited": "event deliveries over the rate limit",
    "bytes_sent": "bytes sent",
    "bytes_received": "bytes received",
}
_METRIC_LABELS: Final = {
    "success_ratio": "success rate",
    "throughput": "throughput",
    "memory.size": "memory of an object",
    "cpu.instructions": "instructions",
    "cpu.total": "CPU time",
    "wall.total": "wall time",
    "memory.peak": "peak memory",
    "memory.mean": "mean memory",
    "memory.p95": "P95 memory",
    "resources.cpu": "CPU time",
    "resources.disk_read": "bytes read from disk",
    "resources.disk_written": "bytes written to disk",
    "resources.network_sent": "bytes sent over the network",
    "resources.network_received": "bytes received over the network",
    "resources.db_connections.peak": "most database connections",
    "resources.db_in_use.mean": "database connections in use",
    "resources.db_in_use.peak": "most database connections in use",
    "resources.connections.peak": "most TCP connections",
    "resources.files.peak": "most open files",
    "resources.threads.peak": "most threads",
    "resources.processes.peak": "most processes",
}
_PATHS: Final = {
    "hit": "hits",
    "miss": "misses",
    "first_token": "the first token",
    "inter_token": "a token after the first",
}
_BADGES: Final = {
    Verdict.REGRESSED: Badge(tone="fail", mark="✗", word="regressed"),
    Verdict.SLOWER: Badge(tone="plain", mark="↗", word="slower within limit"),
    Verdict.UNCHANGED: Badge(tone="plain", mark="=", word="unchanged"),
    Verdict.IMPROVED: Badge(tone="pass", mark="✓", word="improved"),
    Verdict.UNDECIDED: Badge(tone="undecided", mark="?", word="undecided"),
    Verdict.NEW: Badge(tone="plain", mark="+", word="new"),
    Verdict.MISSING: Badge(tone="broken", mark="∅", word="missing"),
    Verdict.ERRORED: Badge(tone="broken", mark="!", word="errored"),
}
TOLD_COUNTS: Final = (
    "db_statements",
    "redis_trips",
    "http_requests",
    "llm_calls",
    "llm_tokens_in",
    "llm_tokens_out",
    "event_requests",
)
"""Work counts that people think in; the others follow from them."""

BREACHED: Final = Badge(tone="fail", mark="◎", word="target missed")
"""Of a benchmark that is no slower than before, and over its target all the same."""


WAIVED: Final = Badge(tone="plain", mark="◔", word="waived")
"""Of what would fail, and is accepted until a date."""

WARNED: Final = Badge(tone="plain", mark="▵", word="beyond a limit that only warns")
"""Of what is worse than a limit of level warn allows."""

UNLIMITED: Final = Badge(tone="plain", mark="↗", word="worse, no limit set")
"""Of a metric that is worse, and that nobody has limited."""


def badge(comparison: Comparison) -> Badge:
    """Return how the verdict of *comparison* is shown."""
    if comparison.verdict is Verdict.SLOWER and comparison.limit_ratio is None:
        return UNLIMITED
    return _BADGES[comparison.verdict]


def verdict_badge(verdict: Verdict) -> Badge:
    """Return how *verdict* is shown where no comparison is behind it."""
    return _BADGES[verdict]


def told_first(count: str) -> tuple[bool, str]:
    """Return a key that sorts the counts that people think in before the others."""
    return count not in TOLD_COUNTS, count


def metric_label(name: str) -> str:
    """Return the words for a metric: ``latency.hit.p95`` is ``P95 latency of hits``."""
    if name in _METRIC_LABELS:
        return _METRIC_LABELS[name]
    match name.split("."):
        case ["latency", which]:
            return f"{_statistic(which)} latency"
        case ["latency", path, which]:
            return f"{_statistic(which)} latency of {_PATHS.get(path, path)}"
        case ["cpu" | "wall" as clock, which]:
            return f"{_statistic(which)} {'CPU' if clock == 'cpu' else 'wall'} time"
        case ["work", count]:
            return count_label(count)
    return name


def metric_labels() -> dict[str, str]:
    """Return the metrics that have words of their own, each with them."""
    return {f"work.{name}": label for name, label in _COUNT_LABELS.items()} | _METRIC_LABELS


def count_label(name: str) -> str:
    """Return the words for a work count: ``redis_trips`` is ``Redis round trips``."""
    return _COUNT_LABELS.get(name, name.replace("_", " "))


def values(comparison: Comparison) -> tuple[str, str]:
    """Return base and head of *comparison*, each by itself; work is told per request."""
    before, after, each = _base_and_head(comparison)
    if not each:
        return before, after
    return _with_end(before, "/request"), _with_end(after, "/request")


def bare_values(comparison: Comparison) -> tuple[str, str]:
    """Return base and head of *comparison* without saying that work is per request."""
    return _base_and_head(comparison)[:2]


def moved(comparison: Comparison) -> str:
    """Return base and head of *comparison* in one clause: ``3 → 25 per request``."""
    before, after, each = _base_and_head(comparison)
    alone = comparison.base is None or comparison.base == comparison.head
    words = after if alone else f"{before}{ARROW}{after}"
    return f"{words} per request" if each else words


def counted(name: str, base: int, head: int, requests: int) -> tuple[str, str]:
    """
    Return work count *name* of base and head: per request, or in all if it is rare.

    Args:
        name: As in Run.counts.
        base: Total over a run.
        head: Likewise.
        requests: Of that run, >= 1.
    """
    if name == "llm_cost_nanousd":
        before, after, each = _work(base / NS, head / NS, "usd", requests)
    else:
        unit = "bytes" if name.startswith("bytes_") else "count"
        before, after, each = _work(base, head, unit, requests)
    if each:
        return before, after
    return _with_end(before, "\u00a0in\u00a0all"), _with_end(after, "\u00a0in\u00a0all")


def _base_and_head(comparison: Comparison) -> tuple[str, str, bool]:
    base, head, unit = comparison.base, comparison.head, comparison.unit
    if comparison.metric.startswith("work.") and comparison.evidence is Evidence.EXACT:
        return _work(base, head, unit, comparison.sample_count)
    return quantity(base, unit), quantity(head, unit), False


def _work(
    base: float | None, head: float | None, unit: str, requests: int
) -> tuple[str, str, bool]:
    """Return both values, and whether they are per request."""
    # Three reconnections in a thousand requests are three, and not 0.003 each.
    each = unit != "count" or max(base or 0, head or 0) >= requests
    by = requests if each else 1
    before, after = (None if total is None else total / by for total in (base, head))
    return quantity(before, unit), quantity(after, unit), each


def _with_end(text: str, end: str) -> str:
    return text if text in {"–", "0"} else text + end


def _statistic(which: str) -> str:
    return which.upper() if re.fullmatch(r"p\d+", which) else which
