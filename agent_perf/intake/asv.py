"""
Result files of asv, format 2: one commit in one environment.

asv puts the samples of its processes together, so that one file is one round: how its
processes differed is not in it.

Source: asv documentation, "Benchmark suite layout and file formats", "Results".
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterator, Mapping
from typing import Final

from agent_perf.intake.tree import Tree
from agent_perf.records import Timing, TimingFile

REMEDY: Final = "write it again with asv run"
_METRICS: Final = {
    "time": "wall.median",
    "timeraw": "wall.median",
    "mem": "memory.size",
    "peakmem": "memory.peak",
}
_COMMIT: Final = re.compile(r"[0-9a-f]{40}")


def recognises(top: Mapping[str, object]) -> bool:
    """Return whether a JSON object with the keys of *top* is such a file."""
    return "commit_hash" in top and "results" in top


def parse(top: Tree) -> tuple[TimingFile, ...]:
    """
    Return one process. Failed benchmarks have failed, skipped ones are left out.

    Raises:
        StoreError: If a field is missing or of another type, or of format 1.
        SampleError: If a value is not finite and > 0.
    """
    version = top.get("version")
    if version is None or version.value != 2:
        found = None if version is None else version.value
        top.refuse(f"has the format {found}; this agent-perf reads 2, so run `asv update`")
    columns = [one.text() for one in top.need("result_columns").elements()]
    rows = [
        (name, dict(zip(columns, row.elements(), strict=False)))
        for name, row in top.need("results").items()
    ]
    started = [row["started_at"].value for _, row in rows if "started_at" in row]
    starts_ms = [at for at in started if isinstance(at, int | float)]
    commit = top.need("commit_hash").text()
    return (
        TimingFile(
            source=top.source,
            tool="asv",
            at_s=min(starts_ms) / 1e3 if starts_ms else None,
            machine=_machine(top),
            commit=commit if _COMMIT.fullmatch(commit) else "",
            is_dirty=False,
            timings=tuple(timing for name, row in rows for timing in _timings(name, row)),
        ),
    )


def _timings(name: str, row: Mapping[str, Tree]) -> Iterator[Timing]:
    labels = _labels(name, row["params"]) if "params" in row else [name]
    result = row.get("result")
    if result is None or result.value is None:
        yield _timing(name, {}, 1, failure="asv could not run it")
        return
    counts = row.get("stats_repeat")
    for index, (label, cell) in enumerate(zip(labels, result.elements(), strict=False)):
        # asv writes null for what failed, and NaN for what was skipped.
        if isinstance(cell.value, float) and math.isnan(cell.value):
            continue
        if cell.value is None:
            yield _timing(label, {}, 1, failure="asv could not run it")
            continue
        metric = _METRICS.get(name.rpartition(".")[2].partition("_")[0])
        if metric is None:
            yield _timing(label, {}, 1, withheld={"value": _TRACKED})
        else:
            yield _timing(label, {metric: cell.number()}, _count(counts, index))


_TRACKED: Final = (
    "asv does not tell which way a tracked number should go; `agent-perf history` looks at them"
)


def _timing(
    name: str,
    metrics: Mapping[str, float],
    count: int,
    *,
    failure: str = "",
    withheld: Mapping[str, str] | None = None,
) -> Timing:
    return Timing(
        benchmark=name,
        metrics=metrics,
        call_count=count,
        withheld=withheld or {},
        failure=failure,
    )


def _count(column: Tree | None, index: int) -> int:
    if column is None or not isinstance(column.value, list) or index >= len(column.value):
        return 1
    cell = column.elements()[index]
    return 1 if cell.value is None else max(1, cell.count())


def _labels(name: str, params: Tree) -> list[str]:
    """Return the name with each combination of its parameters, in asv's order."""
    choices = [[one.text() for one in axis.elements()] for axis in params.elements()]
    # A hostile file has more combinations than any memory; a real one has results for each.
    combinations = itertools.islice(itertools.product(*choices), 100_000)
    return [f"{name}({', '.join(one)})" if one else name for one in combinations]


def _machine(top: Tree) -> dict[str, str]:
    known: dict[str, str] = {}
    for group in ("params", "requirements", "env_vars"):
        table = top.get(group)
        for key, value in table.items() if table is not None else ():
            # Where Python lies is none of its properties.
            if key != "python":
                known[key] = str(value.value)
    python = top.get("python")
    text = "" if python is None else str(python.value)
    return known | {"Python": text if re.fullmatch(r"\d+\.\d+", text) else "of the surroundings"}
