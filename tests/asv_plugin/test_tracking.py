from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from asv_runner.discovery import _get_benchmark

from agent_perf import Scenario, World, scenario
from agent_perf.asv_plugin import Cache, ScenarioBenchmark
from agent_perf.errors import BrokenError, ConfigError
from agent_perf.history import ResultStore, machine_name
from agent_perf.sim import constant_table
from agent_perf.suite import Ask, Request

COMMIT = "c" * 40


@scenario(
    "shop.search",
    users=(1, 4),
    requests=100,
    tables={"tool.call": constant_table("tool.call", 0.010)},
    targets={"latency.p95": 0.050},
)
async def search(world: World) -> AsyncIterator[Request]:
    async def request(ask: Ask) -> str:
        await world.tool("search")
        return "hit" if ask.request_id % 2 else "miss"

    yield request


@scenario("shop.broken", users=(1, 2), requests=100)
async def broken(world: World) -> AsyncIterator[Request]:
    asked: set[int] = set()

    async def request(ask: Ask) -> None:
        asked.add(ask.user)
        await asyncio.sleep(0.001)
        if len(asked) == 2:
            raise RuntimeError("two are a crowd")

    yield request


class Search(ScenarioBenchmark):
    scenario = search
    latencies = ("p50", "p95", "hit.p95")
    counts = ("tool_calls", "llm_cost_nanousd")

    def setup_cache(self) -> Cache:
        return self.measure()


class Broken(ScenarioBenchmark):
    scenario = broken

    def setup_cache(self) -> Cache:
        return self.measure()


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ASV_CONF_DIR", str(tmp_path))
    monkeypatch.setenv("ASV_COMMIT", COMMIT)
    return tmp_path


def store(root: Path) -> ResultStore:
    return ResultStore(root=root / ".agent-perf" / "results", machine=machine_name())


def as_asv_sees(kind: type[ScenarioBenchmark], name: str) -> dict[str, Any]:
    """Return what asv writes to benchmarks.json of a method."""
    found = _get_benchmark(name, sys.modules[__name__], kind, getattr(kind, name))
    return dict(vars(found))


def test_one_run_gives_all_figures(root: Path) -> None:
    """
    Percentiles come in ms, work counts as totals over the run; what never happened is 0.
    """
    cache = Search().measure()

    for users in (1, 4):
        assert 10.0 == Search().track_latency(cache, users, "p50")  # type: ignore[attr-defined]
        assert 10.0 == Search().track_latency(cache, users, "hit.p95")  # type: ignore[attr-defined]
        assert 100 == Search().track_work(cache, users, "tool_calls")  # type: ignore[attr-defined]
        assert 0 == Search().track_work(cache, users, "llm_cost_nanousd")  # type: ignore[attr-defined]


def test_cache_is_plain_data(root: Path) -> None:
    """
    What asv pickles is numbers and text: nothing of ours must be importable to read it.
    """
    cache = Search().measure()

    assert cache == {int(k): v for k, v in json.loads(json.dumps(cache)).items()}


def test_runs_are_kept_by_commit(root: Path) -> None:
    """
    Every load's run is in the result store under asv's commit.
    """
    Search().measure()
    runs = store(root).load(COMMIT).runs

    assert {"shop.search@1", "shop.search@4"} == {run.benchmark for run in runs.values()}
    assert {COMMIT} == {run.commit for run in runs.values()}


def test_kept_runs_are_not_repeated(root: Path) -> None:
    """
    A run that is in the store is read from there, as after a run of asv that was killed.
    """
    Search().measure()
    (one, _) = store(root).load(COMMIT).runs.values()
    store(root).save(replace(one, counts={"tool_calls": 7}))

    cache = Search().measure()
    assert 7 == Search().track_work(cache, one.users, "tool_calls")  # type: ignore[attr-defined]


def test_without_a_commit_nothing_is_kept(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    In an environment that asv did not make there is no commit to keep a run under.
    """
    monkeypatch.delenv("ASV_COMMIT")
    Search().measure()

    assert () == store(root).commits()


def test_a_broken_load_spares_the_others(root: Path) -> None:
    """
    The load at which the scenario breaks has an error with the cause; the others have
    figures, and only theirs are kept.
    """
    cache = Broken().measure()

    assert 1.0 == Broken().track_latency(cache, 1, "p95")  # type: ignore[attr-defined]
    with pytest.raises(BrokenError, match="2 users.*two are a crowd"):
        Broken().track_latency(cache, 2, "p95")  # type: ignore[attr-defined]
    assert ["shop.broken@1"] == [run.benchmark for run in store(root).load(COMMIT).runs.values()]


def test_unknown_percentile(root: Path) -> None:
    """
    A percentile that the run does not carry is an error that names those it does.
    """
    cache = Search().measure()

    with pytest.raises(BrokenError, match=r"no latency\.gone\.p95; it has latency\.hit\.p50"):
        Search().track_latency(cache, 1, "gone.p95")  # type: ignore[attr-defined]


def test_what_asv_is_told() -> None:
    """
    asv gets loads and metrics as parameters, the unit, the targets, and the scenario's
    source to show.
    """
    seen = as_asv_sees(Search, "track_latency")

    assert [["1", "4"], ["'p50'", "'p95'", "'hit.p95'"]] == seen["params"]
    assert ["users", "percentile"] == seen["param_names"]
    assert "ms" == seen["unit"]
    assert {"latency.p95": 0.050} == seen["targets"]
    assert "world.tool" in seen["code"]
    assert "count" == as_asv_sees(Search, "track_work")["unit"]


def test_each_class_has_its_own_cache() -> None:
    """
    Two classes have two cache keys, so that asv runs both scenarios.
    """
    keys = [as_asv_sees(kind, "track_latency")["setup_cache_key"] for kind in (Search, Broken)]

    assert 2 == len(set(keys))


def test_version_follows_what_shapes_the_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    The version changes with the scenario's file and with the metrics shown, and with
    nothing else: asv compares only equal versions.
    """

    def version(source: Path, percentiles: tuple[str, ...] = ("p50",)) -> str:
        moved = replace(search, source=source)
        kind = type(
            "Moved",
            (ScenarioBenchmark,),
            {
                "scenario": moved,
                "latencies": percentiles,
                "setup_cache": lambda self: self.measure(),
            },
        )
        return str(kind.version)

    (tmp_path / "a.py").write_text("a = 1\n")
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "a.py").write_text("a = 1\n")
    (tmp_path / "c.py").write_text("a = 2\n")

    first = version(tmp_path / "a.py")
    assert first == version(tmp_path / "b" / "a.py")
    assert first != version(tmp_path / "c.py")
    assert first != version(tmp_path / "a.py", ("p50", "p95"))


def test_base_is_no_benchmark() -> None:
    """
    The base class, which every benchmark file imports, has nothing that asv would run.
    """
    assert not [name for name in dir(ScenarioBenchmark) if name.startswith(("track_", "time_"))]


def make(name: str, **body: object) -> None:
    type(name, (ScenarioBenchmark,), body)


def test_declarations_are_checked() -> None:
    """
    A class without a scenario, without its own setup_cache, or with a count of which more
    is better is refused where it is written.
    """

    def setup_cache(self: ScenarioBenchmark) -> Cache:
        return self.measure()

    with pytest.raises(ConfigError, match=r"A\.scenario is missing"):
        make("A", setup_cache=setup_cache)
    with pytest.raises(ConfigError, match="B has no setup_cache of its own"):
        make("B", scenario=search)
    with pytest.raises(ConfigError, match="C: more redis_hits"):
        make("C", scenario=search, setup_cache=setup_cache, counts=("redis_hits",))


def test_scenarios_are_unchanged() -> None:
    """
    What the class names stays a scenario for the command line.
    """
    assert isinstance(search, Scenario)
    assert search.source.samefile(__file__)
