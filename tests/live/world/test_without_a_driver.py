"""A live world where packages that only some scenarios need are not installed."""

from __future__ import annotations

import subprocess
import sys

import pytest

_WITHOUT = """
import sys
sys.modules["asyncpg"] = None
from agent_perf.errors import UsageError
from agent_perf.live.world import LiveDatabase, run_in_real_time
async def nothing():
    return 7
print(run_in_real_time(lambda loop: nothing(), limit_s=9, whose="x"))
try:
    LiveDatabase("postgresql://u@127.0.0.1:1/x", None, None)
except UsageError as error:
    print(error)
"""


@pytest.mark.slow
def test_only_a_database_needs_its_driver() -> None:
    """What has none runs in real time without asyncpg; what has one is told how to get it."""
    said = subprocess.check_output([sys.executable, "-c", _WITHOUT], text=True)

    ran, told = said.splitlines()
    assert "7" == ran
    assert "a database of the tier 'live' needs the package 'asyncpg'" in told
    assert told.endswith("pip install 'agent-perf[postgres]'")
