"""
Files of hyperfine: ``--export-json``. Each time is of a process of its own.

Source: hyperfine, *src/benchmark/benchmark_result.rs*, BenchmarkResult.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from agent_perf.intake.tree import Tree
from agent_perf.records import Timing, TimingFile

REMEDY: Final = "write it again with hyperfine --export-json"


def recognises(top: Mapping[str, object]) -> bool:
    """Return whether a JSON object with the keys of *top* is such a file."""
    results = top.get("results")
    return isinstance(results, list) and all(
        isinstance(one, dict) and "command" in one and "mean" in one for one in results
    )


def parse(top: Tree) -> tuple[TimingFile, ...]:
    """
    Return a process for each time: the first of each command, the second, and so on.

    The file does not tell when it was written, nor on what.

    Raises:
        StoreError: If a field is missing or of another type.
        SampleError: If a time is not finite and > 0.
    """
    runs = [_runs(result) for result in top.need("results").elements()]
    return tuple(
        TimingFile(
            source=top.source,
            tool="hyperfine",
            at_s=None,
            machine={},
            commit="",
            is_dirty=False,
            timings=tuple(of[index] for of in runs if index < len(of)),
        )
        for index in range(max(map(len, runs), default=0))
    )


def _runs(result: Tree) -> tuple[Timing, ...]:
    """Return one timing for each run of a command."""
    command = result.need("command").text()
    times = result.get("times")
    if times is None:
        result.refuse("has no times, only their mean")
    failures = _failures(result, len(times.elements()))
    settings = {
        f"parameter {name}": value.text()
        for name, value in ((result.get("parameters") or _empty(result)).items())
    }
    return tuple(
        Timing(
            benchmark=command,
            metrics={} if failures else {"wall.median": time.number()},
            call_count=1,
            settings=settings,
            failure=failures,
        )
        for time in times.elements()
    )


def _empty(result: Tree) -> Tree:
    return Tree({}, result.source, result.remedy)


def _failures(result: Tree, run_count: int) -> str:
    """Return how many runs failed; empty if none."""
    codes = result.get("exit_codes")
    if codes is None:
        return ""
    # A run that a signal ended has no exit code.
    failed = [code.value for code in codes.elements() if code.value != 0]
    if not failed:
        return ""
    words = "ended by a signal" if failed[0] is None else f"exit code {failed[0]}"
    return f"{len(failed)} of {run_count} runs failed ({words}): their times tell nothing"
