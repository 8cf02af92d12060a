"""
asv on this repository's own benchmarks, in a clone of what is committed.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from agent_perf.history import find_shifts, read_asv_results, series_along
from tests.asv_plugin.conftest import SOURCE, Asv

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (SOURCE / ".git").exists(), reason="needs the repository's history"),
]


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Asv:
    """A clone of the repository, and a machine that asv knows."""
    folder = tmp_path_factory.mktemp("clone")
    asv = Asv(root=folder / "repository", home=folder)
    asv.root.mkdir()
    asv.git("clone", "--quiet", str(SOURCE), ".")
    known = asv("machine", "--yes", "--machine", "tester")
    assert 0 == known.returncode, known.stdout
    return asv


def test_check_is_content(clone: Asv) -> None:
    """
    ``asv check`` finds nothing wrong with our benchmarks.
    """
    done = clone("check")

    assert 0 == done.returncode, done.stdout
    assert "No problems found" in done.stdout


def test_run_continuous_publish(clone: Asv) -> None:
    """
    ``asv continuous`` measures two commits, in the overlay: the harness is the same, so that
    an exact benchmark whose component did not change is equal; ``asv publish`` shows them.
    """
    done = clone(
        "continuous", "--quick", "--machine", "tester", "--bench", "events.Single", "HEAD~1", "HEAD"
    )
    published = clone("publish")
    shelf = read_asv_results(clone.root / ".asv" / "results")
    page = (clone.root / ".asv" / "html" / "agent-perf.html").read_text("utf-8")

    assert done.returncode in {0, 1}, done.stdout
    assert "failed" not in done.stdout
    assert 2 == len({value.commit for value in shelf.values})
    assert 0 == published.returncode, published.stdout
    assert "events.single@200" in page


def test_history_of_redis(clone: Asv) -> None:
    """
    Over two versions of redis-py, in fresh environments, GET through the parser in Python
    became dearer by more than half, and the site has a page that says so.
    """
    configuration = json.loads((clone.root / "asv.redis-history.conf.json").read_text())
    configuration["matrix"]["req"]["redis"] = ["8.1.0", "5.0.8"]
    clone.write("two.json", json.dumps(configuration))
    rounds = ("--interleave-rounds", "-a", "rounds=4")
    bench = ("--bench", "PurePython.track_get")
    done = clone("run", "--config", "two.json", "--machine", "tester", *bench, *rounds, "HEAD^!")
    published = clone("publish", "--config", "two.json")

    folder = clone.root / ".asv" / "redis-history"
    (series,) = series_along(read_asv_results(folder / "results").values, "redis")
    page = (folder / "html" / "agent-perf-redis.html").read_text("utf-8")

    assert 0 == done.returncode, done.stdout
    assert 0 == published.returncode, published.stdout
    assert ["5.0.8", "8.1.0"] == [point.label for point in series.points]
    assert 1.5 < series.points[1].value / series.points[0].value
    assert ["8.1.0"] == [shift.after.label for shift in find_shifts(series)]
    assert "redis 8.1.0" in page
    assert Path(folder / "html" / "index.html").read_text().count("nav-li-agent-perf-redis") == 1
