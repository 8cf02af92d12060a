"""
The report as remarks on lines of code, as GitHub and GitLab show them beside a diff.

One for each benchmark, at the place of its own code: what a commit changed lies elsewhere, but
nobody can say where from a measurement.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from agent_perf.report.text import shorten
from agent_perf.report.view import Case, View

Level = Literal["error", "warning", "notice"]

LEVEL_MAX: Final = 10
"""GitHub shows ten remarks of each level and step, and drops the others without a word."""

_TITLE_COLUMNS: Final = 120
_MESSAGE_CHARS: Final = 4_000
"""GitHub cuts a message at 64 KiB; nobody reads a tenth of that beside a diff."""

_LEVELS: Final[Mapping[str, Level]] = {"failure": "error", "error": "error", "skipped": "warning"}
_SEVERITIES: Final = {"error": "major", "warning": "minor", "notice": "info"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a benchmark is written: *path* relative to the root, with slashes; *line* >= 1."""

    path: str
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark:
    """
    What is said of one benchmark.

    Attributes:
        level: How bad it is.
        title: One line.
        message: A line for each metric, then one for each cause.
        place: None if it is not known.
        names: Benchmark, and ``metric:kind`` of each case: what makes it the same remark.
    """

    level: Level
    title: str
    message: str
    place: Place | None
    names: tuple[str, ...]


def make_remarks(view: View, places: Mapping[str, Place]) -> tuple[Remark, ...]:
    """
    Return what is to be said beside the code, errors first; nothing of what passed.

    Args:
        view: Of a comparison.
        places: Benchmark to where it is written; those that are missing get no place.
    """
    groups: dict[tuple[str, Level], list[Case]] = {}
    for case in view.cases:
        if case.state != "passed":
            level = "notice" if case.kind == "waived" else _LEVELS[case.state]
            groups.setdefault((case.group, level), []).append(case)
    remarks = [
        _remark(benchmark, level, cases, places.get(benchmark))
        for (benchmark, level), cases in groups.items()
    ]
    order = list(_SEVERITIES)
    return tuple(sorted(remarks, key=lambda one: order.index(one.level)))


def github_commands(remarks: Sequence[Remark]) -> tuple[str, ...]:
    """
    Return *remarks* as workflow commands, a line each, at most ten of each level.

    Source: GitHub Docs, *Workflow commands for GitHub Actions*, "Setting an error message";
    the escapes are those of actions/toolkit, packages/core/src/command.ts.
    """
    lines = []
    for level in _SEVERITIES:
        those = [one for one in remarks if one.level == level]
        shown = those if len(those) <= LEVEL_MAX else those[: LEVEL_MAX - 1]
        lines += [_command(one.level, one.title, one.message, one.place) for one in shown]
        if rest := those[len(shown) :]:
            names = ", ".join(one.names[0] for one in rest)
            title = f"{len(rest)} more benchmarks"
            lines.append(_command(rest[0].level, title, names, None))
    return tuple(lines)


def error_command(message: str) -> str:
    """Return the workflow command that tells why nothing could be judged."""
    return _command("error", "agent-perf", message, None)


def gitlab_code_quality(remarks: Sequence[Remark], *, default_path: str) -> str:
    """
    Return *remarks* as a report of GitLab's code quality.

    Args:
        remarks: In their order.
        default_path: File for those without a place: GitLab refuses an entry without one.

    Source: GitLab Docs, *Code Quality*, "Code Quality report format".
    """
    entries = [
        {
            "description": f"{one.title}\n{one.message}".strip(),
            "check_name": "agent-perf",
            # Without figures, so that the same finding is the same entry in the next pipeline.
            "fingerprint": hashlib.sha256("\0".join(one.names).encode()).hexdigest(),
            "severity": _SEVERITIES[one.level],
            "location": {
                "path": one.place.path if one.place else default_path,
                "lines": {"begin": one.place.line if one.place else 1},
            },
        }
        for one in remarks
    ]
    return json.dumps(entries, indent=2, ensure_ascii=False) + "\n"


def _remark(benchmark: str, level: Level, cases: Sequence[Case], place: Place | None) -> Remark:
    first = cases[0]
    more = f" and {len(cases) - 1} more" if len(cases) > 1 else ""
    kind = first.kind.replace("-", " ")
    lines = [f"{case.name}: {case.message}" for case in cases]
    # A traceback, or the causes: the same for each metric of a benchmark.
    lines += dict.fromkeys(case.text for case in cases if case.text)
    message = "\n".join(lines)
    return Remark(
        level=level,
        title=shorten(f"{benchmark} {first.name}{more}: {kind}", _TITLE_COLUMNS),
        message=message if len(message) <= _MESSAGE_CHARS else f"{message[:_MESSAGE_CHARS]}…",
        place=place,
        names=(benchmark, *(f"{case.name}:{case.kind}" for case in cases)),
    )


def _command(level: Level, title: str, message: str, place: Place | None) -> str:
    where = {"file": place.path, "line": str(place.line)} if place else {}
    properties = ",".join(
        f"{name}={_property(value)}" for name, value in {**where, "title": title}.items()
    )
    return f"::{level} {properties}::{_data(message)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
