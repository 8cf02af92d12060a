"""
A project's own latency tables, as `agent-perf calibrate` measured them.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from agent_perf import codec
from agent_perf.errors import ConfigError, StoreError
from agent_perf.records import TABLES_FILE
from agent_perf.sim.latency import LatencyTable


def own_tables(scenario_source: Path) -> Mapping[str, LatencyTable]:
    """
    Return the latency tables beside the scenario's file, by name; none if there are none.

    Raises:
        ConfigError: If the file is not valid.
    """
    path = scenario_source.parent / TABLES_FILE
    if not path.is_file():
        return {}
    try:
        return _tables(codec.read_file(path), str(path))
    except StoreError as error:
        raise ConfigError(str(error)) from error


@lru_cache(maxsize=16)
def _tables(data: bytes, source: str) -> Mapping[str, LatencyTable]:
    # Each simulation asks; the same file gives the same tables.
    file = codec.load_tables(data, source)
    return {
        table.name: LatencyTable(name=table.name, grid=file.grid, value_ns=table.value_ns)
        for table in file.tables
    }
