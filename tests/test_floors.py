"""Each contract of the floors is broken once on purpose, and must be caught."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("file", "line", "contract"),
    [
        ("stats/quantiles.py", "import agent_perf.gate", "Imports point down BROKEN"),
        ("sim/draws.py", "import agent_perf.measure", "Imports point down BROKEN"),
        (
            "components/cache/memory.py",
            "import agent_perf.records",
            "Components stand alone BROKEN",
        ),
        ("gate/policy.py", "import asv", "Only doors and the asv plugin know asv BROKEN"),
        ("load/driver.py", "import respx", "Only the simulation knows the mocks BROKEN"),
        ("cli/run.py", "import distributed", "Only the fleet knows Dask BROKEN"),
        ("live/load/running.py", "import locust", "Only its own processes know Locust BROKEN"),
    ],
)
def test_a_broken_floor_is_caught(tmp_path, file, line, contract) -> None:
    """An import that a contract forbids makes the check fail, and names the contract."""
    pytest.importorskip("importlinter")
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "agent_perf", tmp_path / "agent_perf", ignore=ignore)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    with (tmp_path / "agent_perf" / file).open("a") as module:
        module.write(f"\n{line}\n")

    done = subprocess.run(
        [Path(sys.executable).parent / "lint-imports", "--no-cache"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert contract in done.stdout
    assert 1 == done.returncode
