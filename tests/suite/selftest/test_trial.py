"""Planted divergences are found, with their first step and their cause."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from agent_perf.cli.selftest import exit_code_of, selftest_lines
from agent_perf.repository import WORKTREE
from agent_perf.suite import Tree
from agent_perf.suite.selftest import PLAIN, Prober, Report, Trial, hostile, try_scenarios

PLANTED = Path(__file__).with_name("planted.py")
LINES = PLANTED.read_text().splitlines()


@pytest.fixture
def prober(tmp_path: Path) -> Prober:
    (tmp_path / "benchmarks").mkdir()
    (tmp_path / "benchmarks" / "__init__.py").touch()
    shutil.copy(PLANTED, tmp_path / "benchmarks" / "planted.py")
    tree = Tree(commit=WORKTREE, root=tmp_path, path=(tmp_path,))
    return Prober(tree=tree, package="benchmarks", time_limit_s=60.0)


def line_of(code: str) -> int:
    """Return the number of the one planted line that holds *code*."""
    (number,) = [n for n, line in enumerate(LINES, 1) if code in line]
    return number


def test_a_set_of_strings_is_found_by_its_line(prober: Prober) -> None:
    """
    What follows a set's order diverges at the first use of it, and the hash seed is named;
    what a simulation makes reproducible does not diverge.
    """
    trials = try_scenarios(prober, ("planted.str_set", "planted.promised"), busy=False)
    promised, str_set = trials

    assert promised.diverged_in is None
    assert not promised.broken
    assert str_set.results_differ
    assert str_set.divergence is not None
    assert str_set.divergence.one is not None
    assert str_set.divergence.other is not None
    place = f"planted.py:{line_of('await world.tool(name)  # str_set')} in str_set"
    assert place in str_set.divergence.one.place
    assert str_set.divergence.one.text != str_set.divergence.other.text
    assert 7 == str_set.divergence.one.request_id
    assert str_set.cause is not None
    assert "hash seed" == str_set.cause.factor
    assert 1 == exit_code_of(trials)


def test_what_cannot_be_imported_elsewhere_is_broken(prober: Prober) -> None:
    """
    A module that only plain surroundings can import, and its benchmarks, which are nowhere
    else, are broken, and say where; the others are still compared.
    """
    module = prober.tree.root / "benchmarks" / "picky.py"
    module.write_text(
        "import os\n"
        "from agent_perf import scenario\n"
        "assert os.environ['TZ'] == 'UTC', 'no other zone'\n"
        "@scenario('picky.one', users=(1,), requests=1, warmup=0, think=None)\n"
        "async def one(world):\n"
        "    pass\n"
    )

    trials = try_scenarios(prober, ("planted.promised", "picky.one"), busy=False)
    broken = {trial.benchmark: trial.report.error for trial in trials if trial.broken}

    assert {"benchmarks.picky", "picky.one@1"} == broken.keys()
    assert "no other zone" in broken["benchmarks.picky"]
    assert all("hash seed 7919" in error for error in broken.values())
    assert ["planted.promised@2"] == [t.benchmark for t in trials if not t.broken]
    assert 3 == exit_code_of(trials)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "factor", "code"),
    [
        ("by_id", "address", "await world.tool(things[thing])"),
        ("pid", "process", 'await world.tool(f"worker-{os.getpid()}")'),
        ("cpu_clock", "process", ""),
        ("finalizer", "garbage", 'await world.tool(f"freed-{Cycle.freed}")'),
        ("environment", "environment", 'await world.tool(f"variables-{len(os.environ)}")'),
    ],
)
def test_each_cause_is_named(prober: Prober, name: str, factor: str, code: str) -> None:
    """Addresses, process ids, CPU clocks, garbage, environment: each by its line and cause."""
    (trial,) = try_scenarios(prober, (f"planted.{name}",), busy=False)

    assert trial.divergence is not None
    assert trial.divergence.one is not None
    assert (f":{line_of(code)} in" if code else "") in trial.divergence.one.place
    assert trial.cause is not None
    # When garbage is collected hangs on all that was allocated before: addresses move it, too.
    assert trial.cause.factor in ({"garbage", "address"} if factor == "garbage" else {factor})
    if factor == "process":
        asked = "os.getpid()" if name == "pid" else "time.process_time_ns()"
        assert asked in trial.cause.text


@pytest.mark.slow
def test_ties_are_told_with_how_far_they_move(prober: Prober) -> None:
    """Two users due at one instant, a lock: in another order the throughput moves."""
    (trial,) = try_scenarios(prober, ("planted.ties",), busy=False, ties=2)
    before, after = trial.ties["throughput"]

    assert trial.diverged_in is None
    assert before != after
    assert any(line.startswith("TIES planted.ties@2 ") for line in selftest_lines([trial], 2))


def report(name: str, **values) -> Report:
    return Report(benchmark=name, **values)


def test_exit_codes() -> None:
    """0 if all are the same; 3 if one is broken; 1 if one diverges, whatever else broke."""
    same = Trial(benchmark="a.b@1", report=report("a.b@1", result_digest="00ff"))
    broken = Trial(benchmark="a.c@1", report=report("a.c@1", error="crashed", broken=True))
    diverged = Trial(
        benchmark="a.d@1",
        report=report("a.d@1", result_digest="11ee"),
        diverged_in=hostile(1, busy=False),
        results_differ=True,
    )

    assert 0 == exit_code_of([same])
    assert 3 == exit_code_of([same, broken])
    assert 1 == exit_code_of([same, broken, diverged])
    assert [
        "SAME a.b@1 00ff, 0 steps, 2 processes",
        "BROKEN a.c@1 crashed",
        (
            "DIVERGED a.d@1 results differ with hash seed 7919, other addresses, gc threshold 7000, "
            "TZ America/St_Johns, locale POSIX, other folder and environment"
        ),
        "selftest: 1 the same in 2 processes, 1 diverged, 1 broken",
    ] == list(selftest_lines([same, broken, diverged], 2))


def test_hostile_surroundings_differ_in_everything() -> None:
    """Each of the first twenty differs from the plain ones, and all hash seeds from each other."""
    found = [hostile(number, busy=True) for number in range(1, 21)]

    assert 20 == len({around.hash_seed for around in found})
    for around in found:
        assert around.hash_seed != PLAIN.hash_seed
        assert around.gc_threshold != PLAIN.gc_threshold
        assert around.zone != PLAIN.zone
        assert around.locale != PLAIN.locale
        assert around.foreign
