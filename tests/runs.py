"""Runs for tests, valid and small."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from agent_perf.records import Environment, Run

ENVIRONMENT = Environment(
    python="3.11", harness="a" * 64, scenario="b" * 64, packages={"redis": "8.1.0"}
)


def make_run(**changes: Any) -> Run:
    """Return a run of 100 requests of 10 ms, with *changes* to its attributes."""
    run = Run(
        scenario="shop.answer",
        users=1,
        seed=1,
        commit="c" * 40,
        environment=ENVIRONMENT,
        latency_ns=(10_000_000,) * 100,
        path=("",) * 100,
        errors={},
        duration_ns=2_000_000_000,
        counts={"redis_trips": 100},
        details={},
        operations={},
        exemplar=None,
        trace_digest="0" * 32,
    )
    return replace(run, **changes)
