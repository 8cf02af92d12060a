"""Services that cannot be reached: each verb tells them by address, and ends with 3."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.cli.command import agent_perf

SCENARIOS = """
from agent_perf import scenario


@scenario("gone.redis", users=(1,), requests=2)
async def of_redis(world):
    cache = world.redis.client()

    async def request(ask):
        await cache.get("x")

    yield request


@scenario("gone.rows", users=(1,), requests=2)
async def of_rows(world):
    world.database.prepare("CREATE TABLE notes (id INTEGER PRIMARY KEY)")

    async def request(ask):
        pass

    yield request
"""
NOWHERE = {
    "redis": ("gone.redis", "--redis-url", "redis://127.0.0.1:1/3"),
    "database": ("gone.rows", "--database-url", "postgresql://me@127.0.0.1:1/shop"),
}
VERBS = {
    "load": ["load", "NAME", "--tier", "live", "--for", "1"],
    "find-knee": ["load", "NAME", "--tier", "live", "--find-knee", "--target", "p95<1s"],
    "run": ["run", "worktree", "--tier", "live", "--only", "NAME"],
    "cases": ["cases", "NAME", "--tier", "live", "--only", "empty*"],
    "validate": ["validate", "NAME"],
    "calibrate --live": ["calibrate", "--live", "--rounds", "1"],
}
QUICK = {("load", "redis")}


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("unreachable")
    subprocess.run(["git", "init", "-q", str(folder)], check=True)
    (folder / "agent-perf.toml").write_text('benchmarks = "gone_benchmarks"\n')
    (folder / "gone_benchmarks").mkdir()
    (folder / "gone_benchmarks/__init__.py").write_text(SCENARIOS)
    return folder


@pytest.mark.parametrize(
    ("verb", "service"),
    [
        pytest.param(verb, one, marks=() if (verb, one) in QUICK else pytest.mark.slow)
        for verb in VERBS
        for one in NOWHERE
    ],
)
def test_a_service_that_is_not_there(project: Path, verb: str, service: str) -> None:
    """
    Nobody listens at its address: that is told with the way out, and the exit code is 3.
    """
    name, option, url = NOWHERE[service]
    words = [name if word == "NAME" else word for word in VERBS[verb]]
    done = agent_perf(project, *words, option, url)
    place = url.rpartition("@")[2].rpartition("/")[0].removeprefix("redis://")

    assert 3 == done.returncode, done.stdout + done.stderr
    assert place in done.stdout + done.stderr
    assert option in done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    ("option", "url"),
    [("--redis", "redis://127.0.0.1:1/3"), ("--database", "postgresql://me@127.0.0.1:1/shop")],
)
def test_a_calibrated_service_that_is_not_there(project: Path, option: str, url: str) -> None:
    """
    What is to be measured ends with 3 as well.
    """
    done = agent_perf(project, "calibrate", option, url, "--count", "60")

    assert 3 == done.returncode, done.stdout + done.stderr
    assert "127.0.0.1:1" in done.stderr
