"""
A load as test cases: one for each target and each check.
"""

from __future__ import annotations

from agent_perf.records import LoadDecision, Outcome
from agent_perf.report.load_targets import windows_text
from agent_perf.report.text import quantity, scrub
from agent_perf.report.view import Case

_STATES = {True: "passed", False: "failure", None: "skipped"}


def load_cases(name: str, decision: LoadDecision) -> tuple[Case, ...]:
    """Return the cases of the load *name*; a suite without any would pass, so there is one."""
    group = scrub(f"load.{name}")
    if decision.outcome in {Outcome.BROKEN, Outcome.NOTHING}:
        kind = "broken" if decision.outcome is Outcome.BROKEN else "nothing-measured"
        message = "; ".join(scrub((*decision.lines, *decision.notes))) or "nothing was measured"
        return (Case(group=group, name="answers", state="error", kind=kind, message=message),)
    cases = [
        Case(
            group=group,
            name=one.metric,
            state=_STATES[one.passed],
            kind="" if one.passed else "target-missed" if one.passed is False else "not-told",
            message=""
            if one.passed
            else one.text
            if one.passed is None
            else f"{quantity(one.observed, one.unit)}, target {quantity(one.limit, one.unit)}",
            text=f"missed {windows_text(one)}" if one.windows and not one.passed else "",
        )
        for one in scrub(decision.targets)
    ]
    cases += [
        Case(
            group=group,
            name=one.name,
            state=_STATES[one.passed],
            kind="" if one.passed else "check-failed" if one.passed is False else "not-told",
            message="" if one.passed else one.text,
        )
        for one in scrub(decision.checks)
    ]
    if decision.outcome is Outcome.UNDECIDED:
        cases.append(
            Case(
                group=group,
                name="whole load",
                state="skipped",
                kind="not-decidable",
                message="; ".join(scrub(decision.notes)) or "something is not told",
            )
        )
    return tuple(cases) or (Case(group=group, name="answers", state="passed"),)
