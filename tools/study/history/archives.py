"""
Public asv results, read from clones of their repositories at a named commit.
"""

from __future__ import annotations

import itertools
import json
import math
import subprocess
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agent_perf.errors import StoreError


@dataclass(frozen=True, slots=True, kw_only=True)
class Archive:
    """
    A public repository in which somebody keeps asv results.

    Attributes:
        repository: ``owner/name``; its clone is looked for as ``<data>/<name>``.
        commit: 40 hex digits.
        folder: Where the results are, inside the repository.
        licence: As its licence file says; "none stated" if it has none.
        tune: Whether methods may be tuned on half of its benchmarks; no others may be.
    """

    repository: str
    commit: str
    folder: str = "results"
    licence: str = "none stated"
    tune: bool = False

    @property
    def name(self) -> str:
        """Name without owner."""
        return self.repository.partition("/")[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """
    One benchmark on one machine and one Python, oldest commit first.

    Attributes:
        archive: Name of the archive.
        machine: As asv names it, with the Python: ``i7-py3.7``.
        benchmark: With its parameters.
        dates_ms: Of the commits, in ms since 1970, ascending; n of them.
        values: n finite numbers > 0, in the benchmark's unit.
        weights: n numbers by which asv weighs them when it publishes, 2 / width of the 99 %
            interval; NaN where it kept none.
    """

    archive: str
    machine: str
    benchmark: str
    dates_ms: NDArray[np.int64]
    values: NDArray[np.float64]
    weights: NDArray[np.float64]


ARCHIVES = (
    Archive(
        repository="pv/numpy-bench", commit="0bb5e0ce95df5c0cb7c528152ecc883a0c1cfc2d", tune=True
    ),
    Archive(repository="pv/scipy-bench", commit="32e8a2eb31e61533ce3cb40020a450d4028381b1"),
    Archive(
        repository="django/django-asv",
        commit="e1d1c74426b3bf2a030ddc8e0ab65cf445dd2fc1",
        licence="MIT",
    ),
    Archive(
        repository="emsig/empymod-bench",
        commit="814affd7811e69df204ecb1525f18494ac55c3e9",
        licence="Apache-2.0",
    ),
    Archive(
        repository="kedro-org/kedro-benchmark-results",
        commit="ea5683f69ab56493b574a29e6f90bc6da43f4570",
        folder=".asv/results",
        licence="Apache-2.0",
    ),
)


def read_histories(archive: Archive, data: Path, length_min: int) -> tuple[History, ...]:
    """
    Return the timed benchmarks of *archive* that have at least *length_min* commits.

    Both formats of asv's result files are read. Of several environments with one Python, the
    first in order of name counts for a commit.

    Args:
        archive: Which one.
        data: Folder with clones, bare or not.
        length_min: In commits.

    Raises:
        StoreError: If there is no clone, or not that commit in it.
    """
    found: dict[tuple[str, str], dict[str, tuple[int, float, float]]] = defaultdict(dict)
    for path, result in _results(archive, data):
        machine = f"{path.split('/')[-2]}-py{result['python']}"
        for benchmark, value, weight in _timings(result):
            point = (int(result["date"]), value, weight)
            found[machine, benchmark].setdefault(result["commit_hash"], point)
    histories = []
    for (machine, benchmark), points in sorted(found.items()):
        if len(points) >= length_min:
            # Ties in date are broken by commit, so that two readings agree.
            ordered = sorted(points, key=lambda commit: (points[commit][0], commit))
            histories.append(
                History(
                    archive=archive.name,
                    machine=machine,
                    benchmark=benchmark,
                    dates_ms=np.array([points[commit][0] for commit in ordered]),
                    values=np.array([points[commit][1] for commit in ordered]),
                    weights=np.array([points[commit][2] for commit in ordered]),
                )
            )
    return tuple(histories)


def _timings(result: Mapping[str, Any]) -> Iterator[tuple[str, float, float]]:
    """Yield benchmark, value and weight of what one result file has."""
    columns = result.get("result_columns")
    for benchmark, row in result["results"].items():
        if "time_" not in benchmark:
            continue
        if columns is not None:
            cells = dict(zip(columns, row or (), strict=False))
        else:
            # Version 1: a number, or an object with result, params and stats.
            cells = row if isinstance(row, dict) else {"result": [row]}
        combinations = itertools.product(*(cells.get("params") or []))
        for index, (labels, value) in enumerate(
            zip(combinations, cells.get("result") or [], strict=False)
        ):
            if isinstance(value, int | float) and 0 < value < math.inf:
                name = f"{benchmark}({', '.join(labels)})" if labels else benchmark
                yield name, float(value), _weight(cells, index)


def _weight(cells: Mapping[str, Any], index: int) -> float:
    """Return what asv's own publishing weighs a point by: _stats.get_weight of asv 0.6."""
    try:
        if "stats_ci_99_a" in cells:
            low, high = cells["stats_ci_99_a"][index], cells["stats_ci_99_b"][index]
        else:
            low, high = cells["stats"][index]["ci_99"]
    except (KeyError, IndexError, TypeError):
        return math.nan
    if low is None or high is None or not 0 < high - low < math.inf:
        return math.nan
    return float(2 / (high - low))


def _results(archive: Archive, data: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    clone = _clone(archive, data)
    listing = _git(clone, "ls-tree", "-r", archive.commit, f"{archive.folder}/")
    blobs = []
    for line in listing.decode().splitlines():
        meta, _, path = line.partition("\t")
        # Results lie one folder down, beside the machine's own file.
        deep = path.removeprefix(f"{archive.folder}/").count("/") == 1
        if deep and path.endswith(".json") and not path.endswith("/machine.json"):
            blobs.append((meta.split()[2], path))
    with subprocess.Popen(
        ["git", "-C", str(clone), "cat-file", "--batch"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as reader:
        assert reader.stdin is not None
        assert reader.stdout is not None
        for blob, path in blobs:
            reader.stdin.write(f"{blob}\n".encode())
            reader.stdin.flush()
            size = int(reader.stdout.readline().split()[2])
            text = reader.stdout.read(size + 1)
            yield path, json.loads(text)
        reader.stdin.close()


def _clone(archive: Archive, data: Path) -> Path:
    clone = data / archive.name
    try:
        _git(clone, "cat-file", "-e", f"{archive.commit}^{{commit}}")
    except (OSError, subprocess.CalledProcessError) as error:
        raise StoreError(
            f"{clone} is no clone of {archive.repository} with commit {archive.commit[:12]}; "
            f"clone that repository there, or leave {archive.name!r} out"
        ) from error
    return clone


def _git(clone: Path, *arguments: str) -> bytes:
    command = ["git", "-C", str(clone), *arguments]
    return subprocess.run(command, check=True, capture_output=True).stdout
