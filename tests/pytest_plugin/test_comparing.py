"""Tests whose runs are compared with those of a baseline or a commit."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.pytest_plugin.conftest import SCENARIO

pytest_plugins = ("pytester",)

TEST = "def test_search(world):\n    world.run(search, users=20)\n"


@pytest.mark.slow
def test_a_regression_against_a_baseline_fails_the_test_and_says_why(
    run, pytester: pytest.Pytester
) -> None:
    """What costs more than in the baseline fails its test, with the cause, and in the JSON."""
    pytester.makepyfile(lib="TRIPS = 1")
    ask = SCENARIO.replace('"1")', '"1")\n            for _ in range(lib.TRIPS):\n')
    # How often Redis is asked is under test, and not in the scenario's file.
    ask = ask.replace("lib.TRIPS):\n", "lib.TRIPS):\n                await redis.get(key)")
    own = "import lib\n" + _dedented(ask)
    kept = run(TEST, "--agent-perf-save=v1", scenario=own)
    kept.assert_outcomes(passed=1)
    kept.stdout.fnmatch_lines(["written: *v1.json"])

    same = run(TEST, "--agent-perf-compare=baseline:v1", scenario=own)
    pytester.makepyfile(lib="TRIPS = 3")
    more = run(
        TEST, "--agent-perf-compare=baseline:v1", "--agent-perf-json=out.json",
        "--agent-perf-report=pages", scenario=own,
    )  # fmt: skip

    same.assert_outcomes(passed=1)
    same.stdout.fnmatch_lines(["PASS 1 benchmark against baseline:v1, in virtual time"])
    more.assert_outcomes(failed=1)
    more.stdout.fnmatch_lines(
        [
            "FAIL shop.search@20 work.redis_trips observed=*->*(+*) limit=+0% interval=exact",
            "WHY shop.search@20: *",
            "*= agent-perf =*",
            "FAIL 1 benchmark against baseline:v1, in virtual time",
        ]
    )
    document = json.loads((pytester.path / "out.json").read_text())
    assert "fail" == document["outcome"]
    assert (pytester.path / "pages" / "index.html").is_file()

    again = run(TEST, "--agent-perf-save=v1", scenario=own)
    assert pytest.ExitCode.USAGE_ERROR == again.ret
    again.stderr.fnmatch_lines(["*there is a baseline 'v1' already*"])


def test_what_is_not_there_is_told_before_any_test(run, pytester: pytest.Pytester) -> None:
    """A baseline or commit of which nothing is stored ends the session, with the way out."""
    _commit(pytester.path)

    missing = run(TEST, "--agent-perf-compare=baseline:none")
    nothing = run(TEST, "--agent-perf-compare=HEAD")

    assert pytest.ExitCode.USAGE_ERROR == missing.ret == nothing.ret
    missing.stderr.fnmatch_lines(["*no baseline 'none' in *"])
    nothing.stderr.fnmatch_lines(["*nothing is stored of HEAD (*`agent-perf run HEAD`*"])


def test_a_wrong_configuration_fails_tests_and_hides_nothing(run, pytester) -> None:
    """What is wrong with it is told in the test and in the summary; pytest goes on to its end."""
    (pytester.path / "agent-perf.toml").write_text('benchmark = "x"')

    result = run(TEST)

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["ERROR agent-perf: *benchmark*", "*= 1 failed in *"])


def test_what_cannot_be_written_fails_the_session(run, pytester: pytest.Pytester) -> None:
    """All tests passed, and the results that a CI is to pick up are not there."""
    (pytester.path / "taken").write_text("")

    result = run(TEST, "--agent-perf-json=taken/out.json")

    assert pytest.ExitCode.TESTS_FAILED == result.ret
    result.stdout.fnmatch_lines(["ERROR agent-perf: cannot write *out.json*", "*= 1 passed in *"])


@pytest.mark.slow
def test_workers_of_xdist_tell_what_they_measured(run) -> None:
    """With several workers the summary holds all runs, and failures are told as without."""
    result = run(
        TEST
        + "\n@pytest.mark.targets(p95='1us')\ndef test_target(world):\n    world.run(search)\n",
        "-n2",
        apart=True,
    )

    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(
        [
            "*= agent-perf =*",
            "FAIL 2 benchmarks, held to targets alone, in virtual time",
            "FAIL shop.search@1 latency.p95 *",
            "shop.search@*µs*",
            "shop.search@*µs*",
        ]
    )


def test_anyio_leaves_tests_of_a_world_to_us(run) -> None:
    """An async test that anyio would run on real loops runs in its world, its others on theirs."""
    result = run(
        """
        import asyncio

        @pytest.fixture
        def anyio_backend():
            return "asyncio"

        @pytest.mark.anyio
        async def test_ours(world):
            await asyncio.sleep(3600)
            assert world.now_s() == 3600

        @pytest.mark.anyio
        async def test_theirs():
            await asyncio.sleep(0)
        """
    )

    result.assert_outcomes(passed=2)


def test_switched_off_it_is_not_there(run, pytester: pytest.Pytester) -> None:
    """With -p no:agent_perf, or without the package's plugin, pytest knows nothing of it."""
    pytester.makepyfile(test_plain="def test_plain(): pass\n")

    result = pytester.runpytest_inprocess(
        "-p", "no:agent_perf", "-p", "no:agent_perf.pytest_plugin", "--markers"
    )

    assert "targets(metrics" not in result.stdout.str()


def _dedented(text: str) -> str:
    import textwrap

    return textwrap.dedent(text)


def _commit(folder: Path) -> None:
    assert shutil.which("git")
    (folder / "file").write_text("x")
    for words in (
        ("init", "-q"),
        ("add", "file"),
        ("-c", "user.name=a", "-c", "user.email=a@b.c", "commit", "-qm", "First"),
    ):
        subprocess.run(("git", *words), cwd=folder, check=True)
