"""
A canary's result for people, for programs, and for a pull request.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from agent_perf.cli.output import plain
from agent_perf.live.canary import (
    FALSE_ROLLBACK,
    Answer,
    CanaryOutcome,
    CanaryPlan,
    CanaryResult,
    Finding,
    SideSeen,
    StepResult,
)
from agent_perf.report.markdown import escape_markdown
from agent_perf.units import format_value

_HEADLINES = {
    CanaryOutcome.PROMOTE: "PROMOTE",
    CanaryOutcome.HOLD: "HOLD",
    CanaryOutcome.ROLLBACK: "ROLL BACK",
}
_MARKS = {Answer.FINE: "ok", Answer.WORSE: "WORSE", Answer.OPEN: "open"}


def plan_text(plan: CanaryPlan) -> str:
    """Return what *plan* is going to do, and what it holds the candidate to."""
    (_, first), *rest = plan.chosen
    limits = ", ".join(f"{one.metric} {_change(one.most)}" for one in plan.limits)
    length = f"{first.length_s:g} s at most"
    if rest:
        shares = ", ".join(f"{step.share * 100:.3g}" for _, step in plan.chosen)
        length = f"steps of {shares} %, each {length}"
    return f"{length}; too much is {limits}"


def look_text(number: int, at_s: float, findings: tuple[Finding, ...]) -> str:
    """Return what one look at step *number* told, *at_s* seconds after it began."""
    told = [
        f"{one.limit.metric} {_change(one.shift.change)} {one.answer.value}" for one in findings
    ]
    return f"step {number}, {at_s:.0f} s: {', '.join(told) or 'nothing to judge yet'}"


def result_lines(result: CanaryResult) -> Iterator[str]:
    """Yield *result* for a terminal."""
    for step in result.steps:
        yield (
            f"step {step.number}: {step.share:.4g} of the rate, {step.length_s:.0f} s, "
            f"{step.stable.requests} + {step.candidate.requests} requests: {step.answer.value}"
        ).replace(f"{step.share:.4g} of", f"{step.share * 100:.3g} % of")
        for one in step.findings:
            yield f"  {_MARKS[one.answer]:5}  {one.limit.metric}: {finding_text(one)}"
        for side, name in ((step.stable, "stable"), (step.candidate, "candidate")):
            if side.failed:
                first = f", the first by {side.detail}" if side.detail else ""
                yield f"  {name}: {side.failed} failed{first}"
        yield from (f"  {note}" for note in step.notes)
    yield f"{_HEADLINES[result.outcome]}: {reason(result)}"


def reason(result: CanaryResult) -> str:
    """Return in a sentence why *result* is what it is."""
    last = result.steps[-1]
    place = f"at {last.share * 100:.3g} %"
    if result.is_interrupted:
        return f"interrupted {place} after {last.length_s:.0f} s: what was seen decides nothing"
    match result.outcome:
        case CanaryOutcome.PROMOTE:
            return f"surely within each limit {place}"
        case CanaryOutcome.ROLLBACK:
            worse = [one for one in last.findings if one.answer is Answer.WORSE]
            told = "; ".join(f"{one.limit.metric} {finding_text(one)}" for one in worse)
            # Who is down is so without any limit; the notes say it.
            told = told or "; ".join(last.notes)
            return f"surely worse {place}: {told}"
    missing = [one.limit.metric for one in last.findings if one.answer is Answer.OPEN]
    # Who is only watched is asked no more often than users do.
    way_out = "a higher rate" if last.late_s is not None else "buckets with closer bounds"
    return (
        f"neither surely fine nor surely worse in {', '.join(missing) or 'anything'}: "
        f"give it more time (--for) or {way_out}"
    )


def finding_text(one: Finding) -> str:
    """Return the two values, their difference, its interval and the limit."""
    shift = one.shift
    unit = "ratio" if one.limit.quantile is None else "s"
    values = f"{_value(shift.stable, unit)} -> {_value(shift.candidate, unit)}"
    # Nothing is faster than no time at all: such an interval holds whatever there is.
    is_known = shift.low > -1 or math.isfinite(shift.high)
    interval = f"[{_change(shift.low)}, {_change(shift.high)}]"
    sure = f"surely in {interval}" if is_known else "nothing is sure"
    change = "" if shift.change is None else f" ({_change(shift.change)})"
    return f"{values}{change}, {sure}, limit {_change(one.limit.most)}"


def _value(value: float, unit: str) -> str:
    """Return a quantile, or that so many requests failed that its rank is no answer."""
    return format_value(value, unit) if math.isfinite(value) else "no answer"


def _change(ratio: float | None) -> str:
    if ratio is None or not math.isfinite(ratio):
        return "?"
    return f"{ratio * 100:+.3g} %"


def canary_document(result: CanaryResult, *, exit_code: int) -> dict[str, object]:
    """Return *result* for programs; ``schema/canary-1.json`` describes it."""
    return {
        "schema": "canary",
        "schema_version": 1,
        "outcome": result.outcome.value,
        "successful": exit_code == 0,
        "exit_code": exit_code,
        "reason": reason(result),
        "stable": result.stable,
        "candidate": result.candidate,
        "steps_planned": result.planned,
        "false_rollback_probability": FALSE_ROLLBACK,
        "steps": [_step(step) for step in result.steps],
    }


def _step(step: StepResult) -> dict[str, object]:
    return {
        "number": step.number,
        "share": step.share,
        "answer": step.answer.value,
        "length_s": step.length_s,
        "late_s": step.late_s,
        "stable": _side(step.stable),
        "candidate": _side(step.candidate),
        "findings": [_finding(one) for one in step.findings],
        "notes": list(step.notes),
    }


def _side(side: SideSeen) -> dict[str, object]:
    return {
        "requests": side.requests,
        "failed": side.failed,
        "errors": dict(side.errors),
        "first_error": side.detail,
        "p50_s": side.p50_s,
        "p95_s": side.p95_s,
        "p99_s": side.p99_s,
    }


def _finding(one: Finding) -> dict[str, object]:
    return {
        "metric": one.limit.metric,
        "answer": one.answer.value,
        "stable": _number(one.shift.stable),
        "candidate": _number(one.shift.candidate),
        "change": _number(one.shift.change),
        "low": _number(one.shift.low),
        "high": _number(one.shift.high),
        "limit": one.limit.most,
        "tolerated": one.limit.tolerated,
        "worth": one.shift.worth,
    }


def _number(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def canary_markdown(result: CanaryResult) -> str:
    """Return *result* as Markdown, for a pull request or a job's summary."""
    why = reason(result)
    rows = [
        f"| {step.share * 100:.3g} % | {step.stable.requests:,} + {step.candidate.requests:,} | "
        f"{one.limit.metric} | {finding_text(one)} | "
        f"{one.answer.value} |"
        for step in result.steps
        for one in step.findings
    ]
    notes = [
        f"- {step.share * 100:.3g} %: {escape_markdown(plain(note))}"
        for step in result.steps
        for note in step.notes
    ]
    return "\n".join(
        (
            f"## Canary: {_HEADLINES[result.outcome].lower()}",
            "",
            f"{why[:1].upper()}{why[1:]}.",
            "",
            "| share | requests | metric | stable -> candidate | answer |",
            "|--:|--:|---|---|---|",
            *rows,
            *(("", *notes) if notes else ()),
            "",
        )
    )
