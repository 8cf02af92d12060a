"""The room's door: all of it, and nothing heavy before it is asked for."""

import subprocess
import sys

import pytest

from agent_perf import sim

HEAVY = ("redis", "fakeredis", "sqlalchemy", "respx", "httpx", "httpx2", "time_machine", "pytest")


def test_every_name_of_the_door_opens() -> None:
    """
    Each name in ``__all__`` can be imported.
    """
    assert not [name for name in sim.__all__ if not hasattr(sim, name)]


def test_an_unknown_name_is_an_attribute_error() -> None:
    """
    A misspelt name fails as on any module.
    """
    with pytest.raises(AttributeError, match="SimReddis"):
        sim.SimReddis  # noqa: B018


@pytest.mark.parametrize("names", ["Draws", "simulate, SimLoop", "LatencyTable, request_scope"])
def test_the_core_brings_no_libraries(names: str) -> None:
    """
    Importing the core imports none of the client libraries and mocks.
    """
    code = f"import sys\nfrom agent_perf.sim import {names}\nprint(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()

    assert "agent_perf.sim" in loaded
    assert [] == [name for name in HEAVY if name in loaded]
