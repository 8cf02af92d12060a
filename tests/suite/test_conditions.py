"""What the machine did while a round was measured."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent_perf.records import RoundConditions
from agent_perf.suite.conditions import Counters, conditions_between, read_counters

PRESSURE = """\
some avg10=1.53 avg60=0.87 avg300=0.35 total=2500000
full avg10=0.00 avg60=0.00 avg300=0.00 total=0
"""
STAT = """\
cpu  100 0 50 800 10 0 0 40 7 0
cpu0 50 0 25 400 5 0 0 20 3 0
intr 1 2 3
"""


def test_counters_are_read_as_linux_tells_them(tmp_path) -> None:
    """Microseconds of waiting, the eighth field of all CPUs; a guest's time is in the user's."""
    (tmp_path / "pressure").write_text(PRESSURE)
    (tmp_path / "stat").write_text(STAT)

    found = read_counters(tmp_path / "pressure", tmp_path / "stat")

    assert (2.5, 40, 1000) == (found.waited_s, found.stolen_ticks, found.all_ticks)


def test_a_system_without_counters_tells_nothing() -> None:
    """Where there is no /proc, there are the context switches alone."""
    found = read_counters(Path("/nowhere/pressure"), Path("/nowhere/stat"))

    assert RoundConditions(switches_count=3) == conditions_between(found, found, 3)


def test_this_system_is_read() -> None:
    """Shares of what really passed are shares."""
    start = read_counters()
    conditions = conditions_between(start, read_counters(), None)

    assert conditions.pressure_ratio is None or 0 <= conditions.pressure_ratio <= 1


@pytest.mark.parametrize(("waited_s", "share"), [(1.0, 0.5), (9.0, 1.0), (-1.0, 0.0)])
def test_shares_stay_shares(waited_s, share) -> None:
    """The system's counters may lag or step back: a share never leaves 0 to 1."""
    start = Counters(at_s=10.0, waited_s=10.0, stolen_ticks=5, all_ticks=100)
    end = Counters(at_s=12.0, waited_s=10.0 + waited_s, stolen_ticks=25, all_ticks=300)

    expected = RoundConditions(pressure_ratio=share, steal_ratio=0.1, switches_count=2)
    assert expected == conditions_between(start, end, 2)
