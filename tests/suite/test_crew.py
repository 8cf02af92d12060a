"""Workers on real trees: everything that can be wrong with a commit."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from agent_perf.config import Config
from agent_perf.errors import TargetImportError
from agent_perf.records import Failure, Run, Tier
from agent_perf.repository import WORKTREE, find_repository
from agent_perf.suite import lay_out, measure_tree
from tests.shop import APP, commit, make_shop, write


def measure(
    shop: Path, folder: Path, ref: str = "HEAD", *, time_limit_s: float = 60, **options
) -> tuple[dict[str, Run], dict[str, Failure]]:
    repository = find_repository(shop)
    commit_id = repository.resolve(ref)
    # A folder for each commit: bytecode may outlive the folder, and passes for that of another
    # file of the same name, second and size.
    tree = lay_out(repository, commit_id, Config(), folder / commit_id)
    events = list(measure_tree(tree, package="benchmarks", time_limit_s=time_limit_s, **options))
    shutil.rmtree(folder / commit_id, ignore_errors=True)
    runs = {event.run.benchmark: event.run for event in events if event.run}
    failures = {event.failure.benchmark: event.failure for event in events if event.failure}
    return runs, failures


# The rehearsal asks once: it is the second request that hangs.
HANGS = """\
import signal
from agent_perf import scenario

@scenario("shop.hangs", users=(1,), requests=2)
async def hangs(world):
    async def request(ask):
        if ask.index:
            signal.pause()
    yield request
"""


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    return make_shop(tmp_path / "shop")


def test_a_commit_is_measured_from_its_own_files(shop, tmp_path) -> None:
    """What counts is the commit's code, whatever the work tree holds now."""
    write(shop, "shop_app.py", APP.replace("LOOKUPS = 1", "LOOKUPS = 3"))
    commit(shop, "Look up three times")
    write(shop, "shop_app.py", "syntax error")

    head, _ = measure(shop, tmp_path)
    base, _ = measure(shop, tmp_path, "HEAD~1")

    assert {"tool_calls": 360} == head["shop.answer@1"].counts
    assert {"tool_calls": 120} == base["shop.answer@1"].counts
    assert ["shop.answer@1", "shop.answer@5"] == sorted(head)


def test_benchmarks_are_todays(shop, tmp_path) -> None:
    """An old commit is measured with the benchmarks of now, so that ranges compare."""
    text = (shop / "benchmarks/shop.py").read_text()
    write(shop, "benchmarks/shop.py", text.replace("shop.answer", "shop.reply"))

    runs, _ = measure(shop, tmp_path)

    assert ["shop.reply@1", "shop.reply@5"] == sorted(runs)


def test_uncommitted_code_is_measured_in_place(shop, tmp_path) -> None:
    """'worktree' takes the files as they are."""
    write(shop, "shop_app.py", APP.replace("LOOKUPS = 1", "LOOKUPS = 2"))

    runs, _ = measure(shop, tmp_path, WORKTREE)

    assert {"tool_calls": 240} == runs["shop.answer@1"].counts


def test_one_broken_benchmark_spares_the_others(shop, tmp_path) -> None:
    """What raises, hangs or cannot be imported is told; the rest is measured."""
    head = "from agent_perf import scenario\n"
    for name, body in {
        "raises": "raise RuntimeError('on fire')",
        "leaves": "import os; os._exit(3)",
    }.items():
        write(
            shop,
            f"benchmarks/{name}.py",
            f"{head}@scenario('shop.{name}', users=(1,), requests=1)\n"
            f"async def {name}(world):\n    {body}\n    yield None\n",
        )
    write(shop, "benchmarks/hangs.py", HANGS)
    write(shop, "benchmarks/missing.py", "import no_such_module\n")
    write(shop, "benchmarks/exits.py", "raise SystemExit(9)\n")

    runs, failures = measure(shop, tmp_path, time_limit_s=3)

    assert ["shop.answer@1", "shop.answer@5"] == sorted(runs)
    assert {
        "benchmarks.exits": "import",
        "benchmarks.missing": "import",
        "shop.hangs@1": "time limit",
        "shop.leaves@1": "crashed",
        "shop.raises@1": "raised",
    } == {name: failure.category for name, failure in failures.items()}
    assert "ModuleNotFoundError: No module named 'no_such_module'" == (
        failures["benchmarks.missing"].message
    )


def test_code_that_does_not_import_at_a_commit_is_told(shop, tmp_path) -> None:
    """A commit whose app cannot be imported gives a failure for its benchmarks' file."""
    write(shop, "shop_app.py", "import gone\n")
    commit(shop, "Break it")

    runs, failures = measure(shop, tmp_path)

    assert {} == runs
    assert ["benchmarks.shop"] == list(failures)


def test_a_hang_at_import_ends(shop, tmp_path, monkeypatch) -> None:
    """A module that never finishes importing is stopped at the limit."""
    monkeypatch.setattr("agent_perf.suite.crew._GRACE_S", 0.5)
    write(shop, "benchmarks/stuck.py", "while True: pass\n")

    runs, failures = measure(shop, tmp_path, time_limit_s=1.5)

    assert {} == runs
    assert "time limit" == failures["benchmarks"].category


def test_what_the_code_prints_is_not_taken_for_an_answer(shop, tmp_path) -> None:
    """Standard output belongs to the code under test as much as to us."""
    write(shop, "shop_app.py", 'print(\'{"kind": "run"}\')\n' + APP)
    commit(shop, "Say something")

    runs, failures = measure(shop, tmp_path)

    assert 2 == len(runs)
    assert {} == failures


def test_stored_runs_are_not_repeated(shop, tmp_path) -> None:
    """A benchmark whose key is stored is left out, and said to be kept."""
    runs, _ = measure(shop, tmp_path)
    stored = [runs["shop.answer@1"].key]

    again, _ = measure(shop, tmp_path, stored=stored)

    assert ["shop.answer@5"] == list(again)


def test_patterns_choose(shop, tmp_path) -> None:
    """Only what matches a pattern is run."""
    runs, _ = measure(shop, tmp_path, only=["*@5"])

    assert ["shop.answer@5"] == list(runs)


def test_two_scenarios_of_one_name_are_refused(shop, tmp_path) -> None:
    """A name that stands for two things would mix their results."""
    write(shop, "benchmarks/again.py", (shop / "benchmarks/shop.py").read_text())

    runs, failures = measure(shop, tmp_path)

    assert {} == runs
    assert "two scenarios are named 'shop.answer'" in failures["benchmarks"].message


def test_overlay_takes_only_what_is_under_test_from_the_commit(shop, tmp_path) -> None:
    """In a repository that holds the harness too, a commit gives just the named folders."""
    package = Path(__file__).parents[2] / "agent_perf"
    write(shop, "agent_perf/components/__init__.py", "NAME = 'of the commit'\n")
    write(shop, "agent_perf/units.py", "raise SystemError('the old harness')\n")
    commit(shop, "Hold a harness")
    repository = find_repository(shop)
    config = Config(under_test=("agent_perf/components",))

    tree = lay_out(repository, repository.resolve("HEAD"), config, tmp_path / "tree")

    components = tree.root / "agent_perf/components/__init__.py"
    assert "NAME = 'of the commit'\n" == components.read_text()
    assert (package / "units.py").samefile(tree.root / "agent_perf/units.py")
    assert (shop / "benchmarks").samefile(tree.root / "benchmarks")


def test_overlay_needs_the_folder(shop, tmp_path) -> None:
    """A commit from before the folder existed is refused by name."""
    repository = find_repository(shop)
    config = Config(under_test=("agent_perf/components",))

    with pytest.raises(TargetImportError, match="has no folder 'agent_perf/components'"):
        lay_out(repository, repository.resolve("HEAD"), config, tmp_path / "tree")


def test_a_tree_is_measured_on_the_tier_asked_for(shop, tmp_path) -> None:
    """On another tier a benchmark has a name of its own; latencies and counts stay."""
    runs, _ = measure(shop, tmp_path)
    stubs, failures = measure(shop, tmp_path, tier=Tier.STUB)

    assert not failures
    assert {f"{name}~stub" for name in runs} == stubs.keys()
    assert [run.latency_ns for run in runs.values()] == [run.latency_ns for run in stubs.values()]
    assert [run.counts for run in runs.values()] == [run.counts for run in stubs.values()]
