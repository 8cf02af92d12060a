"""
Which of asv's values a scenario promises something about.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final

from agent_perf.history.asv_results import AsvBenchmark

Targets = Callable[[str, Mapping[str, float]], Mapping[str, float]]
"""Benchmark and what its scenario declares to metric to the worst value allowed."""

_PLACE: Final = re.compile(r"\.track_(latency|work)\((\d+), '([^']+)'\)\Z")


def target_of(label: str, benchmark: AsvBenchmark, targets: Targets | None) -> float | None:
    """
    Return the worst value allowed for what asv calls *label*, in base units; None without one.

    Args:
        label: With its parameters: ``agent.Chat.track_latency(200, 'p95')``.
        benchmark: What asv's index says of it.
        targets: Which targets hold; those that the scenario declares if None.
    """
    place = _PLACE.search(label)
    if not benchmark.scenario or place is None:
        return None
    family, users, name = place.groups()
    declared = benchmark.targets
    held = declared if targets is None else targets(f"{benchmark.scenario}@{users}", declared)
    return held.get(f"{family}.{name}")
