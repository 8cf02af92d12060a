"""
A run to start from in tests.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from agent_perf.records import Environment, OperationTotal, Run

ENVIRONMENT = Environment(python="3.11", harness="a" * 40, scenario="b" * 40)


def make_run(
    *,
    latency_ns: Sequence[int] = (1_000_000,) * 100,
    path: Sequence[str] | None = None,
    errors: Mapping[int, str] | None = None,
    duration_ns: int = 2_000_000_000,
    counts: Mapping[str, int] | None = None,
    details: Mapping[str, int] | None = None,
    operations: Mapping[str, OperationTotal] | None = None,
    targets: Mapping[str, float] | None = None,
    environment: Environment = ENVIRONMENT,
    scenario: str = "agent.chat",
    commit: str = "c" * 40,
    seed: int = 1,
) -> Run:
    """Return a run of 100 requests of 1 ms, with the differences given."""
    return Run(
        scenario=scenario,
        users=50,
        seed=seed,
        commit=commit,
        environment=environment,
        latency_ns=tuple(latency_ns),
        path=tuple(path if path is not None else ("",) * len(latency_ns)),
        errors=errors or {},
        duration_ns=duration_ns,
        counts=counts or {},
        details=details or {},
        operations=operations or {},
        exemplar=None,
        trace_digest="0" * 32,
        targets=targets or {},
    )
