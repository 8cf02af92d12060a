"""Which latency tables hold: a scenario's own, then the project's, then ours."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from agent_perf import codec, scenario
from agent_perf.errors import ConfigError
from agent_perf.gate.pairing import incomparable
from agent_perf.load import Constant
from agent_perf.records import TABLES_FILE, Run
from agent_perf.sim import constant_table
from agent_perf.suite import Scenario, run_load, run_scenario
from tests.sim.test_own_tables import tables_file


@scenario("shop.tools", users=(1,), requests=5, think=None)
async def tools(world):
    await world.tool("look up")


def in_project(folder: Path, **each_ns: int) -> Scenario:
    """Return the scenario as one of a project in *folder*, which measured *each_ns*."""
    (folder / TABLES_FILE).write_bytes(codec.dump_tables(tables_file(**each_ns)))
    source = folder / "shop.py"
    source.write_text("# A scenario.\n")
    return replace(tools, source=source)


def ran(one: Scenario) -> Run:
    """Return its run by one user."""
    return run_scenario(one, 1, commit="worktree")


def test_a_projects_tables_hold_for_its_scenarios(tmp_path: Path) -> None:
    """
    What was measured beside a scenario's file is what its simulation takes, in runs and loads.
    """
    own = in_project(tmp_path, tool__call=7_000_000)

    assert {7_000_000} == set(ran(own).latency_ns)
    load = run_load(own, Constant(rate_hz=10, for_s=1))
    assert 7_000_000 == load.latency.max_ns
    assert load.environment.tables


def test_a_scenarios_tables_win(tmp_path: Path) -> None:
    """
    What a scenario says itself holds, whatever was measured for its project.
    """
    own = in_project(tmp_path, tool__call=7_000_000)
    said = replace(own, tables={"tool.call": constant_table("tool.call", 0.003)})

    assert {3_000_000} == set(ran(said).latency_ns)


def test_other_tables_are_another_measurement(tmp_path: Path) -> None:
    """
    Tables are part of a run's key; runs with different ones are not compared, and it is said why.
    """
    one, other = tmp_path / "one", tmp_path / "other"
    one.mkdir()
    other.mkdir()
    before, after = ran(in_project(one, tool__call=7)), ran(in_project(other, tool__call=8))
    ours = ran(replace(tools, source=one / "shop.py"))

    assert before.key == ours.key
    assert before.key != after.key
    assert not before.environment.comparable_with(after.environment)
    assert f"latency tables {before.environment.tables[:8]} and " in incomparable(before, after)
    assert "" == ran(tools).environment.tables
    assert "tables" not in ran(tools).key


def test_a_damaged_file_ends_the_run(tmp_path: Path) -> None:
    """
    It is an error of the project's, with the file's name, and not a simulation with our tables.
    """
    own = in_project(tmp_path, tool__call=7)
    (tmp_path / TABLES_FILE).write_text("{}")

    with pytest.raises(ConfigError, match=TABLES_FILE):
        ran(own)
