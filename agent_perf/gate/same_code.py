"""
What runs the same code on base and head, before the gate.
"""

from __future__ import annotations

from collections.abc import Iterable

from agent_perf.gate.policy import Policy
from agent_perf.gate.prejudged import Prejudged
from agent_perf.records import Comparison, DuetRun, Evidence, Verdict


def judge_same_code(duets: Iterable[DuetRun], policy: Policy) -> Prejudged:
    """Return *duets*, which have no rounds and need none, as unchanged, for judge."""
    return Prejudged(
        comparisons=tuple(
            Comparison(
                benchmark=duet.benchmark,
                metric=duet.metric,
                unit=duet.unit,
                evidence=Evidence.EXACT,
                base=None,
                head=None,
                change_ratio=0.0,
                interval=None,
                limit_ratio=policy.limit_of(duet),
                verdict=Verdict.UNCHANGED,
                reason="the same code: it reads no file that differs, and was not measured",
                sample_count=0,
            )
            for duet in duets
        )
    )


def may_be_spared(benchmark: str, policy: Policy) -> bool:
    """Return whether *benchmark* has no target: one of its own needs a value."""
    return not policy.targets_for(benchmark, {})
