"""The values that cross the floors: frozen, checked, free of behaviour."""

from agent_perf.records.judgement import (
    WORST_FIRST,
    Breach,
    Cause,
    Comparison,
    Decision,
    Outcome,
    Step,
    Verdict,
)
from agent_perf.records.measurement import (
    DuetRun,
    Environment,
    Evidence,
    Exemplar,
    Failure,
    Metric,
    OperationTotal,
    Run,
    Span,
    Tier,
    benchmark_name,
)
from agent_perf.records.series import Point, Series, Shift

__all__ = [
    "WORST_FIRST",
    "Breach",
    "Cause",
    "Comparison",
    "Decision",
    "DuetRun",
    "Environment",
    "Evidence",
    "Exemplar",
    "Failure",
    "Metric",
    "OperationTotal",
    "Outcome",
    "Point",
    "Run",
    "Series",
    "Shift",
    "Span",
    "Step",
    "Tier",
    "Verdict",
    "benchmark_name",
]
