"""
``agent-perf accept``: a waiver, written where it is reviewed.
"""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Final

from agent_perf.amounts import parse_limit
from agent_perf.cli.output import say
from agent_perf.config import load_config
from agent_perf.errors import UsageError
from agent_perf.gate import check_family, one_line
from agent_perf.measure import utc_today
from agent_perf.records import Waiver
from agent_perf.report import Command
from agent_perf.repository import find_repository
from agent_perf.waivers import append_accepted

_COMMANDS_MAX: Final = 3
"""So many are copied from; more would bury the rest of the report."""

_METRICS_MAX: Final = 6
"""So many are named one by one; of more, their family is accepted."""

_USUAL: Final = timedelta(days=30)

_PROMISE: Final = "check."
"""How the names of a scenario's promises about its faults begin."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """
    What to accept; the attributes are the arguments and options of the verb.
    """

    benchmark: str
    metrics: tuple[str, ...]
    reason: str
    until: date
    at_most: str | None = None
    author: str = ""


def accept_lapse(wish: Wish) -> int:
    """
    Write *wish* into the project's file of waivers, and return the exit code, 0.

    Raises:
        UsageError: If its day is past, or a value is not valid, or it is there already.
        ConfigError: If there is no such metric.
        StoreError: If the file cannot be read or written.
    """
    repository = find_repository(Path.cwd())
    path = repository.root / load_config(repository.root).waivers
    today = utc_today()
    if wish.until < today:
        raise UsageError(f"--until {wish.until} is past, today is {today} in UTC; name a later day")
    at_most_ratio = None if wish.at_most is None else parse_limit(wish.at_most)
    waivers = [
        Waiver(
            benchmark=wish.benchmark,
            metric=metric,
            reason=wish.reason,
            until=wish.until,
            at_most_ratio=at_most_ratio,
            author=wish.author,
        )
        for metric in dict.fromkeys(wish.metrics)
    ]
    for metric in wish.metrics:
        # A promise about faults fails the gate as a metric does, and has no limit or target.
        if not metric.startswith(_PROMISE):
            check_family(metric, metric)
    append_accepted(path, *waivers)
    for waiver in waivers:
        days = waiver.days_left(today)
        name = one_line(waiver.name)
        say(f"accepted {name} until {waiver.until}, {days} days from now: commit {path}")
    return 0


def accept_commands(failing: Sequence[tuple[str, str]]) -> list[Command]:
    """
    Return the commands that accept *failing*, as they are typed: one for each benchmark.

    Args:
        failing: Benchmark and metric, worst first; of many, the first benchmarks are taken.
    """
    until = utc_today() + _USUAL
    groups: dict[str, list[str]] = {}
    for benchmark, metric in failing:
        groups.setdefault(benchmark, []).append(metric)
    return [
        Command(
            purpose=f"Accept what fails of {benchmark} for {_USUAL.days} days",
            line=f"agent-perf accept {shlex.join([benchmark, *_named(metrics)])} "
            f"--reason '...' --until {until}",
        )
        for benchmark, metrics in list(groups.items())[:_COMMANDS_MAX]
    ]


def _named(metrics: Sequence[str]) -> list[str]:
    """Return *metrics*, or their families as patterns if they are many."""
    names = list(dict.fromkeys(metrics))
    if len(names) <= _METRICS_MAX:
        return names
    families = Counter(name.partition(".")[0] for name in names)
    patterns = {family: f"{family}.*" for family, count in families.items() if count > 1}
    return list(dict.fromkeys(patterns.get(name.partition(".")[0], name) for name in names))
