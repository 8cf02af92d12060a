"""What the self-test prints and ends with."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.command import agent_perf
from tests.shop import make_shop, write

STUCK = """
import asyncio
from agent_perf import scenario

@scenario("shop.stuck", users=(1,), requests=1, think=None)
async def stuck(world):
    async def request(ask):
        await asyncio.Event().wait()
    yield request
"""


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    return make_shop(tmp_path / "shop")


def test_what_is_the_same_and_what_is_broken(shop) -> None:
    """One line each; a deadlock names the line that waits, and the code is 3."""
    write(shop, "benchmarks/stuck.py", STUCK)
    done = agent_perf(shop, "selftest", "--idle")
    same, stuck, summary = done.stdout.splitlines()

    assert 3 == done.returncode
    assert same.startswith("SAME shop.answer@5 ")
    assert stuck.startswith("BROKEN shop.stuck@1 SimDeadlock: ")
    assert (
        f"stuck.py:{STUCK.splitlines().index('        await asyncio.Event().wait()') + 1}" in stuck
    )
    assert "selftest: 1 the same in 2 processes, 0 diverged, 1 broken" == summary


def test_nothing_that_matches_is_told(shop) -> None:
    """A pattern without a scenario ends with 5 and shows what names look like."""
    done = agent_perf(shop, "selftest", "--idle", "tea.*")

    assert 5 == done.returncode
    assert "none matches tea.*" in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [("selftest", "--times", "1"), ("run", "--cpu", "all"), ("calibrate", "--rounds", "0")],
)
def test_bad_options_are_usage_errors(shop, arguments) -> None:
    """Values out of range end with 2 before anything runs."""
    assert 2 == agent_perf(shop, *arguments).returncode


@pytest.mark.slow
def test_a_run_is_kept_beside_one_that_charges(shop) -> None:
    """With --cpu a run is another one: measured, and stored under a key of its own."""
    agent_perf(shop, "run", "--only", "shop.answer@1")
    charged = agent_perf(shop, "run", "--only", "shop.answer@1", "--cpu", "calls")
    again = agent_perf(shop, "run", "--only", "shop.answer@1", "--cpu", "calls")

    assert 0 == charged.returncode == again.returncode
    assert "stored already" not in charged.stderr
    assert "1 runs were stored already" in again.stderr
    files = [path.name for path in (shop / ".agent-perf/results").rglob("shop.answer@1-*.json")]
    assert 2 == len(files)
    assert 1 == sum("-calls-" in name for name in files)
