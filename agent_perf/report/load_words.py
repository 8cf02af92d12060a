"""
A load's metrics and resources in words.
"""

from __future__ import annotations

from agent_perf.report.wording import metric_label

_LEVELS = {"db_in_use": "Database connections in use"}
_METRICS = {
    "error_ratio": "error rate",
    "dropped_ratio": "share dropped",
    "goodput": "goodput",
    "hit_ratio": "cache hit rate",
}


def level_label(name: str) -> str:
    """Return what *name* counts, as a title."""
    return _LEVELS.get(name, name.replace("_", " ").capitalize())


def load_metric_label(metric: str) -> str:
    """Return *metric* in words: ``P95 latency``, ``error rate``."""
    if metric in _METRICS:
        return _METRICS[metric]
    match metric.split("."):
        case ["latency", "ttft", which]:
            return f"{_statistic(which)} time to the first event"
        case ["latency", name, "ttft", which]:
            return f"{_statistic(which)} time to the first event of {name}"
        case ["resources", "cpu_share", which]:
            return f"{_statistic(which)} share of the CPU"
        case ["resources", "db_pool_share", which]:
            return f"{_statistic(which)} share of the database pool"
    return metric_label(metric)


def _statistic(which: str) -> str:
    return which.upper() if which.startswith("p") and which != "peak" else which


def clock(at_ns: int) -> str:
    """Return an instant of a load's time: ``1:02.5``, minutes and seconds."""
    minutes, tenths = divmod(round(at_ns / 100_000_000), 600)
    return f"{minutes}:{tenths // 10:02}.{tenths % 10}".removesuffix(".0")
