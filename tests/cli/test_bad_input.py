"""Everything that can be wrong with what a user gives: the message, the exit code, what is kept."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.command import ROOT, agent_perf
from tests.shop import APP, commit, git, make_shop, write

# The rehearsal asks once: it is the second request that hangs.
STUCK = """\
import signal
from agent_perf import scenario

@scenario("shop.stuck", users=(1,), requests=2)
async def stuck(world):
    async def request(ask):
        if ask.index:
            signal.pause()
    yield request
"""


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    folder = make_shop(tmp_path / "shop")
    write(folder, "notes.txt", "one")
    commit(folder, "Take a note")
    return folder


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("run", "no-such-ref"), "no commit 'no-such-ref'"),
        (("run", "HEAD..HEAD~1"), "no commits in 'HEAD..HEAD~1'"),
        (("compare", "nowhere"), "no commit 'nowhere'"),
        (("compare", "HEAD", "HEAD"), "base and head are both"),
        (("compare", "baseline:none"), "no baseline 'none'"),
        (("compare", "--time-budget", "soon"), "'soon' is no length of time"),
        (("compare", "--time-budget", "nan"), "'nan' is no length of time"),
        (("frobnicate",), "No such verb 'frobnicate'"),
        (("run", "--jobs", "0"), "0 is not in the range"),
        (("baseline", "create", "../x"), "baseline name '../x'"),
    ],
)
def test_what_is_not_there_is_named_and_ends_with_2(shop, arguments, said) -> None:
    """A ref, name or option that cannot be used is told, and nothing is measured."""
    done = agent_perf(shop, *arguments)

    assert 2 == done.returncode
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_an_unknown_key_ends_with_2(shop) -> None:
    """A misspelt key is refused with the right one."""
    write(shop, "agent-perf.toml", "time_limits = 3\n")

    done = agent_perf(shop, "run")

    assert 2 == done.returncode
    assert (
        "agent-perf.toml:1: unknown key 'time_limits'; did you mean 'time_limit_s'?" in done.stderr
    )


def test_no_benchmarks_ends_with_2(tmp_path) -> None:
    """A repository without a benchmark package is told how to get one."""
    folder = tmp_path / "empty"
    folder.mkdir()
    git(folder, "init", "--quiet", "--initial-branch=main")
    write(folder, "a.txt", "a")
    commit(folder, "Begin")

    done = agent_perf(folder, "run")

    assert 2 == done.returncode
    assert "no benchmark package 'benchmarks'" in done.stderr


def test_no_repository_ends_with_2(tmp_path) -> None:
    """Outside of git the message says so."""
    done = agent_perf(tmp_path, "run")

    assert 2 == done.returncode
    assert "is not in a git repository" in done.stderr


def test_nothing_measured_ends_with_5(shop) -> None:
    """A gate that measures nothing does not stay green."""
    run = agent_perf(shop, "run", "--only", "no.such*")
    compare = agent_perf(shop, "compare", "--only", "no.such*", "--exact-only")

    assert (5, 5) == (run.returncode, compare.returncode)
    assert "none matches no.such*" in run.stderr


def test_a_shallow_clone_says_how_to_deepen(shop, tmp_path) -> None:
    """CI systems clone shallowly: the message names the cure."""
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "--quiet", "--depth=1", shop.as_uri(), str(clone)], check=True)

    done = agent_perf(clone, "compare")

    assert 2 == done.returncode
    assert "git fetch --unshallow" in done.stderr


@pytest.mark.slow
def test_a_change_of_the_benchmarks_alone_is_told(shop) -> None:
    """Both sides are measured with today's: that nothing changed does not mean what it seems to."""
    write(shop, "benchmarks/data.txt", "more")
    commit(shop, "More data")

    done = agent_perf(shop, "compare", "--exact-only")

    assert 0 == done.returncode
    assert "differ in benchmarks/ alone" in done.stdout + done.stderr
    assert "what is to be compared belongs outside of it" in done.stdout + done.stderr


@pytest.mark.slow
def test_uncommitted_changes_are_told(shop) -> None:
    """What is measured is the commit; that there is more is said."""
    write(shop, "shop_app.py", APP.replace("LOOKUPS = 1", "LOOKUPS = 9"))

    done = agent_perf(shop, "compare", "--exact-only")
    worktree = agent_perf(shop, "compare", "HEAD", "worktree", "--exact-only")

    assert 0 == done.returncode
    assert "uncommitted changes, and they are not measured; name 'worktree'" in done.stderr
    assert 1 == worktree.returncode
    assert (
        "FAIL shop.answer@1 work.tool_calls observed=120->1,080(+800%) limit=+0%" in worktree.stdout
    )


def test_a_commit_that_does_not_import_ends_with_3(shop) -> None:
    """A broken head is no pass: 3, with the error on one line."""
    write(shop, "shop_app.py", "import gone\n")
    commit(shop, "Break it")

    done = agent_perf(shop, "compare", "--exact-only")

    assert 3 == done.returncode
    assert "No module named 'gone'" in done.stdout


def test_one_broken_benchmark_ends_with_3_and_spares_the_rest(shop) -> None:
    """Of three benchmarks one hangs: two are measured, stored, and judged."""
    write(shop, "agent-perf.toml", "time_limit_s = 3\n")
    write(shop, "benchmarks/stuck.py", STUCK)

    done = agent_perf(shop, "run")
    again = agent_perf(shop, "run", "--only", "shop.answer")

    assert 3 == done.returncode
    assert "shop.answer@5" in done.stdout
    assert "'shop.stuck@1' time limit: still running after 3 s" in done.stderr
    assert "2 runs were stored already" in again.stderr


@pytest.mark.slow
def test_a_cut_result_is_told_and_measured_again(shop) -> None:
    """A results file cut in half costs one measurement, and hides nothing else."""
    agent_perf(shop, "run")
    (path,) = (shop / ".agent-perf/results").rglob("shop.answer@5-*.json")
    path.write_bytes(path.read_bytes()[:200])

    done = agent_perf(shop, "run")

    assert 0 == done.returncode
    assert "is not a whole agent-perf file" in done.stderr
    assert "1 runs were stored already" in done.stderr
    assert json.loads(path.read_bytes())["schema"] == "run"


@pytest.mark.slow
def test_a_future_result_is_told_and_kept(shop) -> None:
    """A file of a newer agent-perf is not read."""
    agent_perf(shop, "run")
    (path,) = (shop / ".agent-perf/results").rglob("shop.answer@5-*.json")
    path.write_bytes(path.read_bytes().replace(b'"schema_version":1', b'"schema_version":9'))

    done = agent_perf(shop, "report", "HEAD~1..HEAD")

    assert "has schema version 9, and this agent-perf reads up to 1: upgrade" in done.stderr


def test_a_full_disk_ends_with_3_and_names_the_file(shop) -> None:
    """What cannot be stored is told; what was stored stays."""
    write(
        shop,
        "benchmarks/__init__.py",
        "",
    )
    patch = shop.parent / "full"
    patch.mkdir()
    (patch / "sitecustomize.py").write_text(
        "import os, sys\n"
        "if 'agent_perf' in ' '.join(sys.orig_argv) and 'worker' not in ' '.join(sys.orig_argv):\n"
        "    def full(fd): raise OSError(28, 'No space left on device')\n"
        "    os.fsync = full\n"
    )

    done = agent_perf(shop, "run", PYTHONPATH=f"{patch}{os.pathsep}{ROOT}")

    assert 3 == done.returncode
    assert "No space left on device; the disk is full: free some space and run again" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_hostile_names_stay_text(shop) -> None:
    """A scenario named <script> is refused by name; an escape sequence does not reach the terminal."""
    write(
        shop,
        "benchmarks/evil.py",
        "from agent_perf import scenario\n"
        "@scenario('shop.<script>\\x1b[31m')\n"
        "async def evil(world):\n    yield None\n",
    )

    done = agent_perf(shop, "compare", "--exact-only")
    page = (shop / "reports/index.html").read_text()

    assert 3 == done.returncode
    assert "want family.name" in done.stdout
    assert "\x1b" not in done.stdout + done.stderr
    assert "<script" not in page


def test_an_interrupt_ends_with_130_and_keeps_what_is_done(shop) -> None:
    """Control-C in the middle: finished runs are stored, and the next call resumes."""
    import signal
    import time

    write(shop, "benchmarks/stuck.py", STUCK)
    process = subprocess.Popen(
        [sys.executable, "-m", "agent_perf", "run"],
        cwd=shop,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT), "PYTHONSAFEPATH": "1"},
    )
    try:
        deadline = time.monotonic() + 60
        while not list((shop / ".agent-perf/results").rglob("*@5-*.json")):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    finally:
        process.kill()

    assert 130 == process.returncode
    assert "interrupted; what was finished is kept" in said
    assert 2 == len(list((shop / ".agent-perf/results").rglob("*.json")))
