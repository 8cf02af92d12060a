"""
The configuration: ``[tool.agent-perf]`` in pyproject.toml, or ``agent-perf.toml``.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Final

import msgspec

from agent_perf.errors import ConfigError

_FILE: Final = "agent-perf.toml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """
    What a project says of its benchmarks.

    Attributes:
        benchmarks: Package with the scenarios, relative to the root.
        under_test: Folders that are taken from the commit under test, when the package
            they belong to also holds the harness; empty: the whole tree.
        source: Folders put on the import path, relative to the root: ``.`` or ``src``.
        results: Where runs are kept.
        baselines: Where named baselines are kept; commit this folder.
        reports: Where reports are written.
        waivers: File of what is accepted until a date; commit it.
        limits: Metric pattern to the change allowed: ``"15%"``, ``"+0"``, ``"off"``.
        targets: Benchmark pattern to metric to the largest value: ``"150ms"``.
        time_limit_s: Real seconds for one benchmark, > 0.
        instructions: Whether `compare` counts instructions: of no micro-benchmark, of all, or
            of those that match a pattern.
        undecided: ``fail`` or ``pass``: what an undecided gate ends with.
    """

    benchmarks: str = "benchmarks"
    under_test: tuple[str, ...] = ()
    source: tuple[str, ...] = (".", "src")
    results: str = ".agent-perf/results"
    baselines: str = ".agent-perf/baselines"
    reports: str = "reports"
    waivers: str = "agent-perf-waivers.toml"
    limits: Mapping[str, str] = field(default_factory=dict)
    targets: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    time_limit_s: float = 120.0
    instructions: bool | tuple[str, ...] = False
    undecided: str = "fail"

    def __post_init__(self) -> None:
        if not 0 < self.time_limit_s < float("inf"):
            raise ConfigError(f"time_limit_s = {self.time_limit_s}; want seconds > 0")
        if Path(self.benchmarks).is_absolute() or ".." in Path(self.benchmarks).parts:
            raise ConfigError(
                f'benchmarks = "{self.benchmarks}"; want a folder below the root, as "benchmarks"'
            )
        if self.undecided not in {"fail", "pass"}:
            raise ConfigError(f'undecided = "{self.undecided}"; want "fail" or "pass"')


def load_config(root: Path) -> Config:
    """
    Return the configuration of the project at *root*; the defaults if it has none.

    Raises:
        ConfigError: If a file is no TOML, a key is unknown, or a value has the wrong type.
    """
    own, shared = root / _FILE, root / "pyproject.toml"
    table = _read(own) if own.is_file() else None
    in_pyproject = _read(shared).get("tool", {}).get("agent-perf") if shared.is_file() else None
    if table is not None and in_pyproject is not None:
        raise ConfigError(
            f"{own} and [tool.agent-perf] in {shared} both configure agent-perf; keep one of them"
        )
    if table is not None:
        return _check(table, _FILE)
    return _check(in_pyproject or {}, "[tool.agent-perf] in pyproject.toml")


def _check(table: Mapping[str, Any], source: str) -> Config:
    known = [item.name for item in fields(Config)]
    for key in table:
        if key.replace("-", "_") not in known:
            close = difflib.get_close_matches(key.replace("-", "_"), known, n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"known keys: {', '.join(known)}"
            raise ConfigError(f"unknown key {key!r} in {source}; {hint}")
    try:
        return msgspec.convert(
            {key.replace("-", "_"): value for key, value in table.items()}, Config
        )
    except (msgspec.ValidationError, ConfigError) as error:
        raise ConfigError(f"{source}: {error}") from error


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not valid TOML: {error}") from error
