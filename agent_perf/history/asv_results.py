"""
Reads the result files that asv writes, without asv: JSON, version 2 of its format.

Format: asv documentation, "Benchmark suite layout and file formats", "Results".
"""

from __future__ import annotations

import itertools
import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from agent_perf.codec import read_file
from agent_perf.errors import StoreError
from agent_perf.records import Evidence, Point, Series

_VERSION: Final = 2
_INDEX: Final = frozenset({"benchmarks.json", "machine.json"})
_UNITS: Final = {"seconds": ("s", 1.0), "ms": ("s", 1e-3), "bytes": ("bytes", 1.0)}
_LOW: Final = "stats_ci_99_a"
_HIGH: Final = "stats_ci_99_b"


@dataclass(frozen=True, slots=True, kw_only=True)
class AsvValue:
    """
    One value that asv kept.

    Attributes:
        benchmark: Its name, with its parameters: ``agent.Chat.track_latency(200, 'p95')``.
        commit: 40 hex digits.
        date_ms: The commit's time in ms since 1970.
        machine: Name of the machine.
        python: ``3.11``.
        requirements: Package to version, from the matrix; empty for any.
        unit: As in units.format_value.
        evidence: Sampled if asv computed statistics, else exact.
        value: Finite, in *unit*.
        interval: 99 % interval of *value*; None if asv kept none.
        sample_count: At least 1.
    """

    benchmark: str
    commit: str
    date_ms: int
    machine: str
    python: str
    requirements: Mapping[str, str]
    unit: str
    evidence: Evidence
    value: float
    interval: tuple[float, float] | None
    sample_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AsvShelf:
    """
    What a results folder of asv holds.

    Attributes:
        values: In order of files and benchmarks.
        skipped: One message for each file that was not read.
    """

    values: tuple[AsvValue, ...]
    skipped: tuple[str, ...]


def read_asv_results(folder: Path) -> AsvShelf:
    """
    Return what asv kept in *folder*, its ``results_dir``.

    A file that is cut, or of another version, is told, and hides none of the others.

    Raises:
        StoreError: If there is no ``benchmarks.json`` in *folder*, or it cannot be read.
    """
    index = folder / "benchmarks.json"
    units = {
        name: str(entry.get("unit", "unit"))
        for name, entry in _load(index).items()
        if isinstance(entry, dict)
    }
    values: list[AsvValue] = []
    skipped = []
    for path in sorted(folder.glob("*/*.json")):
        if path.name not in _INDEX:
            try:
                values += _values(_load(path), path.parent.name, units)
            except StoreError as error:
                skipped.append(str(error))
            except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
                skipped.append(f"{path} is not a result file of asv ({error!r}); delete it")
    return AsvShelf(values=tuple(values), skipped=tuple(skipped))


def series_along(values: Sequence[AsvValue], axis: str) -> tuple[Series, ...]:
    """
    Return one series per benchmark over the versions of requirement *axis*.

    Where a version was measured at several commits, the newest commit counts. Machines and
    Pythons are never mixed: if there are several, each has its own series, and says so.

    Args:
        values: As read.
        axis: A package that the matrix names.
    """
    groups: dict[tuple[str, str, str], dict[str, AsvValue]] = {}
    for value in sorted(values, key=lambda value: value.date_ms):
        version = value.requirements.get(axis)
        if version:
            group = (value.benchmark, value.machine, value.python)
            groups.setdefault(group, {})[version] = value
    homes = {(machine, python) for _, machine, python in groups}
    return tuple(
        _series(name if len(homes) == 1 else f"{name} [{machine}, py{python}]", axis, found)
        for (name, machine, python), found in sorted(groups.items(), key=lambda item: item[0])
    )


def _series(name: str, axis: str, found: Mapping[str, AsvValue]) -> Series:
    any_value = next(iter(found.values()))
    return Series(
        benchmark=name,
        axis=axis,
        unit=any_value.unit,
        evidence=any_value.evidence,
        points=tuple(
            Point(
                label=version,
                value=found[version].value,
                interval=found[version].interval,
                sample_count=found[version].sample_count,
            )
            for version in sorted(found, key=_version_key)
        ),
    )


def _version_key(version: str) -> tuple[tuple[int, int, str], ...]:
    """Order 9.0 before 10.0, and 8.0rc1 before 8.0."""
    parts = re.findall(r"\d+|[a-z]+", version.lower())
    key = [(1, int(part), "") if part.isdigit() else (-1, 0, part) for part in parts]
    return (*key, (0, 0, ""))


def _values(data: Mapping[str, Any], machine: str, units: Mapping[str, str]) -> Iterator[AsvValue]:
    columns: list[str] = data["result_columns"]
    for name, cells in data["results"].items():
        # asv trims what is None at the end of a row.
        row = dict(zip(columns, cells, strict=False))
        unit, scale = _UNITS.get(units.get(name, "unit"), (units.get(name, "unit"), 1.0))
        for index, label in enumerate(_labels(name, row.get("params") or [])):
            value = _cell(row, "result", index)
            if value is not None:
                low, high = _cell(row, _LOW, index), _cell(row, _HIGH, index)
                repeat = _cell(row, "stats_repeat", index)
                yield AsvValue(
                    benchmark=label,
                    commit=data["commit_hash"],
                    date_ms=data["date"],
                    machine=machine,
                    python=data["python"],
                    requirements=data["requirements"],
                    unit=unit,
                    evidence=Evidence.EXACT if repeat is None else Evidence.SAMPLED,
                    value=value * scale,
                    interval=None if low is None or high is None else (low * scale, high * scale),
                    sample_count=max(1, round(repeat or 1)),
                )


def _labels(name: str, params: Sequence[Sequence[str]]) -> Iterator[str]:
    for combination in itertools.product(*params):
        yield f"{name}({', '.join(combination)})" if combination else name


def _cell(row: Mapping[str, Any], column: str, index: int) -> float | None:
    """Return a finite number, or None for what is missing, failed, skipped or infinite."""
    cells = row.get(column)
    if cells is None or index >= len(cells):
        return None
    cell = cells[index]
    return float(cell) if isinstance(cell, int | float) and math.isfinite(cell) else None


def _load(path: Path) -> dict[str, Any]:
    try:
        # Not msgspec: asv writes NaN and Infinity, which are no JSON.
        data = json.loads(read_file(path))
    except ValueError as error:
        raise StoreError(f"{path} is not a whole JSON file ({error}); delete it") from error
    version = data.get("version") if isinstance(data, dict) else None
    if version != _VERSION:
        raise StoreError(
            f"{path} has format version {version}, and this agent-perf reads {_VERSION}; "
            "run `asv update` for older files"
        )
    assert isinstance(data, dict)
    return data
