"""
From a decision to what its report shows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from agent_perf.gate import advise
from agent_perf.records import Decision, DuetRun, MachineNoise, Run, Verdict
from agent_perf.report.band import make_band
from agent_perf.report.capacity import capacity_document, capacity_table, estimates
from agent_perf.report.cases import comparison_cases
from agent_perf.report.cost import cost_document, cost_table, model_costs
from agent_perf.report.details import CHARTED_MAX, make_details
from agent_perf.report.document import comparison_document
from agent_perf.report.facts import how_sure, next_step, why
from agent_perf.report.lineage import NOTHING_STORED, Stored, lineages
from agent_perf.report.recommendations import advice_document, recommendations
from agent_perf.report.resource_rows import resources_table
from agent_perf.report.rows import make_rows, make_targets
from agent_perf.report.standing import RecordingPair, Standing, gather
from agent_perf.report.tables import environment_table
from agent_perf.report.text import plural, scrub, short_commit
from agent_perf.report.view import Command, Trouble, View
from agent_perf.report.waivers import waiver_table
from agent_perf.report.which_commit import which_commit

_DETAILS_MAX: Final = 400


def build_view(  # noqa: PLR0913 (each is optional, and named where it is given)
    decision: Decision,
    *,
    base_runs: Mapping[str, Run],
    head_runs: Mapping[str, Run],
    duets: Sequence[DuetRun] = (),
    stored: Stored = NOTHING_STORED,
    title: str = "agent-perf",
    commands: Sequence[Command] = (),
    subjects: Mapping[str, str] | None = None,
    recordings: Mapping[str, RecordingPair] | None = None,
    targets: Mapping[str, Mapping[str, float]] | None = None,
    noise: MachineNoise | None = None,
) -> View:
    """
    Return the report on head against base.

    Args:
        decision: Of the gate.
        base_runs: Benchmark to its run, for the charts; may be empty.
        head_runs: Likewise.
        duets: Rounds of the sampled benchmarks.
        stored: What was kept of the commits before the head.
        title: Of the project that was measured.
        commands: What to type next, as it stands.
        subjects: Commit to the first line of its message.
        recordings: Benchmark to what it took, base and head, for the charts.
        targets: Benchmark to metric to a target that it keeps, of what has no run.
        noise: What the machine adds to sampled metrics; None if it is not known.
    """
    decision, title, noise = scrub(decision), scrub(title), scrub(noise)
    standings = gather(
        decision,
        scrub(base_runs),
        scrub(head_runs),
        scrub(tuple(duets)),
        scrub(dict(recordings or {})),
        scrub(dict(targets or {})),
    )
    anchors = {
        standing.benchmark: f"benchmark-{index}"
        for index, standing in enumerate(standings[:_DETAILS_MAX], 1)
        if standing.comparisons or standing.base or standing.head
    }
    troubles = _troubles(decision)
    stored = _scrubbed(stored)
    past = {one.benchmark: lineages(one, stored) for one in standings if one.benchmark in anchors}
    rows = make_rows(standings, {one.benchmark: one.anchor for one in troubles} | anchors)
    band = make_band(decision, standings)
    advice = scrub(advise(base_runs, head_runs))
    costs, capacity = model_costs(standings), estimates(standings)
    first = next((one for one in standings if one.base or one.head), None)
    return View(
        title=f"{band.sentence}, {short_commit(decision.head)}",
        heading=f"{title}: {short_commit(decision.base)} → {short_commit(decision.head)}",
        band=band,
        facts=(
            why(decision, standings),
            how_sure(decision, standings, noise),
            which_commit(
                decision,
                scrub(dict(subjects or {})),
                stored,
                past.get(standings[0].benchmark, ()) if standings else (),
            ),
            next_step(decision, scrub(tuple(commands)), standings),
        ),
        rows=rows,
        rows_left_out=len(standings) - len(rows),
        rows_summary=_summary(standings),
        details=make_details(standings, anchors, past),
        charts_left_out=_left_out(standings),
        recommendations=recommendations(advice),
        targets=make_targets(standings),
        cost=cost_table(costs),
        resources=resources_table(standings),
        capacity=capacity_table(capacity),
        troubles=troubles,
        waivers=waiver_table(decision.waivers),
        environment=environment_table(first.base, first.head) if first else None,
        document={
            **comparison_document(decision, standings, title, noise, past),
            "recommendations": advice_document(advice),
            "cost": cost_document(costs),
            "capacity": capacity_document(capacity),
        },
        cases=comparison_cases(decision, standings),
    )


def _scrubbed(stored: Stored) -> Stored:
    # Of its runs only numbers are shown; their thousands of details need no look.
    return replace(
        stored,
        base_is=scrub(stored.base_is),
        between=scrub(stored.between),
        steps=scrub(stored.steps),
    )


def _troubles(decision: Decision) -> tuple[Trouble, ...]:
    return tuple(
        Trouble(
            anchor=f"trouble-{index}",
            benchmark=failure.benchmark,
            commit=short_commit(failure.commit),
            category=failure.category,
            message=failure.message,
            traceback=failure.traceback,
        )
        for index, failure in enumerate(decision.failures, 1)
    )


def _summary(standings: Sequence[Standing]) -> str:
    failed = sum(one.fails for one in standings)
    return f"{plural(len(standings), 'benchmark')}, {f'{failed:,}' if failed else 'none'} failed"


def _left_out(standings: Sequence[Standing]) -> str:
    unchanged = sum(one.verdict is Verdict.UNCHANGED for one in standings)
    if len(standings) <= CHARTED_MAX or not unchanged:
        return ""
    return f"With {len(standings):,} benchmarks, the {unchanged:,} unchanged ones carry no charts."
