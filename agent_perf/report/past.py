"""
A range of commits or versions with everything known about it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from agent_perf.records import Comparison, Step, Verdict
from agent_perf.report.mark import Mark
from agent_perf.report.text import plural
from agent_perf.report.trend import Series

_WORSE: Final = (Verdict.REGRESSED, Verdict.SLOWER, Verdict.MISSING, Verdict.ERRORED)

What = Literal["commit", "version"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """
    One commit or version of the range that was measured.

    Attributes:
        name: As in Step.commit.
        subject: First line of its message; may be empty.
        failure: Why it could not be measured; empty if it was.
    """

    name: str
    subject: str = ""
    failure: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """
    A range, oldest first.

    Attributes:
        steps: What changed.
        judged: Whether anybody looked for steps.
        series: Metrics over the range.
        commits: All of the range; those of the steps if no more is known.
        what: What the range is made of.
    """

    steps: tuple[Step, ...]
    judged: bool
    series: tuple[Series, ...]
    commits: tuple[Commit, ...]
    what: What

    @property
    def measured(self) -> bool:
        """Whether any value is known."""
        values = (point.value for one in self.series for point in one.points)
        return bool(self.steps) or any(value is not None for value in values)

    @property
    def worse(self) -> tuple[Step, ...]:
        """The steps that made something worse."""
        return tuple(step for step in self.steps if is_worse(step))

    @property
    def numbers(self) -> Mapping[str, str]:
        """Commit of each step to the number that marks it."""
        return {step.commit: str(index) for index, step in enumerate(self.steps, 1)}

    @property
    def start(self) -> str:
        """The first that was measured: there is none before it that it could differ from."""
        return next((commit.name for commit in self.commits if not commit.failure), "")

    def marks_on(self, series: Series) -> Mapping[str, Mark]:
        """Return what marks those steps that moved *series*, by commit."""
        numbers = self.numbers
        marks = {}
        for step in self.steps:
            moved = [
                one
                for one in step.comparisons
                if series.name in {one.benchmark, f"{one.benchmark} {one.metric}"}
            ]
            if moved:
                number = numbers[step.commit]
                better = not any(one.verdict in _WORSE for one in moved)
                marks[step.commit] = Mark(text=number, name=f"step {number}", better=better)
        return marks

    @property
    def failed(self) -> int:
        """How many could not be measured."""
        return sum(bool(commit.failure) for commit in self.commits)

    @property
    def known(self) -> int:
        """How many could."""
        if self.commits:
            return len(self.commits) - self.failed
        return max((len(one.points) for one in self.series), default=0)

    def count(self, number: int) -> str:
        """Return *number* of what the range is made of: ``12 commits``."""
        return plural(number, self.what)


def is_worse(step: Step) -> bool:
    """Return whether *step* made anything worse."""
    return any(one.verdict in _WORSE for one in step.comparisons)


def worst(step: Step) -> Comparison | None:
    """Return the comparison that stands for *step*: a tail latency, or else the first."""
    bad = [one for one in step.comparisons if one.verdict in _WORSE]
    tails = [one for one in bad if one.metric == "latency.p95"]
    return next(iter((*tails, *bad, *step.comparisons)), None)


def causes(step: Step) -> tuple[str, ...]:
    """Return one clause for each kind of cause: the loads of a scenario tell the same ones."""
    top = worst(step)
    first = [] if top is None else [top.benchmark]
    by_kind: dict[str, str] = {}
    for name in dict.fromkeys([*first, *step.causes]):
        for one in step.causes.get(name, ()):
            by_kind.setdefault(one.kind, one.text)
    return tuple(by_kind.values())
