"""Which benchmarks need no measuring, on real repositories and processes."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent_perf.config import Config
from agent_perf.repository import WORKTREE, find_repository
from agent_perf.suite import DuetPlan, Tree, lay_out, run_duets
from agent_perf.suite.tree_difference import tree_changes
from tests.shop import commit, make_shop, write
from tests.suite.fixed_rounds import fixed_rounds

APART = """\
import pathlib
import shop_app

ROOT = pathlib.Path(shop_app.__file__).parent

def time_apart():
    sum(range(100))

def time_asks_late():
    import shop_prices
    shop_prices.price()

def time_asks_late_again():
    import shop_prices
    shop_prices.price()

def time_reads_data():
    (ROOT / "data" / "menu.txt").read_bytes()

def time_reads_other_data():
    (ROOT / "data" / "wine.txt").read_bytes()

def time_lists_data():
    list((ROOT / "data").iterdir())

def time_asks_the_system():
    import ctypes.util
    ctypes.util.find_library("c")

def time_begins_a_process():
    import subprocess
    subprocess.run(["true"], check=True)

def time_breaks():
    raise ValueError("it broke")

def peakmem_apart():
    return bytearray(1000)

def peakmem_asks_late():
    import shop_prices
    return shop_prices.price()
"""
AT_ONCE = """\
import shop_prices

def time_at_once():
    sum(range(100))
"""


@pytest.fixture(scope="module")
def shop(tmp_path_factory) -> Path:
    """A shop whose last commit but one changes prices and data, and the last one its manual."""
    shop = make_shop(tmp_path_factory.mktemp("same") / "shop")
    write(shop, "benchmarks/apart.py", APART)
    write(shop, "benchmarks/at_once.py", AT_ONCE)
    write(shop, "shop_prices.py", "def price():\n    return 1\n")
    write(shop, "data/menu.txt", "tea")
    write(shop, "data/wine.txt", "red")
    commit(shop, "Offer tea")
    write(shop, "shop_prices.py", "def price():\n    return 2\n")
    write(shop, "data/menu.txt", "tee")
    write(shop, "data/beer.txt", "none")
    commit(shop, "Raise prices")
    write(shop, "MANUAL.md", "Pour.")
    commit(shop, "Explain")
    return shop


def spared(shop: Path, folder: Path, base: str, head: str) -> set[str]:
    """Return the benchmarks of *shop* that are spared between two commits."""
    trees = [tree(shop, folder / str(side), ref) for side, ref in enumerate((base, head))]
    plan = DuetPlan(
        base=trees[0],
        head=trees[1],
        package="benchmarks",
        spares=lambda name: name != "apart.time_apart",
        time_budget_s=0,
        time_limit_s=20,
    )
    result = run_duets(
        plan,
        schedule=fixed_rounds(1, time_budget_s=0),
        on_round=lambda note: pytest.fail(str(note)),
    )

    assert () == result.failures
    assert all(not duet.base for duet in result.same)
    assert not {one.benchmark for one in result.same} & {one.benchmark for one in result.runs}
    return {one.benchmark for one in result.same}


def tree(shop: Path, folder: Path, ref: str) -> Tree:
    """Return the tree of *ref*."""
    repository = find_repository(shop)
    name = ref if ref == WORKTREE else repository.resolve(ref)
    return lay_out(repository, name, Config(), folder)


def test_what_reads_a_changed_file_is_measured(shop, tmp_path) -> None:
    """
    Neither late imports nor data escape, nor listing a folder with one more file.

    What the first benchmark has imported, the second one uses just as well.
    """
    found = spared(shop, tmp_path, "HEAD~2", "HEAD~1")

    assert {
        "apart.time_reads_other_data",
        "apart.time_asks_the_system",
        "apart.peakmem_apart",
    } == found


def test_what_nobody_reads_changes_nothing(shop, tmp_path) -> None:
    """A manual is in no benchmark; what begins a process, may read it all the same."""
    found = spared(shop, tmp_path, "HEAD~1", "HEAD")

    assert {"apart.time_begins_a_process", "apart.time_breaks"} == {
        "apart.time_asks_late",
        "apart.time_asks_late_again",
        "apart.time_reads_data",
        "apart.time_reads_other_data",
        "apart.time_lists_data",
        "apart.time_asks_the_system",
        "apart.time_begins_a_process",
        "apart.time_breaks",
        "apart.peakmem_apart",
        "apart.peakmem_asks_late",
        "at_once.time_at_once",
    } - found


def test_equal_trees_spare_all_but_what_needs_a_value(shop, tmp_path) -> None:
    """No file differs: even what breaks or begins processes does the same on both sides."""
    found = spared(shop, tmp_path, "HEAD", "HEAD")

    assert 11 == len(found)
    assert "apart.time_apart" not in found


def test_only_contents_and_names_count(tmp_path) -> None:
    """Files of other bytes, files on one side, and folders with other names; no caches."""
    for side, text in (("base", "old"), ("head", "new")):
        write(tmp_path / side, "a/same.py", "same")
        write(tmp_path / side, "a/other.py", text)
        write(tmp_path / side, f"a/__pycache__/{side}.pyc", side)
        (tmp_path / side / "loop").symlink_to(tmp_path / side)
    write(tmp_path / "head", "new/one.py", "")
    trees = [
        Tree(commit=side, root=tmp_path / side, path=(tmp_path / side,))
        for side in ("base", "head")
    ]

    base, head = tree_changes(*trees)

    root = tmp_path.resolve()
    assert {str(root / "base/a/other.py")} == base.paths
    assert {str(root / "head/a/other.py"), str(root / "head/new")} == head.paths
    assert ({str(root / "base")}, {str(root / "head")}) == (base.folders, head.folders)
