"""
What a run was measured with: the key under which results are comparable.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import cache
from hashlib import sha256
from importlib import metadata
from pathlib import Path
from typing import Final

from agent_perf.errors import TargetImportError
from agent_perf.records import TABLES_FILE, Environment

_HARNESS: Final = (
    "sim",
    "load",
    "measure",
    "suite/application.py",
    "suite/declaration.py",
    "suite/decorator.py",
    "suite/loading.py",
    "suite/plain.py",
    "suite/world.py",
    "suite/runner.py",
    "suite/tables.py",
    "suite/watch.py",
    "records",
    "variables.py",
)
"""What shapes the numbers; the report and the gate may change without a new measurement."""

_TOLD: Final = (
    "aiosqlite",
    "anthropic",
    "anyio",
    "cachebox",
    "fakeredis",
    "fastapi",
    "hiredis",
    "httpx",
    "httpx2",
    "openai",
    "pydantic",
    "pydantic-ai-slim",
    "redis",
    "respx",
    "sqlalchemy",
    "starlette",
)


def current_environment(scenario_sources: Sequence[Path], *, cpu: str = "") -> Environment:
    """
    Return the environment of this process.

    Args:
        scenario_sources: Files that define the scenario, in a fixed order.
        cpu: As in Environment.
    """
    return Environment(
        python=f"{sys.version_info.major}.{sys.version_info.minor}",
        harness=harness_digest(),
        scenario=_digest_of(scenario_sources),
        packages=_packages(),
        cpu=cpu,
        tables=_tables_digest(scenario_sources),
    )


@cache
def harness_digest() -> str:
    """Return a hash of the harness's own code and latency tables, as installed."""
    package = Path(__file__).parents[1]
    paths: list[Path] = []
    for name in _HARNESS:
        path = package / name
        paths += (
            sorted(path.rglob("*.py")) + sorted(path.rglob("*.json")) if path.is_dir() else [path]
        )
    return _digest_of(paths, package)


def _tables_digest(scenario_sources: Sequence[Path]) -> str:
    """Return a hash of the projects' own latency tables; empty if there are none."""
    folders = dict.fromkeys(source.parent for source in scenario_sources)
    files = [folder / TABLES_FILE for folder in folders]
    found = [file for file in files if file.is_file()]
    return _digest_of(found) if found else ""


def _digest_of(paths: Sequence[Path], root: Path | None = None) -> str:
    digest = sha256()
    for path in paths:
        name = path.relative_to(root).as_posix() if root else path.name
        try:
            content = path.read_bytes()
        except OSError as error:
            raise TargetImportError(f"cannot read {path}: {error.strerror}") from error
        digest.update(f"{name}:{len(content)}:".encode())
        digest.update(content)
    return digest.hexdigest()


@cache
def _packages() -> dict[str, str]:
    found = {}
    for name in _TOLD:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found
