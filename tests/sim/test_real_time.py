"""Virtual time against real time: the same program, with the same draws, on both."""

import os
import runpy
from pathlib import Path
from typing import Any

import pytest

from tests.sim.agent_path import draw_tape

_TOOL = Path(__file__).parents[2] / "tools" / "validate_real_time.py"


@pytest.fixture(scope="module")
def tool() -> dict[str, Any]:
    """What the tool defines."""
    return runpy.run_path(str(_TOOL))


def test_the_prompt_selector_is_no_earlier_than_asked(tool: dict[str, Any]) -> None:
    """
    Three requests end in real time, none before its waits are over.
    """
    tape = draw_tape(3, chunks=0)
    virtual, real = tool["in_virtual_time"](tape, 3), tool["in_real_time"](tape, 3)

    assert virtual.counts == real.counts
    assert all(real.latency_ns[i] >= ns for i, ns in virtual.latency_ns.items())


@pytest.mark.slow
@pytest.mark.parametrize("users", [10, 100])
def test_virtual_time_is_real_time(tool: dict[str, Any], users: int) -> None:
    """
    The P95 of the same requests is within 1.5 % of real time, at the best of five rounds.

    The one test that looks at a real clock: a busy machine has nothing to tell it.
    """
    if os.getloadavg()[0] > 0.5:
        pytest.skip(f"the machine is busy: load {os.getloadavg()[0]:.1f}")
    tape = draw_tape(tool["LOADS"][users], chunks=tool["CHUNKS"])
    virtual = tool["p95_ns"](tool["in_virtual_time"](tape, users))
    real = min(tool["p95_ns"](tool["in_real_time"](tape, users)) for _ in range(5))

    assert real / virtual - 1 == pytest.approx(0, abs=tool["P95_OFF_MAX_RATIO"])
