"""
Which latency tables hold where scenarios run: theirs, then the project's own, then ours.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from agent_perf.sim import LatencyTable, own_tables
from agent_perf.suite.declaration import Scenario


def tables_of(scenarios: Sequence[Scenario]) -> Mapping[str, LatencyTable]:
    """
    Return the tables of *scenarios* in one world, over those that ship with agent-perf.

    What a scenario says wins over what was measured for its project; of several scenarios
    the last.

    Raises:
        ConfigError: If the project's file is not valid.
    """
    measured = [own_tables(scenario.source) for scenario in scenarios]
    said = [scenario.tables for scenario in scenarios]
    return {name: table for tables in (*measured, *said) for name, table in tables.items()}
