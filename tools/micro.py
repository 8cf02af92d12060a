"""
Time tests/micro on two commits in turns, and judge them: ``python -m tools.micro [BASE] [HEAD]``.

The tests are today's, on either side: they are laid beside the files of each commit, whose
packages they import. A turn is a fresh process of base and one of head, in an order drawn at
random; what is timed is CPU time. The report goes to reports/micro/, the exit code is the gate's.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from agent_perf.cli import main as agent_perf
from agent_perf.errors import AgentPerfError, BrokenError
from agent_perf.repository import WORKTREE, Repository, find_repository

TESTS: Final = "tests/micro"
SIDES: Final = ("base", "head")

# Rounds of 0.1 ms, so that reading a CPU clock, which takes 0.5 µs, does not count.
OPTIONS: Final = (
    "--benchmark-enable",
    "--benchmark-timer=time.process_time",
    "--benchmark-min-time=0.0001",
    "--benchmark-max-time=0.1",
    "--benchmark-min-rounds=20",
)


def main(arguments: Sequence[str] | None = None) -> None:
    """Time, judge, and end with the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("base", nargs="?", help="a commit; the merge base if not given")
    parser.add_argument("head", nargs="?", default="HEAD", help="a commit, or worktree")
    parser.add_argument("--processes", type=int, default=10, help="a side; ten if not given")
    parser.add_argument("-k", default="", help="only tests that match, as for pytest")
    options = parser.parse_args(arguments)
    try:
        repository = find_repository(Path.cwd())
        head = repository.resolve(options.head)
        base = repository.resolve(options.base) if options.base else repository.default_base(head)
        with tempfile.TemporaryDirectory(prefix="agent-perf-micro-") as folder:
            take_turns(
                repository, (base, head), Path(folder), turns=options.processes, only=options.k
            )
            os.chdir(repository.root)
            agent_perf(
                [
                    *("judge", "--base", f"{folder}/times-base", "--head", f"{folder}/times-head"),
                    *("--base-name", base, "--head-name", head, "--reports", "reports/micro"),
                ]
            )
    except AgentPerfError as error:
        print(f"micro: {error}", file=sys.stderr)
        sys.exit(error.exit_code)


def take_turns(
    repository: Repository, commits: tuple[str, str], folder: Path, *, turns: int, only: str
) -> None:
    """
    Write one file of times for each process into ``times-base`` and ``times-head``.

    Args:
        repository: Whose commits and tests.
        commits: Base and head, as Repository.resolve returned them.
        folder: Empty; what is laid out goes there, too.
        turns: Processes a side, >= 1.
        only: As pytest's -k; empty for all.

    Raises:
        BrokenError: If a process gave no times.
    """
    for side, commit in zip(SIDES, commits, strict=True):
        lay_out(repository, commit, folder / side)
        (folder / f"times-{side}").mkdir()
    for turn in range(turns):
        for side in random.sample(SIDES, k=2):
            file = folder / f"times-{side}" / f"{turn:03}.json"
            run_once(folder / side, file, only)
        print(f"turn {turn + 1} of {turns}", file=sys.stderr, flush=True)


def lay_out(repository: Repository, commit: str, folder: Path) -> None:
    """Put the files of *commit* into *folder*, and today's micro-benchmarks beside them."""
    if commit == WORKTREE:
        ignored = shutil.ignore_patterns(".git", ".tox", ".venv", ".agent-perf", "__pycache__")
        shutil.copytree(repository.root, folder, ignore=ignored)
    else:
        repository.export(commit, folder)
    shutil.copytree(repository.root / TESTS, folder / "micro")


def run_once(folder: Path, file: Path, only: str) -> None:
    """
    Time the tests in *folder* in a fresh process, and write *file*.

    Raises:
        BrokenError: If no test gave times.
    """
    # Neither side's options of pytest, which may differ, and no other plugin: loading them took
    # 2.8 of 3.4 s of a process.
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "-o", "addopts="),
            *("-p", "no:cacheprovider", "-p", "pytest_benchmark.plugin"),
            *(f"--rootdir={folder}", "-c", os.devnull, *OPTIONS, f"--benchmark-json={file}"),
            *("-k", only, "micro"),
        ],
        cwd=folder,
        env=os.environ
        | {
            "PYTHONPATH": str(folder),
            "PYTHONSAFEPATH": "1",
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    # A test may fail on a base that lacks what it times; then it is new.
    if not file.is_file():
        raise BrokenError(
            f"{folder.name}: pytest ended with {done.returncode} and gave no times:\n"
            f"{(done.stdout + done.stderr)[-2_000:]}"
        )


if __name__ == "__main__":
    main()
