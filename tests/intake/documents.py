"""Files of pytest-benchmark, by hand: what its writer keeps, and nothing else."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

MACHINE = {
    "node": "ci-1",
    "machine": "x86_64",
    "python_implementation": "CPython",
    "python_version": "3.11.7",
    "system": "Linux",
    "release": "6.1",
    "cpu": {"brand_raw": "EPYC", "count": 2},
}
COMMITS = {"base": "b" * 40, "head": "d" * 40}


def document(
    medians: dict[str, float], *, minute: int = 0, commit: str = "", **changes: Any
) -> dict[str, Any]:
    """One process's file, written so many minutes after ten o'clock."""
    return {
        "machine_info": MACHINE,
        "commit_info": {"id": commit or "unversioned", "dirty": False},
        "benchmarks": [
            {
                "group": None,
                "name": name,
                "fullname": f"tests/test_a.py::{name}",
                "params": None,
                "options": {"timer": "perf_counter", "disable_gc": False, "warmup": False},
                "stats": {"median": median, "rounds": 50, "iterations": 1},
            }
            for name, median in medians.items()
        ],
        "datetime": f"2031-12-01T10:{minute:02}:00.5+00:00",
        "version": "5.3.1",
    } | changes


def plain_environment() -> dict[str, str]:
    """The environment without what tells pytest-benchmark to stay off beside xdist."""
    return {name: word for name, word in os.environ.items() if not name.startswith("PYTEST_XDIST")}


def write(path: Path, content: dict[str, Any]) -> Path:
    path.write_text(json.dumps(content))
    return path
