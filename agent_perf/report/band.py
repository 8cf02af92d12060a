"""
The verdict of the whole in one glance.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final, assert_never

from agent_perf.records import Decision, Evidence, Outcome, Verdict
from agent_perf.report.bars import draw_bars
from agent_perf.report.standing import Standing
from agent_perf.report.text import (
    capital,
    change,
    deciding_interval,
    interval,
    limit,
    plural,
    quantity,
    sentence,
)
from agent_perf.report.view import Badge, Band
from agent_perf.report.wording import metric_label, moved
from agent_perf.stats import Direction, direction
from agent_perf.units import format_dollars

_BADGES: Final = {
    Outcome.FAIL: Badge(tone="fail", mark="✗", word="FAIL"),
    Outcome.PASS: Badge(tone="pass", mark="✓", word="PASS"),
    Outcome.UNDECIDED: Badge(tone="undecided", mark="?", word="UNDECIDED"),
    Outcome.BROKEN: Badge(tone="broken", mark="!", word="BROKEN"),
    Outcome.NOTHING: Badge(tone="broken", mark="∅", word="NOTHING MEASURED"),
    Outcome.CUT_OFF: Badge(tone="broken", mark="$", word="COST CUT-OFF"),
}


def make_band(decision: Decision, standings: Sequence[Standing]) -> Band:
    """
    Return the band for *decision*.

    Args:
        decision: Of the gate.
        standings: Worst first.
    """
    badge = _BADGES[decision.outcome]
    tally = _tally(standings)
    match decision.outcome:
        case Outcome.FAIL:
            worst = next((one for one in standings if one.fails and one.lead is not None), None)
            return _about(badge, worst, tally) if worst else _plain(badge, decision, tally)
        case Outcome.UNDECIDED:
            open_ones = [one for one in standings if one.verdict is Verdict.UNDECIDED]
            return (
                _about(badge, open_ones[0], tally) if open_ones else _plain(badge, decision, tally)
            )
        case Outcome.PASS:
            return _passed(badge, standings, tally)
        case Outcome.BROKEN:
            return _broken(badge, decision, tally)
        case Outcome.NOTHING:
            return Band(
                badge=badge,
                headline="No benchmark gave a value, so nothing was judged",
                lines=("This is not a pass.",),
                tally=tally,
            )
        case Outcome.CUT_OFF:
            return _cut_off(badge, decision, tally)
    assert_never(decision.outcome)


def _cut_off(badge: Badge, decision: Decision, tally: tuple[Badge, ...]) -> Band:
    cut = decision.cut_off
    assert cut is not None
    left = plural(len(cut.left), "benchmark")
    spent, limit = format_dollars(cut.spent_usd), format_dollars(cut.limit_usd)
    return Band(
        badge=badge,
        headline=f"Model calls cost {spent}, limit {limit}",
        lines=(
            f"{left} not measured, {cut.left[0]} next." if cut.left else "It was the last one.",
            "What was finished is below. This is not a pass.",
        ),
        tally=tally,
    )


def _about(badge: Badge, standing: Standing, tally: tuple[Badge, ...]) -> Band:
    """Return the band that speaks of one benchmark's leading comparison."""
    lead = standing.lead
    if lead is None:
        return Band(badge=badge, headline=f"{standing.benchmark}: no value", tally=tally)
    equal = lead.base == lead.head
    target = standing.target(lead.metric)
    return Band(
        badge=badge,
        headline=f"{standing.benchmark}: {metric_label(lead.metric)}",
        values=moved(lead),
        change="" if equal or lead.base is None else change(lead.change_ratio),
        lines=tuple(_bounds(standing)),
        chart=draw_bars(lead, target),
        tally=tally,
    )


def _bounds(standing: Standing) -> list[str]:
    lead = standing.lead
    assert lead is not None
    lines: list[str] = []
    again = lead.confirmation
    sure = (
        "Exact: the same on every machine."
        if lead.evidence is Evidence.EXACT
        else f"Measured again: {change(again.change_ratio)}, "
        f"98 % interval {deciding_interval(lead)}."
        if lead.verdict is Verdict.REGRESSED and again is not None and again.interval is not None
        else f"98 % interval {interval(lead)}."
        if lead.interval is not None
        else ""
    )
    if lead.limit_ratio is not None:
        bound = f"Limit {limit(lead.limit_ratio)}." if lead.limit_ratio else "No more is allowed."
        lines.append(f"{bound} {sure}".strip())
    elif sure:
        lines.append(sure)
    target = standing.target(lead.metric)
    if target is not None and lead.head is not None:
        over = lead.head - target
        if direction(lead.metric) is not Direction.LESS_IS_BETTER:
            over = -over
        lines.append(
            f"Target {quantity(target, lead.unit)} missed by {quantity(over, lead.unit)}."
            if over > 0
            else f"Target {quantity(target, lead.unit)} kept."
        )
    return lines


def _passed(badge: Badge, standings: Sequence[Standing], tally: tuple[Badge, ...]) -> Band:
    compared = [one for one in standings if one.lead is not None]
    warned = [one for one in compared if one.tolerated and not one.accepted]
    changed = [one for one in compared if one.verdict is not Verdict.UNCHANGED or one in warned]
    if not changed:
        headline = f"{plural(len(compared), 'benchmark')}, nothing changed"
    else:
        headline = f"{plural(len(compared), 'benchmark')}, none beyond its limit"
    lines = ["No action needed."]
    if warned:
        headline = f"{plural(len(compared), 'benchmark')}, {len(warned)} beyond a limit that warns"
        lines = ["Nothing fails: that limit only warns."]
    waived = [one for one in compared if one.waived]
    if waived:
        headline = f"{plural(len(compared), 'benchmark')}, {len(waived)} beyond a limit and waived"
        lines = ["What is waived comes back on its day."]
    slower = [one for one in compared if one.verdict is Verdict.SLOWER and one not in warned]
    if slower and slower[0].lead is not None:
        lead = slower[0].lead
        lines.append(
            f"Most noticeable: {lead.benchmark}, {metric_label(lead.metric)} "
            f"{change(lead.change_ratio)}, limit {limit(lead.limit_ratio)}."
        )
    return Band(badge=badge, headline=headline, lines=tuple(lines), tally=tally)


def _broken(badge: Badge, decision: Decision, tally: tuple[Badge, ...]) -> Band:
    if not decision.failures:
        return _plain(badge, decision, tally)
    # What breaks on the head is this change's doing; what breaks on the base is older.
    first = next(
        (one for one in decision.failures if one.commit == decision.head), decision.failures[0]
    )
    others = len({one.benchmark for one in decision.failures}) - 1
    more = (f"{plural(others, 'more benchmark')} gave no value either.",) if others else ()
    return Band(
        badge=badge,
        headline=f"{first.benchmark} gave no value: {first.category}",
        lines=(sentence(first.message), *more),
        tally=tally,
    )


def _plain(badge: Badge, decision: Decision, tally: tuple[Badge, ...]) -> Band:
    lines = decision.lines or decision.warnings
    return Band(
        badge=badge,
        headline=lines[0] if lines else capital(decision.outcome.value),
        lines=tuple(lines[1:4]),
        tally=tally,
    )


def _tally(standings: Sequence[Standing]) -> tuple[Badge, ...]:
    counts = Counter(one.badge for one in standings)
    return tuple(
        Badge(tone=badge.tone, mark=badge.mark, word=f"{count} {badge.word}")
        for badge, count in counts.items()
    )
