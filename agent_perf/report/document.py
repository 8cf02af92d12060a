"""
The report for machines: plain values of JSON, raw numbers, a reason code at each verdict.

``schema/report-1.json`` describes it. Numbers that JSON cannot carry (a change from
zero is infinite) are null.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Final

from agent_perf.records import (
    Breach,
    Cause,
    Comparison,
    Confirmation,
    CutOff,
    Decision,
    DuetRun,
    Evidence,
    Failure,
    MachineNoise,
    Verdict,
    WaiverUse,
)
from agent_perf.report.lineage import Lineage
from agent_perf.report.machine_noise import noise_document
from agent_perf.report.past import Past
from agent_perf.report.standing import Standing

SCHEMA_VERSION: Final = 1

_REASON_CODES: Final = {
    (Verdict.REGRESSED, Evidence.EXACT): "change-above-limit",
    (Verdict.REGRESSED, Evidence.SAMPLED): "interval-above-limit",
    (Verdict.SLOWER, Evidence.EXACT): "change-within-limit",
    (Verdict.SLOWER, Evidence.SAMPLED): "interval-within-limit",
    (Verdict.UNCHANGED, Evidence.EXACT): "equal",
    (Verdict.UNCHANGED, Evidence.SAMPLED): "interval-around-zero",
    (Verdict.IMPROVED, Evidence.EXACT): "change-for-the-better",
    (Verdict.IMPROVED, Evidence.SAMPLED): "interval-below-zero",
}
_OTHER_CODES: Final = {
    Verdict.UNDECIDED: "not-decidable",
    Verdict.NEW: "no-base-value",
    Verdict.MISSING: "no-head-value",
    Verdict.ERRORED: "no-value",
}


def comparison_document(
    decision: Decision,
    standings: Sequence[Standing],
    title: str,
    noise: MachineNoise | None,
    past: Mapping[str, Sequence[Lineage]],
) -> dict[str, object]:
    """Return the document of a comparison of two commits."""
    return {
        **_header("comparison", title),
        "outcome": decision.outcome.value,
        "base": decision.base,
        "head": decision.head,
        "benchmarks": [
            {
                "name": one.benchmark,
                "verdict": one.worst.value,
                "fails": one.fails,
                "causes": [_cause(cause) for cause in one.causes],
                "targets": dict(one.head.targets if one.head is not None else one.promised),
                "requests": len(one.head.latency_ns) if one.head is not None else None,
            }
            for one in standings
        ],
        "comparisons": [_comparison(one) for one in decision.comparisons],
        "rounds": [_rounds(duet) for one in standings for duet in one.duets.values()],
        "breaches": [_breach(one) for one in decision.breaches],
        "failures": [_failure(one) for one in decision.failures],
        "waivers": [_waiver(one) for one in decision.waivers],
        "lines": list(decision.lines),
        "warnings": list(decision.warnings),
        **({} if decision.cut_off is None else {"cut_off": _cut_off(decision.cut_off)}),
        "machine_noise": None if noise is None else noise_document(noise),
        "history": [_lineage(one) for found in past.values() for one in found],
    }


def history_document(past: Past, title: str) -> dict[str, object]:
    """Return the document of a report over a range of commits or versions."""
    found = "steps found" if past.steps else "steady" if past.judged else "not judged"
    return {
        **_header("history", title),
        "outcome": found if past.measured else "nothing measured",
        "commits": [
            {"name": one.name, "subject": one.subject, "failure": one.failure or None}
            for one in past.commits
        ],
        "steps": [
            {
                "commit": step.commit,
                "parent": step.parent,
                "subject": step.subject,
                "comparisons": [_comparison(one) for one in step.comparisons],
                "causes": {
                    name: [_cause(cause) for cause in causes]
                    for name, causes in step.causes.items()
                },
            }
            for step in past.steps
        ],
        "series": [
            {
                "name": one.name,
                "unit": one.unit,
                "target": _number(one.target),
                "points": [
                    {
                        "label": point.label,
                        "value": _number(point.value),
                        "interval": _pair(point.interval),
                    }
                    for point in one.points
                ],
            }
            for one in past.series
        ],
    }


def reason_code(comparison: Comparison) -> str:
    """Return why a comparison has its verdict, for machines."""
    return _REASON_CODES.get(
        (comparison.verdict, comparison.evidence),
        _OTHER_CODES.get(comparison.verdict, "other"),
    )


def _header(kind: str, title: str) -> dict[str, object]:
    return {"schema": "report", "schema_version": SCHEMA_VERSION, "kind": kind, "title": title}


def _comparison(one: Comparison) -> dict[str, object]:
    return {
        "benchmark": one.benchmark,
        "metric": one.metric,
        "unit": one.unit,
        "evidence": one.evidence.value,
        "base": _number(one.base),
        "head": _number(one.head),
        "change_ratio": _number(one.change_ratio),
        "interval": _pair(one.interval),
        "limit_ratio": _number(one.limit_ratio),
        "verdict": one.verdict.value,
        "reason_code": reason_code(one),
        "reason": one.reason,
        "sample_count": one.sample_count,
        "confirmation": None if one.confirmation is None else _confirmation(one.confirmation),
    }


def _confirmation(one: Confirmation) -> dict[str, object]:
    return {
        "change_ratio": _number(one.change_ratio),
        "interval": _pair(one.interval),
        "round_count": one.round_count,
        "verdict": one.verdict.value,
    }


def _rounds(duet: DuetRun) -> dict[str, object]:
    return {
        "benchmark": duet.benchmark,
        "metric": duet.metric,
        "unit": duet.unit,
        "calls_per_round": duet.calls_per_round,
        "base": [_number(value) for value in duet.base],
        "head": [_number(value) for value in duet.head],
        "conditions": [
            {
                "pressure_ratio": _number(one.pressure_ratio),
                "steal_ratio": _number(one.steal_ratio),
                "switches_count": one.switches_count,
                "busy": one.is_busy,
            }
            for one in duet.conditions
        ],
        "confirmation": None if duet.confirmation is None else _rounds(duet.confirmation),
    }


def _breach(one: Breach) -> dict[str, object]:
    return {
        "benchmark": one.benchmark,
        "metric": one.metric,
        "unit": one.unit,
        "observed": _number(one.observed),
        "limit": _number(one.limit),
    }


def _failure(one: Failure) -> dict[str, object]:
    return {
        "benchmark": one.benchmark,
        "commit": one.commit,
        "category": one.category,
        "message": one.message,
        "traceback": one.traceback,
    }


def _cut_off(one: CutOff) -> dict[str, object]:
    return {
        "spent_usd": _number(one.spent_usd),
        "limit_usd": _number(one.limit_usd),
        "left": list(one.left),
    }


def _waiver(one: WaiverUse) -> dict[str, object]:
    return {
        "benchmark": one.waiver.benchmark,
        "metric": one.waiver.metric,
        "reason": one.waiver.reason,
        "until": one.waiver.until.isoformat(),
        "days_left": one.days_left,
        "at_most_ratio": _number(one.waiver.at_most_ratio),
        "author": one.waiver.author,
        "state": one.state.value,
        "covered": [
            {
                "benchmark": covered.benchmark,
                "metric": covered.metric,
                "lapse": covered.lapse.value,
                "text": covered.text,
            }
            for covered in one.covered
        ],
    }


def _lineage(one: Lineage) -> dict[str, object]:
    return {
        "benchmark": one.benchmark,
        "metric": one.metric,
        "unit": one.unit,
        "target": _number(one.target),
        "points": [{"commit": commit, "value": _number(value)} for commit, value in one.points],
        "changes": [
            {
                "commit": turn.commit,
                "parent": turn.parent,
                "before": _number(turn.before),
                "after": _number(turn.after),
                "change_ratio": _number(turn.change_ratio),
                "better": turn.better,
            }
            for turn in one.turns
        ],
    }


def _cause(one: Cause) -> dict[str, object]:
    return {"kind": one.kind, "text": one.text, "critical_ns": one.critical_ns}


def _pair(bounds: tuple[float, float] | None) -> list[float | None] | None:
    return None if bounds is None else [_number(bounds[0]), _number(bounds[1])]


def _number(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
