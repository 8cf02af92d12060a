"""
The answers after the verdict: why, how sure, which commit, what next.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from agent_perf.gate import harmless
from agent_perf.records import (
    Decision,
    Evidence,
    MachineNoise,
    Outcome,
    Run,
    Verdict,
    WaiverState,
)
from agent_perf.report.cause_points import cause_points
from agent_perf.report.machine_noise import noise_point
from agent_perf.report.remedies import REMEDIES
from agent_perf.report.standing import Standing
from agent_perf.report.text import (
    ARROW,
    difference,
    plural,
    sentence,
    short_commit,
)
from agent_perf.report.view import Command, Fact, Point
from agent_perf.report.waivers import waiver_points
from agent_perf.report.wording import (
    TOLD_COUNTS,
    count_label,
    counted,
    metric_label,
    told_first,
)
from agent_perf.stats import INSTRUCTIONS, paired_shift
from agent_perf.units import NS

_POINTS_MAX: Final = 5
_COUNTS_MAX: Final = 6


def why(decision: Decision, standings: Sequence[Standing]) -> Fact:
    """Return what lies behind the verdict, the weightiest first."""
    points: list[Point] = []
    failing = [one for one in standings if one.fails or one.verdict is Verdict.UNDECIDED]
    causes = cause_points(failing)
    # One sentence that tells most, what was counted, and then what else there is.
    points.extend((*causes[:1], *_work(failing), *causes[1:]))
    points.extend(_without_cause(failing))
    if decision.outcome is Outcome.NOTHING:
        points.extend(Point(text=sentence(line)) for line in (*decision.lines, *decision.warnings))
        if not points:
            points.append(Point(text="No benchmark was selected, or none could be run."))
    if decision.outcome is Outcome.FAIL:
        points = [*waiver_points(decision.waivers, WaiverState.EXPIRED), *points]
    if not points:
        points.extend(waiver_points(decision.waivers, WaiverState.USED))
        points.append(_all_well(standings))
        points.extend(cause_points([one for one in standings if one.causes]))
    return Fact(question="Why", points=first_points(points))


def how_sure(decision: Decision, standings: Sequence[Standing], noise: MachineNoise | None) -> Fact:
    """Return on what evidence the verdict stands; *noise* is this machine's, if it is known."""
    points: list[Point] = []
    kinds = [
        {one.evidence for one in standing.comparisons if one.metric != INSTRUCTIONS}
        for standing in standings
    ]
    exact = sum(Evidence.EXACT in kind for kind in kinds)
    if exact:
        points.append(
            Point(
                lead="Exact",
                text=f"{plural(exact, 'benchmark')} ran in virtual time with the same draws on "
                "both sides: any difference is a fact, and the same on every machine.",
            )
        )
    points.extend(_paired(standings))
    duets = [duet for standing in standings for duet in standing.duets.values()]
    if duets:
        rounds = sorted({len(duet.base) for duet in duets})
        spread = f"{rounds[0]}" if len(rounds) == 1 else f"{rounds[0]} to {rounds[-1]}"
        points.append(
            Point(
                lead="Sampled",
                text=f"{plural(len({duet.benchmark for duet in duets}), 'benchmark')} measured in "
                f"{spread} interleaved rounds of base and head. Regressed means that fresh "
                "rounds surely showed what the first ones suspected.",
            )
        )
        if noise is not None and noise.metrics:
            points.append(noise_point(noise))
    points.extend(_counted(decision))
    points.extend(Point(lead="Note", text=sentence(warning)) for warning in _notes(decision))
    if not points:
        points.append(Point(text="Nothing was compared."))
    return Fact(question="How sure", points=tuple(points))


def _notes(decision: Decision) -> Iterator[str]:
    """Yield the warnings that the table of benchmarks does not tell."""
    soft = tuple(
        f"{harmless(benchmark)} {harmless(metric)} observed="
        for benchmark, metric in decision.warned
    )
    return (warning for warning in decision.warnings if not warning.startswith(soft))


def next_step(
    decision: Decision, commands: Sequence[Command], standings: Sequence[Standing] = ()
) -> Fact:
    """Return what to do about the first cause that *standings* tell, with the exact commands."""
    advice = {
        Outcome.PASS: "None: this change may go in.",
        Outcome.FAIL: "Mend the cause, or accept the new values with a reason.",
        Outcome.BROKEN: "Let the benchmark run again; until then nothing is known about it.",
        Outcome.UNDECIDED: "Measure more rounds, or on a quieter machine.",
        Outcome.NOTHING: "See that at least one benchmark is selected and runs.",
        Outcome.CUT_OFF: "Allow more with --max-cost, or measure less with --only; what is "
        "stored is not measured again.",
    }
    cause = next((cause for one in standings if one.fails for cause in one.causes), None)
    action = REMEDIES.get(cause.kind, "") if cause is not None else ""
    text = advice[decision.outcome]
    if action and decision.outcome is Outcome.FAIL:
        text = f"{sentence(action)} Or accept the new values with a reason."
    return Fact(
        question="Next step",
        points=(Point(text=text),),
        commands=tuple(commands),
    )


def work_changes(base: Run, head: Run) -> str:
    """Return the work per request in one line, changes first, "=" where equal."""
    requests = max(len(head.latency_ns), 1)
    names = sorted({*base.counts, *head.counts}, key=told_first)
    changed = [name for name in names if base.counts.get(name, 0) != head.counts.get(name, 0)]
    told = [name for name in changed if name in TOLD_COUNTS] or changed
    same = [name for name in TOLD_COUNTS if head.counts.get(name) and name not in changed]
    words = []
    for name in [*told, *same][:_COUNTS_MAX]:
        before, after = counted(name, base.counts.get(name, 0), head.counts.get(name, 0), requests)
        sign = ARROW if name in changed else "\u00a0=\u00a0"
        words.append(f"{count_label(name)} {before}{sign}{after}")
    return " · ".join(words)


def _work(standings: Sequence[Standing]) -> list[Point]:
    for standing in standings:
        if standing.base is not None and standing.head is not None:
            words = work_changes(standing.base, standing.head)
            return [Point(lead=f"Per request, {standing.benchmark}", text=words)] if words else []
    return []


def _without_cause(standings: Sequence[Standing]) -> list[Point]:
    """Return the gate's own reason where no cause is known."""
    points: list[Point] = []
    for standing in standings:
        if standing.failures:
            failure = standing.failures[0]
            points.append(
                Point(
                    lead=f"{standing.benchmark} on {short_commit(failure.commit)}",
                    text=f"{failure.category}: {failure.message}",
                )
            )
        elif not standing.causes and standing.lead is not None:
            lead = standing.lead
            points.append(
                Point(
                    lead=f"{lead.benchmark}, {metric_label(lead.metric)}",
                    text=sentence(lead.reason),
                )
            )
    return points


def _all_well(standings: Sequence[Standing]) -> Point:
    comparisons = [one for standing in standings for one in standing.comparisons]
    if all(one.verdict is Verdict.UNCHANGED for one in comparisons):
        return Point(
            text=f"All {plural(len(comparisons), 'number')} of base and head are the same."
        )
    moved = sum(one.verdict is not Verdict.UNCHANGED for one in comparisons)
    waived = any(standing.waived for standing in standings)
    warned = any(standing.warned for standing in standings)
    if waived and warned:
        end = "Whatever is beyond a limit or a target is waived, or its limit only warns."
    elif waived:
        end = "Whatever is beyond a limit or a target is waived."
    elif warned:
        end = "What is worse is within its limit, or the limit only warns; no target is missed."
    else:
        end = "None is worse beyond its limit, and no target is missed."
    return Point(text=f"{moved:,} of {plural(len(comparisons), 'number')} moved. {end}")


def _paired(standings: Sequence[Standing]) -> list[Point]:
    for standing in standings:
        base, head = standing.base, standing.head
        if base is None or head is None or not standing.fails:
            continue
        if not base.latency_ns or len(base.latency_ns) != len(head.latency_ns):
            continue
        shift = paired_shift(base, head)
        return [
            Point(
                lead="Request by request",
                text=f"{shift.changed_count:,} of {plural(shift.request_count, 'request')} of "
                f"{standing.benchmark} changed; the median difference is "
                f"{difference(shift.median_ns / NS, 's')}.",
            )
        ]
    return []


def _counted(decision: Decision) -> list[Point]:
    counted = sum(one.metric == INSTRUCTIONS for one in decision.comparisons)
    if not counted:
        return []
    return [
        Point(
            lead="Counted",
            text=f"The instructions of {plural(counted, 'benchmark')} were counted by valgrind: "
            "exact on this machine with this Python. They leave out what the kernel does, and "
            "what caches and branch prediction make of them.",
        )
    ]


def first_points(points: Sequence[Point]) -> tuple[Point, ...]:
    """Return the first points and how many more there are."""
    if len(points) <= _POINTS_MAX:
        return tuple(points)
    rest = len(points) - _POINTS_MAX
    return (*points[:_POINTS_MAX], Point(text=f"And {rest} more: see the details below."))
