from __future__ import annotations

import importlib
import inspect
import pkgutil
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any, Final, get_args, get_origin, get_type_hints

import pytest

from agent_perf import components
from agent_perf.components.metrics import Histogram, HistogramSnapshot, Metrics, prometheus_text

LEVELS: Final = {
    "AgentFigures": {"success_ratio"},
    "AgentStats": set(),
    "BackendStats": {"under_way", "up", "start_s"},
    "BatcherStats": {
        *("waiting", "under_way"),
        *("latency_s_p50", "latency_s_p95", "latency_s_p99", "latency_s_max"),
    },
    "BreakerStats": {"is_open"},
    "BudgetStats": {"period_spent_usd", "reserved_usd", "limit_usd"},
    "BulkheadStats": {"running", "waiting", "waiting_max"},
    "CacheStats": {"entry_count", "size_bytes"},
    "ChannelAuthStats": {"tokens"},
    "ChannelRegistryStats": {"channels", "members"},
    "ConnectionStats": {
        *("in_use", "idle", "opening", "settling", "waiting"),
        *("open_max", "waiting_max"),
    },
    "DiskStats": {"waiting_count"},
    "EvaluatorStats": {"in_flight", "reserved_usd"},
    "LayerStats": {"is_up"},
    "LayersStats": set(),
    "LinkStats": {"connections", "pending", "pending_max"},
    "NearStats": {"entry_count", "is_trusted"},
    "PoolStats": {"in_use", "idle", "waiting", "in_use_max", "waiting_max"},
    "PusherPoolStats": {"in_flight", "waiting", "resting", "channels"},
    "QueryCacheStats": {"entry_count"},
    "QueryStats": {"max_s", "p95_s"},
    "RateStats": {"waiting"},
    "StatementStats": set(),
    "StoreStats": set(),
    "WarmStats": {"in_flight"},
}
"""What goes down as well as up; to be thought about once for each class."""

COUNTS: Final = {
    *("applied", "attempts", "batches", "bytes_read", "bytes_received", "bytes_sent"),
    *("bytes_written", "cache_failures", "calls", "calls_failed", "cancelled", "checks", "closed"),
    *("commands", "computations", "connect_failures", "connects", "copies", "cost_usd", "count"),
    *("damaged", "delivered", "drained", "dropped", "duplicates", "duration_s", "entered"),
    *("errors", "events", "events_dropped", "evicted", "evictions", "examples", "exceeded"),
    *("expired", "failed", "failures", "found", "given_back", "hits", "history", "ignored"),
    *("invalidations", "kept", "late_replies", "latency_s", "llm_calls", "llm_calls_unpriced"),
    *("loaded", "losses", "lost", "misses", "moved", "open_errors", "opened", "outdated"),
    *("overflow", "paths", "prepares", "present", "published", "pushes", "reconnects"),
    *("refresh_failures", "refreshes", "refused", "rejected", "repeated", "requests", "restarts"),
    *("rests", "round_trips", "set_aside", "settled", "signed", "slow", "spent_usd", "spoiled"),
    *("stale", "start_failures", "starts", "stop_failures", "stops", "stores", "taken"),
    *("timed_out", "timeouts", "tokens_in", "tokens_out", "too_big", "tool_calls"),
    *("tool_errors", "total_s", "unjudged", "usage", "uses", "wait_s", "waited", "waits"),
    *("warm_failures", "writes"),
}
"""Names of what only grows, wherever they stand."""


def classes() -> Iterator[type]:
    """Yield what any component's ``stats()`` gives, and all that is called so."""
    for found in pkgutil.walk_packages(components.__path__, f"{components.__name__}."):
        module = importlib.import_module(found.name)
        for _, one in inspect.getmembers(module, inspect.isclass):
            if one.__module__ == found.name:
                told = (
                    [get_type_hints(one.stats).get("return")]
                    if inspect.isfunction(getattr(one, "stats", None))
                    else []
                )
                for kind in (one, *told, *(arg for got in told for arg in get_args(got))):
                    if inspect.isclass(kind) and is_dataclass(kind) and _tells(kind, told):
                        yield kind


def _tells(kind: type, told: list[object]) -> bool:
    return kind in told or kind.__name__.endswith(("Stats", "Figures"))


STATS: Final = sorted(set(classes()), key=lambda kind: kind.__name__)


def test_all_stats_are_listed_here() -> None:
    """
    Whoever adds a class of stats says which of its fields are levels.
    """
    assert sorted(LEVELS) == [kind.__name__ for kind in STATS]


@pytest.mark.parametrize("kind", STATS, ids=lambda kind: kind.__name__)
def test_each_field_is_a_count_or_a_level(kind: type) -> None:
    """
    What goes down is in LEVELS: as a counter a fall would be told as a restart.
    """
    names = {one.name for one in fields(kind)}
    levels = set(getattr(kind, "LEVELS", ()))

    assert LEVELS[kind.__name__] == levels
    assert levels | set(getattr(kind, "KEYS", ())) <= names
    assert set() == names - levels - COUNTS


def made(kind: Any) -> Any:
    """Return a value of *kind* with something in it."""
    if kind is HistogramSnapshot:
        histogram = Histogram(bounds=(0.1, 1.0))
        histogram.observe(0.5)
        return histogram.snapshot()
    if get_origin(kind) is Mapping:
        key, value = get_args(kind)
        is_enum = inspect.isclass(key) and issubclass(key, Enum)
        return {(next(iter(key)) if is_enum else "a"): made(value)}
    if get_origin(kind) is tuple:
        return ()
    if not is_dataclass(kind):
        return 1
    hints = get_type_hints(kind)
    return kind(**{one.name: made(hints[one.name]) for one in fields(kind)})


def test_all_are_told_and_the_linter_takes_them() -> None:
    """
    No field of any component's numbers makes a name that Prometheus would not have, or takes
    for another kind.
    """
    metrics = Metrics(namespace="shop")
    for kind in STATS:
        metrics.watch(kind.__name__.lower(), lambda kind=kind: made(kind))
    page = prometheus_text(metrics.collect())

    assert "shop_scrape_errors_total{" not in page
    assert 'shop_agentstats_errors_total{category="validation"} 1' in page
    gauges = [line.split()[2] for line in page.splitlines() if line.endswith(" gauge")]
    assert [] == [name for name in gauges if name.endswith(("_count", "_total", "_sum", "_bucket"))]
    if shutil.which("promtool") is not None:
        subprocess.run(["promtool", "check", "metrics"], input=page, text=True, check=True)
