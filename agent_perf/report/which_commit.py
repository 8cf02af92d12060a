"""
Which commit it was: what was compared, the culprit in between, and since when it is so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from agent_perf.records import Decision, Outcome, Step
from agent_perf.report.lineage import Lineage, Stored, last_turn_words
from agent_perf.report.text import change, plural, short_commit
from agent_perf.report.view import Fact, Point
from agent_perf.report.wording import metric_label, moved

_CULPRITS_MAX: Final = 5


def which_commit(
    decision: Decision, subjects: Mapping[str, str], stored: Stored, worst: Sequence[Lineage]
) -> Fact:
    """
    Return what was compared, and which commit in between is known to have changed it.

    Args:
        decision: Of the gate.
        subjects: Commit to the first line of its message.
        stored: What is known of the commits between base and head.
        worst: History of the worst benchmark; the leading metric first.
    """
    points = [
        Point(lead=name, text=_named(commit, subjects.get(commit, ""), note))
        for name, commit, note in (
            ("Base", decision.base, stored.base_is),
            ("Head", decision.head, ""),
        )
    ]
    points += _culprits(decision, stored)
    words = last_turn_words(worst[0]) if worst else ""
    if words:
        points.append(Point(lead="Change point", text=words))
    return Fact(question="Which commit", points=tuple(points))


def _named(commit: str, subject: str, note: str) -> str:
    words = " ".join(part for part in (short_commit(commit), subject) if part)
    return f"{words} ({note})" if note else words


def _culprits(decision: Decision, stored: Stored) -> list[Point]:
    between = stored.between
    if len(between) == 1 and decision.outcome is Outcome.FAIL:
        only = between[0]
        text = f"{_named(only.name, only.subject, '')}: the only commit since the base."
        return [Point(lead="Culprit", text=text)]
    points = [_culprit(step, stored) for step in stored.steps[:_CULPRITS_MAX]]
    rest = len(stored.steps) - len(points)
    if rest:
        points.append(Point(text=f"and {plural(rest, 'more commit')} that made something worse."))
    measured = sum(not commit.failure for commit in between)
    if len(between) > 1 and not points and decision.outcome is Outcome.FAIL:
        text = f"{plural(len(between), 'commit')} since the base, {measured} of them measured."
        points.append(Point(lead="Between", text=text))
    return points


def _culprit(step: Step, stored: Stored) -> Point:
    """Return what *step* changed; it is one of several commits if not all were measured."""
    names = [commit.name for commit in stored.between]
    last = names.index(step.commit) + 1 if step.commit in names else 0
    first = names.index(step.parent) + 1 if step.parent in names else 0
    words = _named(step.commit, step.subject, "")
    if last - first > 1:
        words = (
            f"one of {last - first} commits, {short_commit(names[first])} to "
            f"{short_commit(step.commit)}; those before it were not measured"
        )
    if step.comparisons:
        worst = step.comparisons[0]
        words += (
            f": {worst.benchmark}, {metric_label(worst.metric)} {moved(worst)}, "
            f"{change(worst.change_ratio)}"
        )
    return Point(lead="Culprit", text=f"{words}.")
