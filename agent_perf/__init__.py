"""
agent-perf: did this change make my agent slower or dearer, why, and how sure are we?

Names are looked up when first used, so that ``import agent_perf`` costs nothing.

PYTEST_DONT_REWRITE: having a plugin, we would be warned about by pytest where a program
imports us before it calls `pytest.main`, and there warnings may be errors.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agent_perf.sim import llm
    from agent_perf.suite import Scenario, World, command, scenario

__version__ = "0.1.0"
__all__ = ["Scenario", "World", "__version__", "command", "llm", "scenario"]

_HOME = {
    "Scenario": "agent_perf.suite",
    "World": "agent_perf.suite",
    "command": "agent_perf.suite",
    "llm": "agent_perf.sim",
    "scenario": "agent_perf.suite",
}


def __getattr__(name: str) -> object:
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module 'agent_perf' has no attribute {name!r}")
