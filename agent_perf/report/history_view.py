"""
From the steps of a history to what its report shows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from agent_perf.records import Step
from agent_perf.report.cases import history_cases
from agent_perf.report.document import history_document
from agent_perf.report.moments import BETTER, FAILED, QUIET, WORSE, changes_table, make_moments
from agent_perf.report.past import Commit, Past, What, causes, worst
from agent_perf.report.text import ARROW, change, plural, quantity, scrub, short_commit
from agent_perf.report.trend import Series, draw_trend
from agent_perf.report.view import Badge, Band, Command, Fact, Point, View
from agent_perf.report.wording import metric_label, moved

_TRENDS_MAX: Final = 24


def build_history_view(
    steps: Sequence[Step] | None,
    series: Sequence[Series] = (),
    *,
    what: What = "commit",
    commits: Sequence[Commit] = (),
    title: str = "agent-perf",
    commands: Sequence[Command] = (),
    notes: Sequence[str] = (),
    facts: Sequence[Fact] = (),
) -> View:
    """
    Return the report on a range of commits, or on versions of a library.

    Args:
        steps: What changed, oldest first; None if nobody looked for changes, and then the
            report tells values and no verdict.
        series: Metrics over the range; a point whose label is a step's commit is marked.
        what: What the range is made of.
        commits: The whole range, oldest first; the steps alone if empty.
        title: Of the project that was measured.
        commands: What to type next, as it stands.
        notes: On the evidence: how it was measured, what could not be.
        facts: What else to say, between the evidence and the next step.
    """
    steps_known = scrub(tuple(steps or ()))
    past = Past(
        steps=steps_known,
        judged=steps is not None,
        series=scrub(tuple(series)),
        commits=scrub(tuple(commits))
        or tuple(Commit(name=step.commit, subject=step.subject) for step in steps_known),
        what=what,
    )
    title = scrub(title)
    band = _band(past)
    trends = [draw_trend(one, past.marks_on(one)) for one in past.series[:_TRENDS_MAX]]
    more = len(past.series) - len(trends)
    return View(
        title=band.sentence,
        heading=_heading(title, past),
        band=band,
        facts=_facts(past, scrub(tuple(commands)), scrub(tuple(notes)), scrub(tuple(facts))),
        moments=make_moments(past),
        moments_title=f"Which {past.what}s" + (", and why" if any(map(causes, past.steps)) else ""),
        trends=tuple(trend for trend in trends if trend is not None),
        charts_left_out=f"{more} more series are in report.json." if more else "",
        changes=changes_table(past),
        document=history_document(past, title),
        cases=history_cases(past.steps, measured=past.measured),
    )


def _band(past: Past) -> Band:
    if not past.measured:
        return Band(
            badge=Badge(tone="broken", mark="∅", word="NOTHING MEASURED"),
            headline=f"No {past.what} gave a value",
            lines=("This is not a pass.",),
        )
    lines = [f"{past.count(past.failed)} could not be measured."] if past.failed else []
    if not past.judged:
        return _unjudged(past, lines)
    if not past.steps:
        return Band(
            badge=Badge(tone="pass", mark="✓", word="STEADY"),
            headline=f"{past.count(past.known)}, none changed performance",
            lines=tuple(lines),
        )
    found, of = len(past.worse) or len(past.steps), past.count(past.known)
    if not past.worse:
        return Band(
            badge=Badge(tone="pass", mark="✓", word="BETTER"),
            headline=f"{found} of {of} changed performance, for the better",
            lines=tuple(lines),
            tally=_tally(past),
        )
    return Band(
        badge=Badge(tone="fail", mark="✗", word=plural(found, "REGRESSION").upper()),
        headline=f"{found} of {of} made it slower or dearer",
        lines=(_worst_step(past), *lines),
        tally=_tally(past),
    )


def _unjudged(past: Past, lines: list[str]) -> Band:
    """Return the band of plain values: the first series, from its first to its last."""
    badge = Badge(tone="plain", mark="≡", word="MEASURED")
    count = f"{plural(len(past.series), 'series', 'series')} over {past.count(past.known)}"
    known = [point.value for point in past.series[0].points if point.value is not None]
    if not known:
        return Band(badge=badge, headline=count, lines=tuple(lines))
    first, last, unit = known[0], known[-1], past.series[0].unit
    return Band(
        badge=badge,
        headline=past.series[0].name,
        values=f"{quantity(first, unit)}{ARROW}{quantity(last, unit)}",
        change=change(last / first - 1) if first else "",
        lines=(f"{count}, told without a verdict.", *lines),
    )


def _worst_step(past: Past) -> str:
    """Return the step with the largest change of a tail latency, or else of anything."""
    top = max(past.worse, key=_size)
    words = " ".join(part for part in ("Worst:", short_commit(top.commit), top.subject) if part)
    one = worst(top)
    if one is not None:
        by = change(one.change_ratio)
        words += f" ({one.benchmark}, {metric_label(one.metric)} {moved(one)}, {by})"
    return f"{words}."


def _size(step: Step) -> tuple[bool, float]:
    one = worst(step)
    if one is None:
        return False, 0.0
    return one.metric == "latency.p95", abs(one.change_ratio or 0.0)


def _tally(past: Past) -> tuple[Badge, ...]:
    counts = (
        (WORSE, len(past.worse)),
        (BETTER, len(past.steps) - len(past.worse)),
        (FAILED, past.failed),
        (QUIET, past.known - len({past.start, *(step.commit for step in past.steps)} - {""})),
    )
    return tuple(
        Badge(tone=sign.tone, mark=sign.mark, word=f"{count} {sign.word}")
        for sign, count in counts
        if count > 0
    )


def _facts(
    past: Past, commands: tuple[Command, ...], notes: tuple[str, ...], more: tuple[Fact, ...]
) -> tuple[Fact, ...]:
    facts: list[Fact] = []
    if notes:
        facts.append(Fact(question="How sure", points=tuple(Point(text=note) for note in notes)))
    facts += more
    if not past.measured:
        advice = "See that at least one benchmark is selected and runs."
    elif not past.judged:
        advice = "Look at the series below."
    elif past.worse:
        advice = (
            "Mend what the marked commits broke, or accept the new values with a reason."
            if past.what == "commit"
            else "Stay on the version before a marked one, or take its cost knowingly."
        )
    else:
        advice = "None: nothing became slower."
    facts.append(Fact(question="Next step", points=(Point(text=advice),), commands=commands))
    return tuple(facts)


def _heading(title: str, past: Past) -> str:
    if not past.commits:
        return title
    first, last = short_commit(past.commits[0].name), short_commit(past.commits[-1].name)
    return f"{title}: {first} … {last}"
