"""
Which tool wrote a file, found by what is in it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, cast

from agent_perf.errors import SampleError, StoreError
from agent_perf.intake import (
    aiperf,
    asv,
    guidellm,
    hyperfine,
    k6,
    locust,
    pyperf,
    pytest_benchmark,
)
from agent_perf.intake.text import ForeignText, read_text
from agent_perf.intake.tree import Tree
from agent_perf.records import TimingFile


@dataclass(frozen=True, slots=True, kw_only=True)
class _Format:
    """A tool's files: *recognises* looks at the top level, *parse* reads the whole."""

    name: str
    recognises: Callable[[Mapping[str, object]], bool]
    parse: Callable[[Tree], tuple[TimingFile, ...]]
    remedy: str


_FORMATS: Final = (
    _Format(
        name="hyperfine (--export-json)",
        recognises=hyperfine.recognises,
        parse=hyperfine.parse,
        remedy=hyperfine.REMEDY,
    ),
    _Format(
        name="pyperf (-o)",
        recognises=pyperf.recognises,
        parse=pyperf.parse,
        remedy=pyperf.REMEDY,
    ),
    _Format(
        name="k6 (--summary-export, or handleSummary's data)",
        recognises=k6.recognises,
        parse=k6.parse,
        remedy=k6.REMEDY,
    ),
    _Format(
        name="AIPerf (profile_export_aiperf.json)",
        recognises=aiperf.recognises,
        parse=aiperf.parse,
        remedy=aiperf.REMEDY,
    ),
    _Format(
        name="guidellm (benchmarks.json)",
        recognises=guidellm.recognises,
        parse=guidellm.parse,
        remedy=guidellm.REMEDY,
    ),
    _Format(
        name="asv (results/MACHINE/COMMIT-ENVIRONMENT.json)",
        recognises=asv.recognises,
        parse=asv.parse,
        remedy=asv.REMEDY,
    ),
)
_LOCUST: Final = "Locust (--json-file, or _stats.csv)"
_WORDS_MAX: Final = 1_000
_PYTEST_BENCHMARK: Final = "pytest-benchmark 3 to 5 (--benchmark-json)"


def read_timings(path: Path) -> tuple[TimingFile, ...]:
    """
    Return what the file at *path* holds, whichever tool wrote it: one for each process.

    Raises:
        StoreError: If it cannot be read, is cut, or of no format that is known.
        SampleError: If it holds a time that is none.
    """
    file = read_text(path)
    try:
        found = _parsed(file)
    except (SampleError, StoreError) as error:
        words = str(error)
        if not words.startswith(file.source):
            words = f"{file.source}: {words}"
        # A name or a value of the file may be in it, and terminals obey control characters.
        raise type(error)(_on_one_line(words)) from error
    if not found:
        raise StoreError(f"{file.source} holds no process and no run: write it again")
    return found


def _on_one_line(words: str) -> str:
    shown = words if len(words) <= _WORDS_MAX else f"{words[:_WORDS_MAX]}…"
    return "".join(sign if sign.isprintable() else repr(sign)[1:-1] for sign in shown)


def _parsed(file: ForeignText) -> tuple[TimingFile, ...]:
    if aiperf.recognises_record(file.json):
        return _of_records(replace(file, records=(file.json,)))
    if isinstance(file.json, dict):
        return _of_table(file, cast("Mapping[str, object]", file.json))
    if locust.recognises(file.json):
        return locust.parse(Tree(file.json, file.source, locust.REMEDY))
    if file.records:
        return _of_records(file)
    if locust.recognises_csv(file.text):
        return locust.parse_csv(file.text, file.source)
    raise StoreError(f"{file.source} is {_seen(file)}; {_wanted()}")


def _of_records(file: ForeignText) -> tuple[TimingFile, ...]:
    first = file.records[0]
    if aiperf.recognises_record(first):
        lines = (
            Tree(value, file.source, aiperf.REMEDY, f"line {number}")
            for number, value in enumerate(file.records, 1)
        )
        return aiperf.parse_records(tuple(lines))
    if k6.recognises_point(first):
        raise StoreError(
            f"{file.source} is of k6 run --out json, every point that k6 measured: {k6.REMEDY}"
        )
    raise StoreError(f"{file.source} is of no format that is known; {_wanted()}")


def _seen(file: ForeignText) -> str:
    return "of no format that is known" if file.text.strip() else "empty: its tool wrote nothing"


def _of_table(file: ForeignText, top: Mapping[str, object]) -> tuple[TimingFile, ...]:
    if pytest_benchmark.recognises(top):
        return (pytest_benchmark.parse(file.content, file.source),)
    for one in _FORMATS:
        if one.recognises(top):
            return one.parse(Tree(top, file.source, one.remedy))
    keys = ", ".join(sorted(key if key.isprintable() else repr(key) for key in top)[:20])
    raise StoreError(
        f"{file.source} is of no format that is known, its keys are {keys or 'none'}; {_wanted()}"
    )


def _wanted() -> str:
    names = (*(one.name for one in _FORMATS), _LOCUST)
    return f"want a file of {', '.join(names)} or {_PYTEST_BENCHMARK}"
