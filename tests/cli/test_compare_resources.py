"""compare --resources and run --resources, on a project whose change is known."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.command import agent_perf
from tests.shop import commit, make_shop, write
from tests.suite.test_resource_rounds import HUNGRY


@pytest.fixture(scope="module")
def shop(tmp_path_factory) -> Path:
    shop = make_shop(tmp_path_factory.mktemp("hungry") / "shop")
    for mib in (8, 88):
        write(shop, "shop_app.py", HUNGRY.format(mib=mib, steps=100))
        commit(shop, f"Keep {mib} MiB")
    return shop


@pytest.mark.slow
def test_memory_that_grew_fails_the_comparison(shop) -> None:
    """
    80 MiB more, confirmed, with the charts of both sides in the report; what the same code
    takes twice is no change.
    """
    options = ("--exact-only", "--resources", "0.05", "--only", "shop.answer@1")
    options += ("--time-budget", "900")
    more = agent_perf(shop, "compare", "HEAD~1", "HEAD", *options)
    report = json.loads((shop / "reports/report.json").read_text())
    page = (shop / "reports/index.html").read_text()
    memory = next(one for one in report["comparisons"] if one["metric"] == "memory.peak")

    assert 1 == more.returncode, more.stderr
    assert "FAIL shop.answer@1 memory.peak" in more.stdout
    assert "resources, confirmation 4" in more.stderr
    assert ("regressed", "sampled", 0.2) == (
        memory["verdict"],
        memory["evidence"],
        memory["limit_ratio"],
    )
    assert "Memory held" in page


def test_resources_of_a_baseline_are_refused(shop) -> None:
    """
    It holds runs, and no process that could be started; exit code 2, before anything runs.
    """
    done = agent_perf(shop, "compare", "baseline:v1", "HEAD", "--resources")

    assert 2 == done.returncode
    assert "baseline:v1 holds no resources" in done.stderr


@pytest.mark.slow
def test_a_run_is_stored_with_what_it_took(shop) -> None:
    """
    A row for each benchmark, and its recording in a file of its own; `show` prints it.
    """
    done = agent_perf(shop, "run", "--only", "shop.answer@1", "--resources", "0.05")
    (path,) = (shop / "reports/resources").glob("*/shop.answer@1.json")
    shown = agent_perf(shop, "resources", "show", str(path))

    assert 0 == done.returncode, done.stderr
    assert "CPU a request" in done.stdout
    assert "MiB" in done.stdout
    assert (0, True) == (shown.returncode, "a request" in shown.stdout)


def test_an_interval_that_cannot_be_kept_is_refused(shop) -> None:
    """
    Exit code 2, before anything is measured.
    """
    done = agent_perf(shop, "run", "--resources", "0.01")

    assert 2 == done.returncode
    assert "0.05<=x<=10" in done.stderr
