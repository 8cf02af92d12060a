"""
Whole results folders of asv as a history: thousands of files, each read once, in processes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from agent_perf.errors import NothingMeasuredError, StoreError
from agent_perf.history.asv_file import AsvFile, AsvResult, labels, named, read_asv_file
from agent_perf.history.asv_results import AsvBenchmark, base_unit, read_index, result_files
from agent_perf.history.processes import map_in_processes
from agent_perf.history.targets import Targets, target_of
from agent_perf.history.tracks import History, Track
from agent_perf.records import Evidence
from agent_perf.repository import Commit

_FILES_PER_TASK: Final = 128
_METRICS: Final = {"s": "time", "bytes": "memory"}
_UNKNOWN: Final = AsvBenchmark(unit="unit", version="", kind="")
_HOME_FACTS: Final = frozenset({"machine", "python"})

Key = tuple[str, str, str]
"""Benchmark with its parameters, its name without them, digest of its code."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Origin:
    """Which commit a file is of, and where it was measured."""

    commit: str
    date_ms: int
    home: tuple[tuple[str, str], ...]
    machine: Mapping[str, str]
    requirements: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Part:
    """What some files hold: a row for each file, a column for each key."""

    origins: tuple[_Origin, ...]
    keys: tuple[Key, ...]
    values: NDArray[np.float64]
    skipped: tuple[str, ...]


def read_asv_history(
    folder: Path,
    line: Sequence[Commit] | None = None,
    *,
    targets: Targets | None = None,
    jobs: int | None = None,
) -> History:
    """
    Return what asv kept in *folder*, its ``results_dir``, along a line of commits.

    Machines, Pythons and entries of the matrix are never mixed, nor are values of a
    benchmark whose code was different (asv's benchmark version).

    Args:
        folder: With ``benchmarks.json`` in it.
        line: Commits, oldest first; others in the folder are left out and counted in the
            notes. None: every commit there is, by date.
        targets: Which targets hold for scenarios; those that they declare if None.
        jobs: Processes that read; one per core if None.

    Raises:
        StoreError: If there is no ``benchmarks.json``, or it cannot be read.
        NothingMeasuredError: If no file holds a value of any of the commits.
    """
    index = read_index(folder)
    files = result_files(folder)
    tasks = [files[i : i + _FILES_PER_TASK] for i in range(0, len(files), _FILES_PER_TASK)]
    parts = tuple(map_in_processes(_read_part, tasks, jobs))
    origins = [origin for part in parts for origin in part.origins]
    commits = _by_date(origins) if line is None else tuple(line)
    positions = {commit.id: index for index, commit in enumerate(commits)}
    skipped = [message for part in parts for message in part.skipped]
    notes = list(skipped)
    strangers = {origin.commit for origin in origins} - set(positions)
    if strangers:
        notes.append(f"{len(strangers)} measured commits are not on this line, and left out")
    names = _home_names(origins)
    tracks = tuple(_tracks(parts, positions, names, index, targets))
    if not tracks:
        unread = f" ({len(skipped)} not read, the first: {skipped[0]})" if skipped else ""
        raise NothingMeasuredError(
            f"no values of these {len(commits)} commits in {folder}: {len(files)} result files"
            f"{unread} of {len({origin.commit for origin in origins})} commits; see that it "
            "belongs to this repository, or name another range"
        )
    return History(
        commits=commits,
        tracks=tracks,
        surroundings=_surroundings(origins, positions, names),
        matrix=_matrix(origins),
        notes=tuple(notes),
    )


def _read_part(paths: Sequence[Path]) -> _Part:
    """Return the values of some files; it runs in a process of its own."""
    origins, skipped = [], []
    columns: dict[Key, int] = {}
    places: dict[tuple[str, bytes, bytes], list[int]] = {}
    cells: list[tuple[list[int], list[float | None]]] = []
    for path in paths:
        try:
            file = read_asv_file(path, AsvResult)
            with named(path):
                found = _cells(file, columns, places)
        except StoreError as error:
            skipped.append(str(error))
            continue
        origins.append(_origin(file, path.parent.name))
        cells.append(found)
    values = np.full((len(origins), len(columns)), np.nan)
    for row, (indices, numbers) in zip(values, cells, strict=True):
        row[indices] = np.array(numbers, dtype=np.float64)
    return _Part(
        origins=tuple(origins),
        keys=tuple(columns),
        values=values,
        skipped=tuple(skipped),
    )


def _cells(
    file: AsvFile[AsvResult],
    columns: dict[Key, int],
    places: dict[tuple[str, bytes, bytes], list[int]],
) -> tuple[list[int], list[float | None]]:
    """Return the columns that *file* has values for, and the values."""
    indices: list[int] = []
    numbers: list[float | None] = []
    for benchmark, row in file.rows.items():
        result = row.result
        if not result:
            continue
        # Undecoded cells tell benchmarks apart as well as decoded ones, and at once.
        shape = (benchmark, bytes(row.params), bytes(row.version))
        known = places.get(shape)
        if known is None:
            version = str(msgspec.json.decode(row.version) or "")
            known = places[shape] = [
                columns.setdefault((label, benchmark, version), len(columns))
                for label in labels(benchmark, shape[1])
            ]
        count = min(len(known), len(result))
        indices += known[:count]
        numbers += result[:count]
    return indices, numbers


def _origin(file: AsvFile[AsvResult], machine: str) -> _Origin:
    home = {"machine": machine, "python": f"py{file.python}", **file.requirements, **file.env_vars}
    facts = {
        name: value
        for name, value in file.machine.items()
        if name not in _HOME_FACTS and name not in file.requirements
    }
    return _Origin(
        commit=file.commit,
        date_ms=file.date_ms,
        home=tuple(sorted(home.items())),
        machine=facts,
        requirements=file.requirements,
    )


def _matrix(origins: Iterable[_Origin]) -> dict[str, frozenset[str]]:
    pins = {pin for origin in origins for pin in origin.requirements.items()}
    return {
        name: frozenset(version for other, version in pins if other == name and version)
        for name in sorted({name for name, _ in pins})
    }


def _by_date(origins: Iterable[_Origin]) -> tuple[Commit, ...]:
    dates = {origin.commit: origin.date_ms for origin in origins}
    return tuple(
        Commit(id=commit, subject="", time_s=dates[commit] // 1000)
        for commit in sorted(dates, key=lambda commit: (dates[commit], commit))
    )


def _home_names(origins: Sequence[_Origin]) -> dict[tuple[tuple[str, str], ...], str]:
    """Return each home's name: what tells it from the others; empty if there is one."""
    homes = list(dict.fromkeys(origin.home for origin in origins))
    counts = Counter(fact for home in homes for fact in home)
    names = {}
    for home in homes:
        facts = [(name, value) for name, value in home if counts[name, value] < len(homes)]
        ordered = sorted(facts, key=lambda fact: (fact[0] != "machine", fact[0] != "python", fact))
        names[home] = ", ".join(
            value if name in _HOME_FACTS else f"{name} {value or 'any'}" for name, value in ordered
        )
    return names


def _tracks(
    parts: Sequence[_Part],
    positions: Mapping[str, int],
    names: Mapping[tuple[tuple[str, str], ...], str],
    index: Mapping[str, AsvBenchmark],
    targets: Targets | None,
) -> Iterator[Track]:
    arrays: dict[tuple[str, Key], NDArray[np.float64]] = {}
    for part in parts:
        groups: dict[str, list[tuple[int, int]]] = {}
        for row, origin in enumerate(part.origins):
            position = positions.get(origin.commit)
            if position is not None:
                groups.setdefault(names[origin.home], []).append((row, position))
        for home, places in groups.items():
            rows, where = (np.array(side) for side in zip(*places, strict=True))
            for column, key in enumerate(part.keys):
                values = part.values[rows, column]
                known = ~np.isnan(values)
                if known.any():
                    array = arrays.get((home, key))
                    if array is None:
                        array = arrays[home, key] = np.full(len(positions), np.nan)
                    array[where[known]] = values[known]
    for (home, (label, benchmark, version)), array in sorted(arrays.items(), key=lambda i: i[0]):
        known_as = index.get(benchmark, _UNKNOWN)
        unit, scale = base_unit(known_as.unit)
        yield Track(
            benchmark=label,
            metric=_METRICS.get(unit, "value"),
            unit=unit,
            evidence=_evidence(known_as, array),
            home=home,
            edition=version,
            values=array * scale,
            target=target_of(label, known_as, targets),
        )


def _evidence(benchmark: AsvBenchmark, values: NDArray[np.float64]) -> Evidence:
    """
    Return how to judge what asv kept.

    Scenarios of ours are exact, times and peak memory sampled. Another ``track_*`` benchmark
    may count or measure, and asv does not say which: counts repeat themselves. So does the
    memory of a process, in pages, and moves by a few of them for no reason.
    """
    if benchmark.exact:
        return Evidence.EXACT
    known = values[~np.isnan(values)]
    repeated = np.count_nonzero(np.diff(known) == 0) >= (len(known) - 1) / 2
    exact = repeated and not benchmark.kind.startswith(("time", "peakmem"))
    return Evidence.EXACT if exact else Evidence.SAMPLED


def _surroundings(
    origins: Sequence[_Origin],
    positions: Mapping[str, int],
    names: Mapping[tuple[tuple[str, str], ...], str],
) -> dict[str, dict[int, Mapping[str, str]]]:
    found: dict[str, dict[int, Mapping[str, str]]] = {}
    for origin in origins:
        if origin.commit in positions:
            home = found.setdefault(names[origin.home], {})
            home[positions[origin.commit]] = origin.machine
    return found
