"""
A user's repository with a history, and asv on it as on a command line.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

import agent_perf

SOURCE = Path(agent_perf.__file__).parents[1]
CONSTRAINTS = SOURCE / "constraints" / "bench.txt"

SHOP = '''
"""How many times the shop asks its search service."""

ASKS = {asks}
'''

BENCHMARKS = """
from agent_perf import scenario
from agent_perf.asv_plugin import ScenarioBenchmark, per_call
from agent_perf.sim import constant_table
from shop import ASKS


@scenario(
    "shop.search",
    users=(1, 2),
    requests=100,
    tables={"tool.call": constant_table("tool.call", 0.010)},
    targets={"latency.p95": 0.015},
)
async def search(world):
    async def request(ask):
        for _ in range(ASKS):
            await world.tool("search")

    yield request


class Search(ScenarioBenchmark):
    scenario = search
    counts = ("tool_calls",)

    def setup_cache(self):
        return self.measure()


@per_call(100)
def time_sum():
    for _ in range(100):
        sum(range(100))
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asv:
    """A repository, and asv in it."""

    root: Path
    home: Path

    def __call__(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run asv with *arguments*; its output and errors come together."""
        return self._run(sys.executable, "-m", "asv", *arguments)

    def git(self, *arguments: str) -> str:
        """Return what git says."""
        done = self._run("git", *arguments)
        assert 0 == done.returncode, done.stdout
        return done.stdout.strip()

    def write(self, name: str, text: str) -> None:
        """Write a file of the repository."""
        (self.root / name).parent.mkdir(parents=True, exist_ok=True)
        (self.root / name).write_text(text)

    def commit(self, subject: str) -> str:
        """Commit everything; return the commit."""
        self.git("add", "--all")
        identity = ("-c", "user.name=Tester", "-c", "user.email=tester@example.org")
        self.git(*identity, "commit", "--quiet", "-m", subject)
        return self.git("rev-parse", "HEAD")

    def _run(self, *command: str) -> subprocess.CompletedProcess[str]:
        # Packages come from the cache of whoever runs the tests, if they have one.
        cache = os.environ.get("UV_CACHE_DIR", str(Path.home() / ".cache" / "uv"))
        environ = os.environ | {
            "HOME": str(self.home),
            "PYTHONPATH": str(SOURCE),
            "UV_CACHE_DIR": cache,
            "GIT_CONFIG_GLOBAL": os.devnull,
        }
        return subprocess.run(
            command,
            cwd=self.root,
            env=environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=300,
            check=False,
        )


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Asv:
    """A repository whose second commit asks twice; asv knows the machine."""
    folder = tmp_path_factory.mktemp("shop")
    asv = Asv(root=folder / "repository", home=folder)
    asv.root.mkdir()
    asv.git("init", "--quiet", "--initial-branch", "main")
    asv.write("pyproject.toml", '[project]\nname = "shop"\ndependencies = []\n')
    asv.write(".gitignore", ".asv/\n.agent-perf/\n__pycache__/\n")
    asv.write(
        "benchmarks/__init__.py", "from agent_perf.asv_plugin import register\n\nregister()\n"
    )
    asv.write("benchmarks/shop.py", BENCHMARKS)
    asv.write("asv.conf.json", json.dumps(configuration()))
    asv.write("shop.py", SHOP.format(asks=1))
    asv.commit("Ask once")
    asv.write("shop.py", SHOP.format(asks=2))
    asv.commit("Ask twice")
    known = asv("machine", "--yes", "--machine", "tester")
    assert 0 == known.returncode, known.stdout
    return asv


def configuration() -> dict[str, object]:
    """Return what asv.conf.json of a user says."""
    return {
        "version": 1,
        "project": "shop",
        "repo": ".",
        "branches": ["main"],
        "plugins": [".agent_perf.asv_plugin"],
        "environment_type": "agent-perf",
        "agent_perf": {"constraints": [str(CONSTRAINTS)]},
        "launch_method": "forkserver",
        "env_dir": ".asv/env",
        "results_dir": ".asv/results",
        "html_dir": ".asv/html",
    }
