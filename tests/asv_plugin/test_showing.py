"""Scenarios that asv finds without a class of their own."""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from asv_runner.discovery import disc_benchmarks, get_benchmark_from_name

PACKAGE = "shown_to_asv"

_CHAT = """
import asyncio
from agent_perf import scenario
from agent_perf.asv_plugin import ScenarioBenchmark


@scenario(users=(1, 2), requests=12, max_llm_calls=2)
async def answer_quickly(world):
    await asyncio.sleep(0.010)


@scenario("chat.shown_already", users=(1,), requests=4)
async def other(world):
    pass


@scenario("chat.only_named", users=(1,), only_named=True)
async def named(world):
    pass


class Other(ScenarioBenchmark):
    scenario = other

    def setup_cache(self):
        return self.measure()
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch) -> Iterator[Path]:
    folder = tmp_path / PACKAGE
    folder.mkdir()
    (folder / "__init__.py").write_text(
        "from agent_perf.asv_plugin import register\n\nregister()\n", "utf-8"
    )
    (folder / "chat.py").write_text(_CHAT, "utf-8")
    (folder / "again.py").write_text(f"from {PACKAGE}.chat import answer_quickly\n", "utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    # What is registered holds for a process of asv's own.
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    monkeypatch.setenv("OPENAI_API_KEY", "x")
    monkeypatch.setenv("ANTHROPIC_API_KEY", "x")
    yield folder
    for name in [name for name in sys.modules if name.partition(".")[0] == PACKAGE]:
        del sys.modules[name]
    importlib.invalidate_caches()


def test_asv_finds_each_scenario_once(package) -> None:
    """One class after the function's name, none where there is one, or where it was imported."""
    names = sorted({found.name for found in disc_benchmarks(PACKAGE)})

    assert [
        "chat.AnswerQuickly.track_latency",
        "chat.AnswerQuickly.track_work",
        "chat.Other.track_latency",
    ] == names


def test_asv_runs_one_by_its_name(package, monkeypatch, tmp_path) -> None:
    """In a process that has imported nothing; its cache is told by the scenario's own line."""
    monkeypatch.chdir(tmp_path)
    found = get_benchmark_from_name(str(package), "chat.AnswerQuickly.track_latency-0")

    module = sys.modules[f"{PACKAGE}.chat"]
    line = inspect.getsourcelines(inspect.unwrap(module.answer_quickly.build))[1]
    assert f"chat:{line}" == found.setup_cache_key
    cache = module.AnswerQuickly().measure()
    assert 10.0 == found.func(cache, 1, "p50")
    # A dozen requests carry no further percentile.
    assert ("p50",) == module.AnswerQuickly.latencies


def test_a_package_without_scenarios_is_left_alone(package) -> None:
    """Its modules are what they are."""
    (package / "chat.py").write_text("def time_nothing():\n    pass\n", "utf-8")
    (package / "again.py").unlink()

    assert ["chat.time_nothing"] == [found.name for found in disc_benchmarks(PACKAGE)]
