"""Where benchmarks are written."""

from __future__ import annotations

from pathlib import Path

from agent_perf.cli.places import find_places
from agent_perf.report import Place
from tests.shop import write

SCENARIOS = """\
import agent_perf
from agent_perf import scenario


@scenario("agent.chat", users=(1,))
async def chat(world):
    yield


@agent_perf.scenario(p95="150ms")
async def answer(client, world):
    pass


@scenario
async def bare(world):
    pass


made = [scenario(name)(chat) for name in ("agent.one", "agent.two")]


class Reads:
    def time_hit(self):
        pass


def time_miss():
    pass
"""


def test_places(tmp_path: Path) -> None:
    """
    Named scenarios, those named by their function, those made in a loop, and micro-benchmarks.
    """
    write(tmp_path, "benchmarks/agent.py", SCENARIOS)
    write(tmp_path, "benchmarks/deep/inner.py", "def time_it(): pass\n")
    write(tmp_path, "benchmarks/broken.py", "def (\n")
    names = (
        "agent.chat@50~wire",
        "agent.answer@1",
        "agent.bare@1",
        "agent.two@1",
        "agent.Reads.time_hit",
        "agent.time_miss",
        "deep.inner.time_it",
        "agent.nowhere@1",
    )
    lines = {name: place.line for name, place in find_places(tmp_path, "benchmarks", names).items()}

    assert dict(zip(names[:-1], (5, 10, 15, 20, 24, 28, 1), strict=True)) == lines


def test_paths_begin_at_the_root(tmp_path: Path) -> None:
    """
    A path is what the forge knows: relative to the repository, with slashes.
    """
    write(tmp_path, "perf/benchmarks/deep/one.py", "def time_it(): pass\n")

    assert {"deep.one.time_it": Place(path="perf/benchmarks/deep/one.py", line=1)} == find_places(
        tmp_path, "perf/benchmarks", ["deep.one.time_it"]
    )
