"""What operations cost: measured, written down, and read beside a scenario's file."""

from __future__ import annotations

from contextlib import closing

import msgspec
import pytest

from agent_perf.errors import ConfigError
from agent_perf.measure import Recorder
from agent_perf.sim import (
    COSTS_FILE,
    CpuCosts,
    Draws,
    SimLoop,
    costs_for,
    default_costs,
    load_costs,
    simulate,
)
from agent_perf.suite.calibration import OPERATIONS, Sample, Sampling, calibrate, costs_of
from agent_perf.suite.world import World

COSTS = CpuCosts(ns={"redis_trips": 7}, ns_per_kib={"json": 1024}, ns_per_call=3)


def test_every_operation_gets_a_price() -> None:
    """Calibration prices the same work as the costs that come with the harness."""
    seen: dict[str, Sample] = {}
    costs = calibrate(Sampling(rounds=1, calls=2), lambda name, s: seen.update({name: s}))

    assert default_costs().ns.keys() == costs.ns.keys()
    assert default_costs().ns_per_kib.keys() == costs.ns_per_kib.keys()
    assert costs.ns_per_call > 0
    # The service makes calls, too, and they are not the client's.
    assert all(0 < s.priced_count < s.call_count for s in seen.values())


def test_a_call_to_a_database_is_two_statements() -> None:
    """
    What a call costs is charged for once: it counts as two statements, each for half of it.

    The second is the rollback when its connection is given back.
    """
    counted: list[str] = []

    class Witness(Recorder):
        def count(self, name: str, amount: int = 1, detail: str = "") -> None:
            counted.extend([detail] * amount if name == "db_statements" else [])

    async def main(loop: SimLoop) -> None:
        witness = Witness(lambda: loop.now_ns, lambda: -1)
        with closing(World(loop, Draws(1), witness)) as world:
            async with OPERATIONS["db statement"](world) as call:
                await call()

    simulate(main)
    ns = dict.fromkeys(OPERATIONS, 1_000)

    assert 2 == len(counted)
    assert 500 == costs_of(ns, Sampling(), ns_per_call=1, source="").ns["db_statements"]


def test_costs_are_written_and_read() -> None:
    """A file gives the costs it was made of; a digest tells costs apart, not their source."""
    read = load_costs(msgspec.json.encode(COSTS), "file")

    assert COSTS == read
    assert COSTS.digest != CpuCosts(ns={}, ns_per_kib={}, ns_per_call=3).digest
    assert (
        COSTS.digest
        == CpuCosts(
            ns={"redis_trips": 7}, ns_per_kib={"json": 1024}, ns_per_call=3, source="x"
        ).digest
    )


def test_amounts_are_priced_in_integers() -> None:
    """Units by their price; bytes per KiB, rounded down; what has no price is free."""
    assert 21 == COSTS.of("redis_trips", 3)
    assert 1536 == COSTS.of("json", 1536)
    assert 0 == COSTS.of("coffee", 10)


@pytest.mark.parametrize(
    "data", [b"{", b"{}", b'{"ns": {"a": -1}, "ns_per_kib": {}, "ns_per_call": 1}']
)
def test_a_damaged_file_is_told(data: bytes) -> None:
    """The message names the file and says how to make it again."""
    with pytest.raises(ConfigError, match="here.json.*agent-perf calibrate"):
        load_costs(data, "here.json")


def test_a_projects_own_costs_win(tmp_path) -> None:
    """cpu_costs.json beside the scenario's file holds for it; without one, ours do."""
    scenario_file = tmp_path / "shop.py"

    assert default_costs() == costs_for(scenario_file)

    (tmp_path / COSTS_FILE).write_bytes(msgspec.json.encode(COSTS))

    assert COSTS == costs_for(scenario_file)
