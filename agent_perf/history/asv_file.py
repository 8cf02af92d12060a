"""
One result file of asv, decoded once and no further than asked.

Format: asv documentation, "Benchmark suite layout and file formats", "Results"; version 1 as
asv's own ``Results.update_to_2`` reads it.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, Generic, TypeVar

import msgspec

from agent_perf.codec import read_file
from agent_perf.errors import StoreError

_VERSIONS: Final = (1, 2)
_NO_JSON: Final = (b"-Infinity", b"Infinity", b"NaN")
_TOKENS: Final = re.compile(rb'"(?:[^"\\]|\\.)*"|-?Infinity|NaN', re.DOTALL)
_NULL: Final = msgspec.Raw(b"null")
_CHOICES: Final = msgspec.json.Decoder(list[list[str]] | None)
_COMBINATIONS_MAX: Final = 100_000

Numbers = list[float | None] | None
"""One for each combination of parameters; None for what failed or was skipped."""


class AsvResult(msgspec.Struct, array_like=True):
    """
    What a file says of one benchmark: the first columns of its row.

    Attributes:
        result: In the benchmark's unit.
        params: Undecoded: the choices of each parameter.
        version: Undecoded: digest of the benchmark's code.
    """

    result: Numbers = None
    params: msgspec.Raw = _NULL
    version: msgspec.Raw = _NULL


class AsvStatistics(AsvResult, array_like=True):
    """
    All columns up to the last that we read.

    Attributes:
        stats_ci_99_a: Lower end of the 99 % interval of *result*.
        stats_ci_99_b: Upper end.
        stats_repeat: Number of samples.
    """

    started_at: msgspec.Raw = _NULL
    duration: msgspec.Raw = _NULL
    stats_ci_99_a: Numbers = None
    stats_ci_99_b: Numbers = None
    stats_q_25: msgspec.Raw = _NULL
    stats_q_75: msgspec.Raw = _NULL
    stats_number: msgspec.Raw = _NULL
    stats_repeat: Numbers = None


_UNREADABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What msgspec raises for a file that is cut, no text, or nested without end."""

Row = TypeVar("Row", bound=AsvResult)


@dataclass(frozen=True, slots=True, kw_only=True)
class AsvFile(Generic[Row]):
    """
    A result file: one commit in one environment.

    Attributes:
        commit: 40 hex digits.
        date_ms: The commit's time in ms since 1970.
        python: ``3.11``; empty if unknown.
        requirements: Package to version, from the matrix; empty for any.
        machine: What is said of the machine: name to value, as ``cpu``, ``os``, ``ram``.
        env_vars: Environment variables that the matrix sets.
        rows: By benchmark, its name without parameters.
    """

    commit: str
    date_ms: int
    python: str
    requirements: Mapping[str, str]
    machine: Mapping[str, str]
    env_vars: Mapping[str, str]
    rows: Mapping[str, Row]


def read_asv_file(path: Path, kind: type[Row]) -> AsvFile[Row]:
    """
    Return the result file at *path*.

    Args:
        path: The file.
        kind: How much of each row is wanted: what is not, is not decoded.

    Raises:
        StoreError: If it cannot be read, is cut, of an unknown format, or no result file.
    """
    data = _strict(read_file(path))
    try:
        header = _HEADER.decode(data)
    except _UNREADABLE as error:
        raise StoreError(f"{path} is not a whole JSON file of asv ({error}); delete it") from error
    if header.version not in _VERSIONS:
        raise StoreError(
            f"{path} has format version {header.version}, and this agent-perf reads 1 and 2; "
            "run `asv update` for older files, or upgrade agent-perf"
        )
    try:
        content, rows = _decode(data, header, kind)
    except (*_UNREADABLE, AttributeError, TypeError) as error:
        raise StoreError(f"{path} is not a result file of asv ({error}); delete it") from error
    return AsvFile(
        commit=content.commit_hash,
        date_ms=content.date,
        python=content.python or "",
        requirements={name: pin or "" for name, pin in content.requirements.items()},
        machine={name: str(value) for name, value in content.params.items()},
        env_vars=content.env_vars,
        rows=rows,
    )


@contextmanager
def named(path: Path) -> Iterator[None]:
    """
    Name the file at *path* in what the body, which knows its rows alone, finds wrong.

    Raises:
        StoreError: As the body does.
    """
    try:
        yield
    except StoreError as error:
        raise StoreError(f"{path}: {error}") from error


@lru_cache(maxsize=65_536)
def labels(benchmark: str, params: bytes) -> tuple[str, ...]:
    """
    Return *benchmark* with each combination of its undecoded parameters, in asv's order.

    Raises:
        StoreError: If they are no lists of texts, or have more than 100,000 combinations.
    """
    try:
        choices = _CHOICES.decode(params) or []
    except _UNREADABLE as error:
        raise StoreError(
            f"parameters of {benchmark!r} are no lists of texts ({error}); run it again"
        ) from error
    # A few bytes can name more combinations than there is memory for.
    if math.prod(map(len, choices)) > _COMBINATIONS_MAX:
        raise StoreError(
            f"parameters of {benchmark!r} have {math.prod(map(len, choices)):,} combinations; "
            f"want {_COMBINATIONS_MAX:,} at most"
        )
    return tuple(
        f"{benchmark}({', '.join(combination)})" if combination else benchmark
        for combination in itertools.product(*choices)
    )


class _Header(msgspec.Struct):
    version: int | None = None
    result_columns: tuple[str, ...] = ()


class _Meta(msgspec.Struct):
    commit_hash: str
    date: int
    python: str | None = None
    requirements: dict[str, str | None] = {}
    params: dict[str, Any] = {}
    env_vars: dict[str, str] = {}
    benchmark_version: dict[str, str] = {}


class _Loose(_Meta, kw_only=True):
    results: dict[str, Any]


_HEADER: Final = msgspec.json.Decoder(_Header)


@lru_cache(maxsize=4)
def _decoder(kind: type[Row]) -> msgspec.json.Decoder[Any]:
    content = msgspec.defstruct(
        "_Content",
        [("results", dict[str, kind])],  # type: ignore[valid-type]  # kind is a class.
        bases=(_Meta,),
        kw_only=True,
    )
    return msgspec.json.Decoder(content)


def _decode(data: bytes, header: _Header, kind: type[Row]) -> tuple[_Meta, Mapping[str, Row]]:
    wanted = kind.__struct_fields__
    if header.version == 2 and header.result_columns[: len(wanted)] == wanted:
        try:
            content = _decoder(kind).decode(data)
        except msgspec.ValidationError:
            # A benchmark returned a text among its numbers, or a row is null: asv keeps it.
            pass
        else:
            return content, content.results
    loose = msgspec.json.decode(data, type=_Loose)
    rows = {}
    for name, entry in loose.results.items():
        columns = (
            dict(zip(header.result_columns, entry or (), strict=False))
            if header.version == 2
            else _columns_of_1(entry) | {"version": loose.benchmark_version.get(name)}
        )
        row = [_cell(column, columns.get(column)) for column in wanted]
        rows[name] = msgspec.json.decode(msgspec.json.encode(row), type=kind)
    return loose, rows


def _columns_of_1(entry: Any) -> dict[str, Any]:
    """Return a row of format 1, a number or a table, by the columns of format 2."""
    table = entry if isinstance(entry, dict) else {"result": entry}
    stats = [one or {} for one in _listed(table.get("stats"))]
    return {
        "result": _listed(table.get("result")),
        "params": table.get("params"),
        "stats_repeat": [one.get("repeat") for one in stats] or None,
        "stats_ci_99_a": [(one.get("ci_99") or (None, None))[0] for one in stats] or None,
        "stats_ci_99_b": [(one.get("ci_99") or (None, None))[1] for one in stats] or None,
    }


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _cell(column: str, value: Any) -> Any:
    """Return *value* with everything that is no number left out, where numbers belong."""
    if column not in {"result", "stats_repeat", "stats_ci_99_a", "stats_ci_99_b"}:
        return value
    if not isinstance(value, Iterable):
        return None
    return [one if isinstance(one, int | float) else None for one in value]


def _strict(data: bytes) -> bytes:
    """Return *data* with null for NaN and Infinity, which asv writes and JSON has not."""
    if not any(word in data for word in _NO_JSON):
        return data
    if b"\\" in data:
        return _TOKENS.sub(lambda m: m[0] if m[0].startswith(b'"') else b"null", data)
    # Without escapes, every second part between quotes is outside of strings: ten times as
    # fast, and nearly all files are so.
    parts = data.split(b'"')
    for index in range(0, len(parts), 2):
        if b"N" in parts[index] or b"I" in parts[index]:
            for word in _NO_JSON:
                parts[index] = parts[index].replace(word, b"null")
    return b'"'.join(parts)
