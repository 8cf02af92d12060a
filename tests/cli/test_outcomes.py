"""What a verb prints and ends with, beyond bad input."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.command import ROOT, agent_perf
from tests.shop import APP, commit, make_shop, write


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    folder = make_shop(tmp_path / "shop")
    write(folder, "shop_app.py", APP.replace("LOOKUPS = 1", "LOOKUPS = 2"))
    commit(folder, "Look up twice")
    return folder


def test_compare_says_why(shop) -> None:
    """The cause is on standard output too, once for all benchmarks that show it."""
    done = agent_perf(shop, "compare", "--exact-only")

    assert 1 == done.returncode
    assert "WHY shop.answer@1, shop.answer@5: one more tool call per request (1 → 2)" in done.stdout


def test_a_range_is_reported_commit_by_commit(shop) -> None:
    """The report along a range names the commit, its subject and the cause."""
    run = agent_perf(shop, "run", "HEAD~1..HEAD")
    done = agent_perf(shop, "report", "HEAD~1..HEAD")

    assert 0 == run.returncode == done.returncode
    assert "Look up twice" in done.stdout
    assert "1 commit of 2 made it worse" in done.stdout
    assert (shop / "reports/index.html").is_file()


@pytest.mark.slow
def test_a_baseline_is_kept_compared_and_promoted(shop) -> None:
    """A baseline judges later commits, and is overwritten only when told to."""
    created = agent_perf(shop, "baseline", "create", "v1", "HEAD~1")
    again = agent_perf(shop, "baseline", "create", "v1")
    compared = agent_perf(shop, "compare", "baseline:v1")
    promoted = agent_perf(shop, "baseline", "promote", "v1", "main")
    listed = agent_perf(shop, "baseline", "list")

    assert 0 == created.returncode == promoted.returncode
    assert 2 == again.returncode
    assert "--replace" in again.stderr
    assert 1 == compared.returncode
    assert "FAIL shop.answer@1 work.tool_calls" in compared.stdout
    assert {"main", "v1"} <= set(listed.stdout.split())


def test_scenarios_are_chosen_by_their_name(shop) -> None:
    """The name in the decorator stands for all its loads."""
    done = agent_perf(shop, "run", "--only", "shop.answer")

    assert 0 == done.returncode
    assert ["shop.answer@1", "shop.answer@5"] == [
        word for word in done.stdout.split() if word.startswith("shop.")
    ]


def test_all_broken_ends_with_3(shop) -> None:
    """If nothing was measured because everything broke, the code says broken."""
    write(shop, "benchmarks/shop.py", "syntax error\n")

    done = agent_perf(shop, "run")

    assert 3 == done.returncode
    assert "BROKEN" in done.stderr


def test_failed_requests_are_told(shop) -> None:
    """A run with failed requests is a result, and says how many failed of what."""
    write(
        shop,
        "benchmarks/flaky.py",
        "from agent_perf import scenario\n"
        "@scenario('shop.flaky', users=(1,), requests=10, think=None)\n"
        "async def flaky(world):\n"
        "    async def request(ask):\n"
        "        if ask.request_id == 3: raise KeyError(3)\n"
        "    yield request\n",
    )

    done = agent_perf(shop, "run", "--only", "shop.flaky")

    assert 0 == done.returncode
    assert "shop.flaky@1: 1 of 10 requests failed (KeyError)" in done.stderr


@pytest.mark.parametrize("revisions", ["HEAD", "worktree..HEAD", "HEAD...main", ".."])
def test_what_is_no_range_is_named(shop, revisions) -> None:
    """A report runs along a range; anything else is refused with what would do."""
    done = agent_perf(shop, "report", revisions)

    assert 2 == done.returncode
    assert "range" in done.stderr


def test_a_closed_pipe_is_no_regression(shop) -> None:
    """Output that nobody reads ends with 141, as by SIGPIPE, and never with 1."""
    agent_perf(shop, "run")
    read_end, write_end = os.pipe()
    os.close(read_end)
    done = subprocess.run(
        [sys.executable, "-m", "agent_perf", "run"],
        cwd=shop,
        stdout=write_end,
        stderr=subprocess.PIPE,
        check=False,
        env=os.environ | {"PYTHONPATH": str(ROOT), "PYTHONSAFEPATH": "1"},
    )
    os.close(write_end)

    assert 141 == done.returncode
    assert b"Traceback" not in done.stderr


def test_help_lists_the_exit_codes(tmp_path) -> None:
    """The codes keep their lines, as click does after a backspace, and none is missing."""
    done = agent_perf(tmp_path, "--help")

    assert "  3 a benchmark or its target broke, 4 undecided, 5 nothing" in done.stdout
    assert "141 nobody reads the output" in done.stdout
    assert "\\b" not in done.stdout
