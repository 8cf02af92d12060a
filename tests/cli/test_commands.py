"""Command scenarios through the verbs, in a repository of its own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.command import agent_perf
from tests.shop import commit, make_shop, write

COMMANDS = """\
import sys
from agent_perf import command, scenario

BARE = [sys.executable, "-I", "-S"]
nightly = command("batch.nightly", [*BARE, "batch.py"], executions=2)


@scenario(command=[*BARE, "-c", "raise SystemExit('no orders today')"])
def broken():
    '''Never works.'''
"""

QUIET = '[limits]\n"wall.total" = "off"\n"cpu.total" = "off"\n'
"""What is not asked here: it depends on the machine."""


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    folder = make_shop(tmp_path / "shop")
    write(folder, "benchmarks/shop.py", COMMANDS)
    write(folder, "agent-perf.toml", QUIET)
    for mib in (1, 60):
        write(folder, "batch.py", f"bytearray({mib} * 2**20)")
        commit(folder, f"Hold {mib} MiB")
    return folder


def test_a_run_tells_what_commands_took(shop) -> None:
    """
    Medians by name; what breaks is exit code 3, with its own words.
    """
    ran = agent_perf(shop, "run", "HEAD", "--format", "json")
    (found,) = json.loads(ran.stdout).values()

    assert 3 == ran.returncode, ran.stderr
    assert 60 * 2**20 < found["commands"]["batch.nightly"]["memory.peak"] < 90 * 2**20
    assert "'shop.broken' command: " in ran.stderr
    assert "ended with exit 1: no orders today" in ran.stderr


@pytest.mark.slow
def test_commands_are_stored_and_compared(shop) -> None:
    """
    What was executed is kept for the next time; memory that grew fails the comparison, with
    the commit's own file executed on either side.
    """
    agent_perf(shop, "run", "HEAD", "--only", "batch.*")
    again = agent_perf(shop, "run", "HEAD", "--only", "batch.*")
    compared = agent_perf(shop, "compare", "HEAD~1", "HEAD", "--only", "batch.*")

    assert (0, True) == (again.returncode, "1 runs were stored already" in again.stderr)
    assert "batch.nightly" in again.stdout
    assert 1 == compared.returncode, compared.stderr
    assert "FAIL batch.nightly memory.peak observed=" in compared.stdout
    assert "commands, confirmation 4: 1" in compared.stderr
