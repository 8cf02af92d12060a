"""
The causes of what became worse, each told once, with the benchmarks that show it.
"""

from __future__ import annotations

from collections.abc import Sequence

from agent_perf.records import Cause
from agent_perf.report.standing import Standing
from agent_perf.report.text import duration, listing, sentence
from agent_perf.report.view import Point


def cause_points(standings: Sequence[Standing]) -> list[Point]:
    """
    Return one sentence for each kind of cause in a scenario, in the words of its worst benchmark.

    Scenarios share a sentence only if all of its words, and so its figures, are the same.

    Args:
        standings: Worst first.
    """
    found: dict[tuple[str, str], tuple[Cause, list[str]]] = {}
    for standing in standings:
        scenario = standing.benchmark.rpartition("@")[0] or standing.benchmark
        for cause in standing.causes:
            found.setdefault((cause.kind, scenario), (cause, []))[1].append(standing.benchmark)
    told: dict[str, list[str]] = {}
    for cause, names in found.values():
        told.setdefault(sentence(cause_words(cause)), []).extend(names)
    return [Point(lead=where(names), text=text) for text, names in told.items()]


def cause_words(cause: Cause) -> str:
    """Return *cause* in a clause, with its time on the critical path if it has any."""
    if cause.critical_ns <= 0 or "critical path" in cause.text:
        return cause.text
    return f"{cause.text}, +{duration(float(f'{cause.critical_ns:.2g}'))} on the critical path"


def where(benchmarks: Sequence[str]) -> str:
    """Return benchmarks of any scenarios in words, the loads of each together."""
    groups: dict[str, list[str]] = {}
    for name in dict.fromkeys(benchmarks):
        groups.setdefault(name.rpartition("@")[0] or name, []).append(name)
    shown = [scenario_and_loads(names) for names in groups.values()]
    rest = len(shown) - 3
    return listing(shown if rest <= 0 else [*shown[:3], f"{rest} more"])


def scenario_and_loads(benchmarks: Sequence[str]) -> str:
    """Return benchmarks of one scenario in words: ``agent.chat at 1, 50 and 200 users``."""
    split = [name.rpartition("@") for name in benchmarks]
    one_scenario = len({scenario for scenario, _, _ in split}) == 1
    if not one_scenario or not all(name and load.isdecimal() for name, _, load in split):
        return listing(benchmarks)
    loads = sorted({int(load) for _, _, load in split})
    users = "user" if loads == [1] else "users"
    return f"{split[0][0]} at {listing(map(str, loads))} {users}"
