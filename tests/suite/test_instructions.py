"""Instructions of real benchmarks, counted by a real valgrind."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent_perf.config import Config
from agent_perf.errors import BrokenError, UsageError
from agent_perf.records import InstructionRun
from agent_perf.repository import find_repository
from agent_perf.suite import (
    CountPlan,
    InstructionCounts,
    count_instructions,
    lay_out,
    require_callgrind,
)
from agent_perf.suite.callgrind import Callgrind
from agent_perf.suite.instruction_side import without_randomised_addresses
from tests.cli.command import agent_perf
from tests.shop import commit, make_shop, write

valgrind = pytest.mark.skipif(
    shutil.which("valgrind") is None, reason="valgrind is not installed; it counts instructions"
)

MICRO = """\
import random
from shop_app import grown, same, sorted_words

class Work:
    def time_same(self):
        same()

    def time_grown(self):
        grown()

    def time_words(self):
        sorted_words()

class Uncounted:
    instructions = False

    def time_same(self):
        same()

def time_broken():
    raise ValueError("it broke")

def time_dies():
    import os
    os._exit(1)

def time_nothing_is_known_of():
    import shop_app
    while shop_app.HANGS:
        pass
"""

APP = """\
HANGS = {hangs}

def same():
    return [str(n) for n in range(200)]

def grown():
    total = 0
    for n in range({turns}):
        total += n * n
    return total

def sorted_words():
    return [word for word in {{f"word-{{n}}" for n in range(200)}} if word.endswith("7")]

async def answer(world): ...
"""


def counted(
    tmp_path: Path, only: tuple[str, ...], *, wanted: bool = False, time_limit_s: float = 60
) -> tuple[InstructionCounts, list[str]]:
    """Count a loop of 1,000 turns and one of 1,050, and what is the same in both commits."""
    shop = make_shop(tmp_path / "shop")
    write(shop, "benchmarks/micro.py", MICRO)
    write(shop, "shop_app.py", APP.format(hangs=False, turns=1000))
    commit(shop, "Work")
    write(shop, "shop_app.py", APP.format(hangs=True, turns=1050))
    commit(shop, "Work more")
    repository = find_repository(shop)
    base, head = (
        lay_out(repository, repository.resolve(ref), Config(), tmp_path / ref)
        for ref in ("HEAD~1", "HEAD")
    )
    told: list[str] = []

    def wants_second(run: InstructionRun) -> bool:
        return wanted and run.first.change_ratio > 0.02

    plan = CountPlan(
        base=base, head=head, package="benchmarks", only=(only,), time_limit_s=time_limit_s
    )
    return count_instructions(plan, wants_second=wants_second, tell=told.append), told


@pytest.fixture
def busy_core() -> Iterator[None]:
    """Keep every core busy meanwhile."""
    spin = [sys.executable, "-c", "while True: pass"]
    spinners = [subprocess.Popen(spin) for _ in range(2)]
    yield
    for spinner in spinners:
        spinner.kill()
        spinner.wait()


@valgrind
@pytest.mark.slow
@pytest.mark.usefixtures("busy_core")
def test_five_per_cent_more_work_is_seen_on_busy_cores(tmp_path) -> None:
    """A loop of 1,050 turns is 5 % above one of 1,000, twice; equal code is equal."""
    result, _ = counted(tmp_path, ("*.Work.*",), wanted=True)
    runs = {run.benchmark: run for run in result.runs}

    assert () == result.failures
    assert ["micro.Work.time_grown", "micro.Work.time_same", "micro.Work.time_words"] == sorted(
        runs
    )
    grown, same = runs["micro.Work.time_grown"], runs["micro.Work.time_same"]
    assert 0.045 < grown.first.change_ratio < 0.055
    assert grown.again is not None
    assert 0.045 < grown.again.change_ratio < 0.055
    assert (0, 1) == (grown.first.hash_seed, grown.again.hash_seed)
    assert abs(same.first.change_ratio) < 0.002
    assert same.again is None
    assert abs(runs["micro.Work.time_words"].first.change_ratio) < 0.002


@valgrind
@pytest.mark.slow
def test_counts_repeat_and_are_told(tmp_path) -> None:
    """A benchmark is counted on both sides, and what opts out is not."""
    result, told = counted(tmp_path, ("*time_same",))

    (run,) = result.runs
    assert () == result.failures
    assert "micro.Work.time_same" == run.benchmark
    assert 200 * 100 < run.first.base < 200 * 1000
    assert abs(run.first.change_ratio) < 0.002
    assert 20e6 / run.first.base == pytest.approx(run.repetitions, rel=0.2)
    assert "counting the instructions of 1 benchmark" in told[0]
    assert told[1].startswith("micro.Work.time_same: ")


@valgrind
@pytest.mark.slow
def test_broken_benchmarks_spare_the_others(tmp_path) -> None:
    """What raises, dies or hangs on a side is told with its commit, and counted no further."""
    names = ("*time_broken", "*time_dies", "*time_nothing*", "*Work.time_same")
    result, _ = counted(tmp_path, names, time_limit_s=20)

    failures = {one.benchmark: (one.category, one.message) for one in result.failures}
    assert ["micro.Work.time_same"] == [run.benchmark for run in result.runs]
    assert ("raised", "ValueError: it broke") == failures["micro.time_broken"]
    assert "crashed" == failures["micro.time_dies"][0]
    assert "time limit" == failures["micro.time_nothing_is_known_of"][0]


def test_without_valgrind_the_package_is_named(monkeypatch, tmp_path) -> None:
    """Nothing is silently left out: the error says what to install, and how to do without."""
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(UsageError, match=r"install the package\s+`valgrind`.*--instructions"):
        require_callgrind()


def test_a_valgrind_that_does_not_start_is_told(monkeypatch, tmp_path) -> None:
    """One whose tool is missing says so in its own words."""
    fake = tmp_path / "valgrind"
    fake.write_text("#!/bin/sh\necho 'valgrind: failed to start tool' >&2\nexit 1\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(UsageError, match="failed to start tool"):
        require_callgrind()


def test_without_setarch_addresses_stay_randomised(monkeypatch, tmp_path) -> None:
    """A system that has no setarch, or forbids it, goes without; one that runs it does not."""
    fake = tmp_path / "setarch"
    monkeypatch.setenv("PATH", str(tmp_path))
    commands = []
    for body in ("", "#!/bin/sh\nexit 1\n", "#!/bin/sh\nexit 0\n"):
        if body:
            fake.write_text(body)
            fake.chmod(0o755)
        without_randomised_addresses.cache_clear()
        commands.append(without_randomised_addresses())
    without_randomised_addresses.cache_clear()

    assert [(), ()] == commands[:2]
    assert "setarch" == commands[2][0]


def test_a_machine_without_requests_is_told(monkeypatch) -> None:
    """Requests are machine code, and known for two machines."""
    monkeypatch.setattr("platform.machine", lambda: "s390x")

    with pytest.raises(UsageError, match="cannot be counted on s390x"):
        require_callgrind()


@pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="the request is made of Linux' machine code"
)
def test_outside_valgrind_the_request_does_nothing(tmp_path) -> None:
    """On a real processor the machine code runs, and answers that nobody is there."""
    with pytest.raises(BrokenError, match="does not run under valgrind"):
        Callgrind(tmp_path)


@valgrind
@pytest.mark.slow
def test_compare_counts_what_it_is_asked_to(tmp_path) -> None:
    """Five per cent more turns fail the gate in the words of an exact metric, in the report too."""
    shop = make_shop(tmp_path / "shop")
    write(shop, "benchmarks/micro.py", MICRO)
    write(shop, "agent-perf.toml", 'instructions = ["*.Work.*"]\n')
    write(shop, "shop_app.py", APP.format(hangs=False, turns=1000))
    commit(shop, "Work")
    write(shop, "shop_app.py", APP.format(hangs=False, turns=1050))
    commit(shop, "Work more")

    done = agent_perf(shop, "compare", "--exact-only", "--only", "*time_grown")
    report = json.loads((shop / "reports/report.json").read_text())

    assert 1 == done.returncode, done.stderr
    assert "FAIL micro.Work.time_grown cpu.instructions" in done.stdout
    (found,) = report["comparisons"]
    assert ("cpu.instructions", "exact", "regressed", 0.02) == (
        found["metric"],
        found["evidence"],
        found["verdict"],
        found["limit_ratio"],
    )
    assert "were counted by valgrind" in (shop / "reports/index.html").read_text()


def test_compare_without_valgrind_ends_with_2(tmp_path) -> None:
    """It is found out before anything is measured, and told with the package's name."""
    git_only = tmp_path / "bin"
    git_only.mkdir()
    found = shutil.which("git")
    assert found is not None
    (git_only / "git").symlink_to(found)

    shop = make_shop(tmp_path / "shop")
    write(shop, "note.txt", "one")
    commit(shop, "Take a note")
    done = agent_perf(shop, "compare", "--instructions", PATH=str(git_only))

    assert 2 == done.returncode
    assert "install the package `valgrind`" in done.stderr


def test_a_baseline_holds_no_instructions(tmp_path) -> None:
    """What needs base and head side by side is refused, not left out."""
    shop = make_shop(tmp_path / "shop")
    done = agent_perf(shop, "compare", "baseline:main", "--instructions")

    assert 2 == done.returncode
    assert "baseline:main holds no instructions" in done.stderr
