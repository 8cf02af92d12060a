"""
The history as a list: every commit, and what each step changed.
"""

from __future__ import annotations

from typing import Final

from agent_perf.records import Comparison, Step
from agent_perf.report.drawing import Table
from agent_perf.report.past import Commit, Past, causes, is_worse
from agent_perf.report.text import change, interval, plural, sentence, short_commit
from agent_perf.report.view import Badge, Moment, Point
from agent_perf.report.wording import badge, metric_label, moved, values

WORSE: Final = Badge(tone="fail", mark="✗", word="worse")
BETTER: Final = Badge(tone="pass", mark="✓", word="better")
QUIET: Final = Badge(tone="plain", mark="=", word="no change")
START: Final = Badge(tone="plain", mark="·", word="start")
FAILED: Final = Badge(tone="broken", mark="!", word="not measured")

_CHANGES_MAX: Final = 3
_ROWS_MAX: Final = 400
_QUIET_RUN: Final = 8
"""So many in a row that changed nothing are told as one."""


def make_moments(past: Past) -> tuple[Moment, ...]:
    """Return every commit of *past*, oldest first; long quiet runs are one entry."""
    if not past.judged:
        return ()
    by_commit = {step.commit: step for step in past.steps}
    moments: list[Moment] = []
    quiet: list[Moment] = []
    for commit in past.commits:
        step = by_commit.get(commit.name)
        if step is None and commit.name == past.start:
            moments.append(_quiet(commit, START))
            continue
        if step is None and not commit.failure:
            quiet.append(_quiet(commit, QUIET))
            continue
        moments.extend(_folded(quiet, past))
        quiet = []
        moments.append(_failed(commit) if step is None else _step(commit, step, past))
    return (*moments, *_folded(quiet, past))


def changes_table(past: Past) -> Table | None:
    """Return the changes of the steps, the worst of each; None without any."""
    total = sum(len(step.comparisons) for step in past.steps)
    share = _ROWS_MAX // max(1, len(past.steps))
    rows = []
    for step in past.steps:
        for one in step.comparisons[: None if total <= _ROWS_MAX else share]:
            sign = badge(one)
            before, after = values(one)
            rows.append(
                (
                    f"{past.numbers[step.commit]}. {short_commit(step.commit)}",
                    one.benchmark,
                    one.metric,
                    before,
                    after,
                    change(one.change_ratio),
                    interval(one),
                    f"{sign.mark} {sign.word}",
                )
            )
    if not rows:
        return None
    shown = f"{len(rows)} of " if len(rows) < total else ""
    return Table(
        caption=f"{shown}{plural(total, 'change')} in {past.count(len(past.steps))}",
        header=("Step", "Benchmark", "Metric", "Before", "After", "Change", "Interval", "Verdict"),
        rows=tuple(rows),
        words=(1, 2, 7),
        first_rows=0,
    )


def _quiet(commit: Commit, sign: Badge) -> Moment:
    return Moment(number="", commit=short_commit(commit.name), subject=commit.subject, badge=sign)


def _folded(quiet: list[Moment], past: Past) -> list[Moment]:
    if len(quiet) < _QUIET_RUN:
        return quiet
    words = f"{past.count(len(quiet))}, {quiet[0].commit} to {quiet[-1].commit}"
    return [Moment(number="", commit="", subject=words, badge=QUIET)]


def _failed(commit: Commit) -> Moment:
    return Moment(
        number="",
        commit=short_commit(commit.name),
        subject=commit.subject,
        badge=FAILED,
        causes=(sentence(commit.failure),),
    )


def _step(commit: Commit, step: Step, past: Past) -> Moment:
    return Moment(
        number=past.numbers[step.commit],
        commit=short_commit(step.commit),
        subject=step.subject or commit.subject,
        badge=WORSE if is_worse(step) else BETTER,
        causes=tuple(sentence(text) for text in causes(step)),
        changes=tuple(_changes(step)),
    )


def _changes(step: Step) -> list[Point]:
    """Return what changed: the worst of each benchmark, and how much more there is."""
    first: dict[str, Comparison] = {}
    for one in step.comparisons:
        first.setdefault(one.benchmark, one)
    shown = list(first.values())[:_CHANGES_MAX]
    points = [
        Point(
            lead=one.benchmark,
            text=f"{metric_label(one.metric)} {moved(one)}, {change(one.change_ratio)}",
        )
        for one in shown
    ]
    rest = len(step.comparisons) - len(shown)
    if rest:
        points.append(Point(text=f"and {plural(rest, 'more change')}"))
    return points
