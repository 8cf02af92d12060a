"""
The report as test cases, which every CI shows.

One case for each metric of each benchmark that the gate judges: a CI follows a case over
builds by its name, so that a metric which turns red, and only that one, shows as newly
failed. A suite without any case would pass, so what was not measured is a case too.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from agent_perf.records import (
    Breach,
    Comparison,
    CutOff,
    Decision,
    Lapse,
    Outcome,
    Step,
    Verdict,
    WaiverState,
    WaiverUse,
)
from agent_perf.report.document import reason_code
from agent_perf.report.standing import Standing
from agent_perf.report.text import quantity, short_commit
from agent_perf.report.view import Case
from agent_perf.report.waivers import waiver_words
from agent_perf.units import format_dollars


def comparison_cases(decision: Decision, standings: Sequence[Standing]) -> tuple[Case, ...]:
    """Return the cases of a comparison of two commits."""
    cases = [case for standing in standings for case in _benchmark_cases(standing)]
    cases.extend(_expired_case(use) for use in decision.waivers if use.state is WaiverState.EXPIRED)
    if decision.cut_off is not None:
        cases.append(_too_dear(decision.cut_off))
    if decision.outcome is Outcome.NOTHING or not cases:
        cases.append(_nothing(" ".join((*decision.lines, *decision.warnings))))
    return tuple(cases)


def history_cases(steps: Sequence[Step], *, measured: bool) -> tuple[Case, ...]:
    """
    Return a case for each commit that changed something.

    Args:
        steps: Oldest first.
        measured: Whether any value is known at all.
    """
    if not measured and not steps:
        return (_nothing(""),)
    cases = [_step_case(step) for step in steps]
    return tuple(cases) or (Case(group="history", name="no commit is a step", state="passed"),)


def _benchmark_cases(standing: Standing) -> Iterator[Case]:
    breaches = {breach.metric: breach for breach in standing.breaches}
    for one in standing.comparisons:
        breach = breaches.pop(one.metric, None)
        if one.limit_ratio is None and breach is None and one.verdict is not Verdict.REGRESSED:
            continue
        yield _metric_case(standing, one, breach)
    for breach in breaches.values():
        state, kind = _breach_state(standing, breach)
        yield Case(
            group=standing.benchmark,
            name=breach.metric,
            state=state,
            kind=kind,
            message="; ".join([_missed(breach), *_waivers(standing, None, breach)]),
        )
    if standing.failures:
        first = standing.failures[0]
        yield Case(
            group=standing.benchmark,
            name="runs",
            state="error",
            kind=first.category,
            message=f"{short_commit(first.commit)}: {first.message}",
            text="\n\n".join(one.traceback for one in standing.failures if one.traceback),
        )


def _metric_case(standing: Standing, one: Comparison, breach: Breach | None) -> Case:
    state, kind = _state(standing, one, breach)
    messages = []
    if state != "passed":
        messages.append(one.reason)
    if breach is not None:
        messages.append(_missed(breach))
    messages.extend(_waivers(standing, one, breach))
    return Case(
        group=standing.benchmark,
        name=one.metric,
        state=state,
        kind=kind,
        message="; ".join(messages),
        text="\n".join(cause.text for cause in standing.causes) if state == "failure" else "",
    )


def _state(standing: Standing, one: Comparison, breach: Breach | None) -> tuple[str, str]:
    waived = standing.waiver_of(one) is not None
    warned = one.metric in standing.warned
    match one.verdict:
        case Verdict.REGRESSED if not (waived or warned):
            return "failure", reason_code(one)
        case Verdict.ERRORED | Verdict.MISSING:
            return "error", reason_code(one)
    if breach is not None:
        return _breach_state(standing, breach)
    if waived:
        return "skipped", "waived"
    if warned:
        return "skipped", "warned"
    if one.verdict is Verdict.UNDECIDED:
        return "skipped", reason_code(one)
    return "passed", ""


def _breach_state(standing: Standing, breach: Breach) -> tuple[str, str]:
    if (breach.metric, Lapse.MISSED) in standing.waived:
        return "skipped", "waived"
    return "failure", "target-missed"


def _waivers(standing: Standing, one: Comparison | None, breach: Breach | None) -> list[str]:
    """Return the waivers of a metric in words, each once."""
    uses = [
        None if one is None else standing.waiver_of(one),
        None if breach is None else standing.waived.get((breach.metric, Lapse.MISSED)),
    ]
    return list(dict.fromkeys(waiver_words(use) for use in uses if use is not None))


def _expired_case(use: WaiverUse) -> Case:
    return Case(
        group="waivers",
        name=use.waiver.name,
        state="failure",
        kind="waiver-expired",
        message=waiver_words(use),
        text="\n".join(one.text for one in use.covered),
    )


def _step_case(step: Step) -> Case:
    worse = [one for one in step.comparisons if one.verdict is Verdict.REGRESSED]
    causes = [cause.text for causes in step.causes.values() for cause in causes]
    message = "; ".join(dict.fromkeys(causes)) or "; ".join(one.reason for one in step.comparisons)
    return Case(
        group="history",
        name=f"{short_commit(step.commit)} {step.subject}".strip(),
        state="failure" if worse else "passed",
        kind="step" if worse else "",
        message=message if worse else "",
        text="\n".join(f"{one.benchmark} {one.metric}: {one.reason}" for one in worse),
    )


def _missed(breach: Breach) -> str:
    observed, limit = quantity(breach.observed, breach.unit), quantity(breach.limit, breach.unit)
    return f"{observed}, target {limit}"


def _too_dear(cut: CutOff) -> Case:
    return Case(
        group="agent-perf",
        name="model cost",
        state="error",
        kind="cost-cut-off",
        message=f"{format_dollars(cut.spent_usd)} spent, limit {format_dollars(cut.limit_usd)}",
        text="\n".join(f"not measured: {name}" for name in cut.left),
    )


def _nothing(message: str) -> Case:
    return Case(
        group="agent-perf",
        name="anything measured",
        state="error",
        kind="nothing-measured",
        message=message or "no benchmark gave a value",
    )
