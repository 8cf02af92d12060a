"""Small scenarios around clients that a program makes itself."""

from __future__ import annotations

from typing import Any

from agent_perf import scenario
from agent_perf.records import Run, Tier
from agent_perf.suite import run_scenario


def measured(function: Any, *, users: int = 1, tier: Tier = Tier.CLIENT, **arguments: Any) -> Run:
    """Return the run of a scenario of *function* with few requests."""
    options = {"users": (users,), "requests": 6, **arguments}
    return run_scenario(scenario("a.b", **options)(function), users, commit="worktree", tier=tier)
