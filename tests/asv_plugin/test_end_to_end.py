"""
asv as a user runs it, in fresh environments, on a repository of theirs.
"""

from __future__ import annotations

import json

import pytest

from agent_perf.history import ResultStore, machine_name, read_asv_results
from tests.asv_plugin.conftest import Asv, configuration


@pytest.fixture(scope="module")
def measured(shop: Asv) -> Asv:
    """The repository after ``asv run`` over both commits."""
    hashes = shop.git("rev-list", "HEAD")
    shop.write("commits.txt", hashes)
    done = shop("run", "--quick", "--machine", "tester", "HASHFILE:commits.txt")
    assert 0 == done.returncode, done.stdout
    return shop


def commits(asv: Asv) -> list[str]:
    """Return the commits, oldest first."""
    return asv.git("rev-list", "--reverse", "HEAD").split()


def test_figures_of_each_commit(measured: Asv) -> None:
    """
    Each commit is measured from its own files: 10 ms when it asks once, 20 ms when twice.
    """
    shelf = read_asv_results(measured.root / ".asv" / "results")
    p95 = {
        value.commit: value.value
        for value in shelf.values
        if value.benchmark == "shop.Search.track_latency(2, 'p95')"
    }

    assert dict(zip(commits(measured), [0.010, 0.020], strict=True)) == p95
    assert () == shelf.skipped
    assert any(value.benchmark == "shop.time_sum" for value in shelf.values)


def test_rich_runs_beside_asv_s(measured: Asv) -> None:
    """
    The whole runs are kept by commit, with the work counts of each.
    """
    store = ResultStore(root=measured.root / ".agent-perf" / "results", machine=machine_name())
    counts = [
        sorted((run.benchmark, run.counts["tool_calls"]) for run in store.load(one).runs.values())
        for one in commits(measured)
    ]

    assert [
        [("shop.search@1", 100), ("shop.search@2", 100)],
        [("shop.search@1", 200), ("shop.search@2", 200)],
    ] == counts


def test_compare_tells_the_rise(measured: Asv) -> None:
    """
    ``asv compare`` puts both commits side by side: twice the latency, twice the work.
    """
    done = measured("compare", "--machine", "tester", *commits(measured))
    rows = [line.split("|") for line in done.stdout.splitlines() if "Search.track" in line]

    assert 0 == done.returncode, done.stdout
    assert [("+", 2.0)] * 8 == [(row[1].strip(), float(row[4])) for row in rows]


def test_published_site_has_our_page(measured: Asv) -> None:
    """
    ``asv publish`` gives a site with our pages: a start page with verdict, target and past,
    and ways to asv's graph of it; the verdict, the commit that changed the latency.
    """
    done = measured("publish")
    folder = measured.root / ".asv" / "html"
    start, page, changes, index = (
        (folder / f"{name}.html").read_text("utf-8")
        for name in ("agent-perf", "agent-perf-verdict", "agent-perf-history", "index")
    )
    head = commits(measured)[-1]

    assert 0 == done.returncode, done.stdout
    assert "FAIL" in start
    assert "Now 20&nbsp;ms" in start.replace("\xa0", "&nbsp;")
    assert "shop.search@2, P95 latency" in start
    assert "Ask twice" in start
    assert f"p-percentile=%27p50%27&amp;commits={head[:8]}" in start
    assert "index.html#shop.Search.track_latency?p-users=2&amp;p-percentile=%27p95%27" in start
    assert 'href="agent-perf-verdict.html"' in start
    assert 'href="agent-perf.html"' in page
    assert 'href="agent-perf.html"' in changes
    assert "FAIL" in page
    assert "shop.search@2" in page
    assert "http://" not in (start + page).replace("http://www.w3.org", "")
    assert 'href="#/agent-perf"' in index
    assert 'href="#/agent-perf-verdict"' in index
    assert 'href="#/agent-perf-history"' in index
    assert "1 of 2 commits made it slower or dearer" in changes
    assert "shop.Search.track_latency" in changes
    assert "report.json" not in start + page + changes, "no such file lies on asv's site"


def test_check_refuses_coroutines(shop: Asv) -> None:
    """
    ``asv check`` fails on an ``async def`` benchmark, by name and line.
    """
    shop.write("suspect/__init__.py", (shop.root / "benchmarks" / "__init__.py").read_text())
    shop.write("suspect/slow.py", "async def time_nothing():\n    pass\n")
    shop.write("suspect.json", json.dumps(configuration() | {"benchmark_dir": "suspect"}))
    done = shop("check", "--config", "suspect.json")

    assert 0 != done.returncode
    assert "benchmark slow.time_nothing" in done.stdout
    assert "slow.py:1" in done.stdout


def test_commit_that_does_not_import(measured: Asv) -> None:
    """
    A commit whose code does not import fails its own benchmarks; asv says so with its exit
    code, and the other commits keep their results.
    """
    measured.write("shop.py", "raise ImportError('no shop today')\n")
    broken = measured.commit("Close the shop")
    done = measured("run", "--quick", "--machine", "tester", "--bench", "Search", f"{broken}^!")
    shelf = read_asv_results(measured.root / ".asv" / "results")

    assert 0 != done.returncode
    assert set(commits(measured)) - {broken} == {value.commit for value in shelf.values}
