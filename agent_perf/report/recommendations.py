"""
Recommendations as a report shows them.
"""

from __future__ import annotations

from collections.abc import Sequence

from agent_perf.records import Advice
from agent_perf.report.cause_points import where
from agent_perf.report.text import sentence
from agent_perf.report.view import Recommendation


def recommendations(advice: Sequence[Advice]) -> tuple[Recommendation, ...]:
    """Return *advice* in its order, in sentences."""
    return tuple(
        Recommendation(
            where=where(one.benchmarks),
            fact=sentence(one.fact),
            action=sentence(one.action),
            is_new=one.new,
        )
        for one in advice
    )


def advice_document(advice: Sequence[Advice]) -> list[dict[str, object]]:
    """Return *advice* as plain values of JSON."""
    return [
        {
            "kind": one.kind,
            "benchmarks": list(one.benchmarks),
            "fact": one.fact,
            "action": one.action,
            "cost_ns": one.cost_ns,
            "new": one.new,
        }
        for one in advice
    ]
