"""
Reads the results that asv keeps, without asv.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from agent_perf.codec import read_file
from agent_perf.errors import StoreError
from agent_perf.history.asv_file import (
    AsvFile,
    AsvStatistics,
    Numbers,
    labels,
    named,
    read_asv_file,
)
from agent_perf.records import Evidence, Point, Series

_INDEX: Final = frozenset({"benchmarks.json", "machine.json"})
_UNITS: Final = {"seconds": ("s", 1.0), "ms": ("s", 1e-3), "bytes": ("bytes", 1.0)}


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
class AsvBenchmark:
    """
    What the index says of a benchmark.

    Attributes:
        unit: As asv writes it.
        version: Digest of its code.
        kind: ``time``, ``timeraw``, ``track``, ``peakmemory``...; empty if unknown.
        scenario: The scenario of ours that it tracks, in virtual time; empty for others.
        targets: What that scenario declares: metric to the worst value allowed, in base units.
    """

    unit: str
    version: str
    kind: str
    scenario: str = ""
    targets: Mapping[str, float] = field(default_factory=dict)

    @property
    def exact(self) -> bool:
        """Whether its values are the same on every machine."""
        return bool(self.scenario)


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
    units = {name: entry.unit for name, entry in read_index(folder).items()}
    values: list[AsvValue] = []
    skipped = []
    for path in result_files(folder):
        try:
            file = read_asv_file(path, AsvStatistics)
            with named(path):
                values += tuple(_values(file, path.parent.name, units))
        except StoreError as error:
            skipped.append(str(error))
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


def _values(
    file: AsvFile[AsvStatistics], machine: str, units: Mapping[str, str]
) -> Iterator[AsvValue]:
    for benchmark, row in file.rows.items():
        unit, scale = base_unit(units.get(benchmark, "unit"))
        for index, label in enumerate(labels(benchmark, bytes(row.params))):
            value = _cell(row.result, index)
            if value is not None:
                low, high = _cell(row.stats_ci_99_a, index), _cell(row.stats_ci_99_b, index)
                repeat = _cell(row.stats_repeat, index)
                yield AsvValue(
                    benchmark=label,
                    commit=file.commit,
                    date_ms=file.date_ms,
                    machine=machine,
                    python=file.python,
                    requirements=file.requirements,
                    unit=unit,
                    evidence=Evidence.EXACT if repeat is None else Evidence.SAMPLED,
                    value=value * scale,
                    interval=None if low is None or high is None else (low * scale, high * scale),
                    sample_count=max(1, round(repeat or 1)),
                )


def _cell(column: Numbers, index: int) -> float | None:
    return column[index] if column and index < len(column) else None


def result_files(folder: Path) -> tuple[Path, ...]:
    """Return asv's result files in *folder*, its ``results_dir``, by machine and name."""
    return tuple(path for path in sorted(folder.glob("*/*.json")) if path.name not in _INDEX)


def base_unit(unit: str) -> tuple[str, float]:
    """Return the unit in which we keep what asv keeps in *unit*, and the factor to it."""
    return _UNITS.get(unit, (unit, 1.0))


def read_index(folder: Path) -> dict[str, AsvBenchmark]:
    """
    Return benchmark name to what ``benchmarks.json`` in *folder* says of it.

    Raises:
        StoreError: If there is none, or it cannot be read.
    """
    path = folder / "benchmarks.json"
    try:
        # Not msgspec: asv writes NaN and Infinity, which are no JSON.
        data = json.loads(read_file(path))
    except (ValueError, RecursionError) as error:
        raise StoreError(
            f"{path} is not a whole JSON file ({error}); run `asv run` to write it anew"
        ) from error
    if not isinstance(data, dict):
        raise StoreError(f"{path} is no table of benchmarks; run `asv run` to write it anew")
    return {
        name: AsvBenchmark(
            unit=str(entry.get("unit", "unit")),
            version=str(entry.get("version", "")),
            kind=str(entry.get("type", "")),
            scenario=str(entry.get("scenario", "")),
            targets=_targets(entry.get("targets")),
        )
        for name, entry in data.items()
        if isinstance(entry, dict)
    }


def _targets(declared: object) -> dict[str, float]:
    """Return what *declared* promises; asv writes whatever a benchmark carries."""
    if not isinstance(declared, dict):
        return {}
    return {
        str(name): float(value)
        for name, value in declared.items()
        if isinstance(value, int | float) and not isinstance(value, bool)
        # JSON of asv's may hold NaN, Infinity, and whole numbers that no float can.
        if abs(value) <= sys.float_info.max
    }
