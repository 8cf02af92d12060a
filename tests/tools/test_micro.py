"""The tool that times micro-benchmarks on two commits, from git to the exit code."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.intake.documents import plain_environment
from tests.shop import commit, git, write

ROOT = Path(__file__).parents[2]
CODE = "def work():\n    return sum(range({size}))\n"
TEST = """\
from counted import work

def test_work(benchmark):
    assert benchmark(work) > 0
"""


@pytest.mark.slow
def test_a_planted_slow_down_is_found(tmp_path: Path) -> None:
    """
    Code that does sixteen times the work fails, on a busy machine too, code that does the same does not: with today's
    tests, on a base that had none.
    """
    git(tmp_path, "init", "--quiet", "--initial-branch=main")
    for size, subject in ((20_000, "Count"), (320_000, "Count more")):
        write(tmp_path, "counted.py", CODE.format(size=size))
        commit(tmp_path, subject)
    write(tmp_path, "tests/micro/__init__.py", "")
    write(tmp_path, "tests/micro/test_work.py", TEST)
    write(tmp_path, "agent-perf.toml", '[limits]\n"cpu.*" = "50%"\n')
    commit(tmp_path, "Time it")

    def micro(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "tools.micro", *arguments],
            cwd=tmp_path,
            env=plain_environment() | {"PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
        )

    slower = micro("HEAD~2", "HEAD")
    broken = micro("HEAD~2", "HEAD", "-k", "no_such_test")

    assert 1 == slower.returncode
    assert "FAIL micro/test_work.py::test_work cpu.median observed=" in slower.stdout
    assert (tmp_path / "reports/micro/index.html").is_file()
    assert 3 == broken.returncode
    assert "gave no times" in broken.stderr
