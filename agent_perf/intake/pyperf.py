"""
Files of pyperf: ``-o FILE``. Each of its runs is a process of its own.

Calibration runs have no values, and warm-ups are kept apart from them: neither counts.

Source: pyperf documentation, "pyperf JSON file format"; *_bench.py* and *_run.py*.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from statistics import median
from typing import Final

from agent_perf.intake.tree import Tree
from agent_perf.records import Timing, TimingFile

REMEDY: Final = "write it again with pyperf, -o FILE"
_METRICS: Final = {"second": "wall.median", "byte": "memory.peak"}


def recognises(top: Mapping[str, object]) -> bool:
    """Return whether a JSON object with the keys of *top* is such a file."""
    benchmarks = top.get("benchmarks")
    return (
        "version" in top
        and isinstance(benchmarks, list)
        and bool(benchmarks)
        and all(isinstance(one, dict) and "runs" in one for one in benchmarks)
    )


def parse(top: Tree) -> tuple[TimingFile, ...]:
    """
    Return a process for each run with values: the first of each benchmark, and so on.

    Raises:
        StoreError: If a field is missing or of another type, or in another unit.
        SampleError: If a value is not finite and > 0.
    """
    version = top.need("version").value
    if str(version) != "1.0":
        top.need("version").refuse(f"is {version}; this agent-perf reads 1.0")
    common = _facts(top)
    runs = [_runs(one, common) for one in top.need("benchmarks").elements()]
    first = next((facts for _, facts in runs), common)
    return tuple(
        TimingFile(
            source=top.source,
            tool=f"pyperf {first.get('perf_version', '')}".strip(),
            at_s=min((at_s for at_s, _ in found if at_s is not None), default=None),
            machine=_machine(first),
            commit="",
            is_dirty=False,
            timings=tuple(timing for _, timing in found),
        )
        for found in (
            [of[index] for of, _ in runs if index < len(of)]
            for index in range(max((len(of) for of, _ in runs), default=0))
        )
    )


_Run = tuple[float | None, Timing]


def _runs(benchmark: Tree, common: Mapping[str, str]) -> tuple[list[_Run], dict[str, str]]:
    facts = {**common, **_facts(benchmark)}
    found: list[_Run] = []
    for run in benchmark.need("runs").elements():
        values = run.get("values")
        if values is None or not values.elements():
            continue
        own = {**facts, **_facts(run)}
        unit = own.get("unit", "second")
        if unit not in _METRICS:
            run.refuse(f"is in the unit {unit!r}; want {' or '.join(_METRICS)}")
        numbers = [value.number() for value in values.elements()]
        found.append(
            (
                _seconds(run, own.get("date", "")),
                Timing(
                    benchmark=own.get("name") or "<no name>",
                    metrics={_METRICS[unit]: median(numbers)},
                    call_count=len(numbers) * _loops(own),
                    settings={"timer": own["timer"]} if "timer" in own else {},
                ),
            )
        )
    return found, facts


def _loops(facts: Mapping[str, str]) -> int:
    loops = facts.get("loops", "1")
    return max(1, int(loops)) if loops.isdecimal() and len(loops) < 18 else 1


def _facts(tree: Tree) -> dict[str, str]:
    """Return the metadata of *tree* as text."""
    metadata = tree.get("metadata")
    return {} if metadata is None else {name: str(one.value) for name, one in metadata.items()}


def _machine(facts: Mapping[str, str]) -> dict[str, str]:
    version = facts.get("python_version", "unknown").split(" ")[0]
    return {
        "system": facts.get("platform", "unknown").partition("-")[0],
        "CPU": facts.get("cpu_model_name", "unknown"),
        "number of CPUs": facts.get("cpu_count", "unknown"),
        "Python": f"{facts.get('python_implementation', 'unknown')} "
        f"{'.'.join(version.split('.')[:2])}",
    }


def _seconds(run: Tree, date: str) -> float | None:
    """Return when a run began; pyperf writes the local time without its zone."""
    if not date:
        return None
    try:
        return datetime.fromisoformat(date).timestamp()
    except (ValueError, OverflowError, OSError):
        run.refuse(f"has the date {date[:40]!r}; want one such as 2031-12-01 10:00:00")
