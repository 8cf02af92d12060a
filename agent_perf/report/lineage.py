"""
What is stored of the commits before the head: how each failing benchmark came to where it is.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

from agent_perf.records import Run, Step
from agent_perf.report.drawing import Chart
from agent_perf.report.mark import Mark
from agent_perf.report.past import Commit
from agent_perf.report.standing import Standing
from agent_perf.report.text import capital, change, plural, quantity, scrub, short_commit
from agent_perf.report.trend import Series, SeriesPoint, draw_trend
from agent_perf.report.wording import metric_label
from agent_perf.stats import Direction, direction, summarize

_TAIL: Final = "latency.p95"
_POINTS_MIN: Final = 3
"""Base and head alone are no history: the page shows them already."""

_EFFECT_RATIO: Final = 0.03
"""Latencies that move by less are not marked; work counts are marked wherever they differ."""

_MARKED: Final = f"Changes of more than {_EFFECT_RATIO * 100:g}\u00a0% are marked"

_SLOPE_POINTS_MIN: Final = 20
"""As stats.trend.POINTS_MIN, which would import numpy to be asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """
    What was kept of the commits before the head.

    Attributes:
        base_is: How the base was chosen: ``merge base with main``; empty if it was named.
        between: Commits after the base up to the head, oldest first; empty if not known.
        steps: Which of those that were measured made something worse, oldest first.
        runs: Benchmark to its runs of the head's ancestors and of the head, oldest first, all
            comparable with each other.
    """

    base_is: str = ""
    between: tuple[Commit, ...] = ()
    steps: tuple[Step, ...] = ()
    runs: Mapping[str, Sequence[Run]] = field(default_factory=dict)


NOTHING_STORED: Final = Stored()


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """A commit from which on a metric has another value, both in the metric's unit."""

    commit: str
    parent: str
    before: float
    after: float
    better: bool

    @property
    def change_ratio(self) -> float:
        """The relative change; inf from zero."""
        return self.after / self.before - 1 if self.before else math.inf


@dataclass(frozen=True, slots=True, kw_only=True)
class Lineage:
    """
    One exact metric of one benchmark along the measured ancestors of the head.

    Attributes:
        unit: As in Metric.unit.
        points: Commit and value, oldest first, the head last.
        turns: Where it changed, oldest first.
        target: Largest value allowed; None without one.
        requests: Of each run, to tell work per request; 1 if it is told in all.
    """

    benchmark: str
    metric: str
    unit: str
    points: tuple[tuple[str, float], ...]
    turns: tuple[Turn, ...]
    target: float | None
    requests: int

    @property
    def label(self) -> str:
        """What it is, in words: ``SQL statements per request``."""
        each = " per request" if self.requests > 1 else ""
        return f"{metric_label(self.metric)}{each}"

    def value_text(self, value: float) -> str:
        """Return *value*, of work per request, with its unit."""
        return quantity(value / self.requests, self.unit)


def lineages(standing: Standing, stored: Stored) -> tuple[Lineage, ...]:
    """Return the history of the leading metric of *standing*, and of its P95; may be empty."""
    runs = stored.runs.get(standing.benchmark, ())
    if len(runs) < _POINTS_MIN:
        return ()
    lead = standing.lead.metric if standing.lead is not None else _TAIL
    found = (_lineage(standing, runs, metric) for metric in dict.fromkeys((lead, _TAIL)))
    return tuple(one for one in found if one is not None)


def draw_lineage(lineage: Lineage) -> Chart | None:
    """Return *lineage* as a chart with its change points and its target."""
    by = lineage.requests
    series = Series(
        name=f"{capital(lineage.label)}, commit by commit",
        unit=lineage.unit,
        points=tuple(
            SeriesPoint(label=commit, value=value / by) for commit, value in lineage.points
        ),
        target=None if lineage.target is None else lineage.target / by,
    )
    marks = {
        turn.commit: Mark(text=change(turn.change_ratio), name="change point", better=turn.better)
        for turn in lineage.turns
    }
    return draw_trend(series, marks, hint=_hint(lineage))


def last_turn_words(lineage: Lineage) -> str:
    """Return where *lineage* changed last, in a sentence; empty if it never did."""
    if not lineage.turns:
        return ""
    turn = lineage.turns[-1]
    commits = [commit for commit, _ in lineage.points]
    before = lineage.turns[-2].commit if len(lineage.turns) > 1 else commits[0]
    count = commits.index(turn.commit) - commits.index(before)
    return (
        f"{lineage.label} of {lineage.benchmark} changed at {short_commit(turn.commit)}, "
        f"{change(turn.change_ratio)}, for the first time in {plural(count, 'measured commit')}."
    )


def forecast_words(lineage: Lineage) -> str:
    """Return when *lineage* reaches its target, in a clause; empty if it does not surely."""
    if lineage.target is None or len(lineage.points) < _SLOPE_POINTS_MIN:
        return ""
    # Only a long history needs numpy; every comparison would wait for it.
    from agent_perf.stats import exact_change_points, find_slope, passing

    values = [value for _, value in lineage.points]
    if min(values) <= 0 or direction(lineage.metric) is not Direction.LESS_IS_BETTER:
        return ""
    slope = find_slope(values, exact_change_points(values, effect_ratio=_EFFECT_RATIO))
    found = None if slope is None else passing(slope, lineage.target)
    if slope is None or found is None or slope.ratio_per_step <= 0:
        return ""
    latest = "never" if found.latest is None else f"{found.latest:,}"
    return (
        f"at the pace of the last {plural(slope.count, 'measured commit')}, "
        f"{change(slope.ratio_per_step)} each, {lineage.label} passes "
        f"{lineage.value_text(lineage.target)} in about {plural(found.steps, 'commit')} "
        f"({found.soonest:,} to {latest})"
    )


def _lineage(standing: Standing, runs: Sequence[Run], metric: str) -> Lineage | None:
    points: list[tuple[str, float]] = []
    unit, requests = "", 1
    for run in runs:
        found = {one.name: one for one in summarize(run)} if run.latency_ns else {}
        known = found.get(metric)
        if known is not None:
            points.append((scrub(run.commit), known.value))
            unit, requests = known.unit, max(requests, known.sample_count)
    if len(points) < _POINTS_MIN:
        return None
    each = metric.startswith("work.") and (
        unit != "count" or max(value for _, value in points) >= requests
    )
    return Lineage(
        benchmark=standing.benchmark,
        metric=metric,
        unit=unit,
        points=tuple(points),
        turns=_turns(metric, unit, points),
        target=standing.target(metric),
        requests=requests if each else 1,
    )


def _turns(metric: str, unit: str, points: Sequence[tuple[str, float]]) -> tuple[Turn, ...]:
    effect = 0.0 if _is_counted(unit) else _EFFECT_RATIO
    more_is_worse = direction(metric) is Direction.LESS_IS_BETTER
    return tuple(
        Turn(
            commit=commit,
            parent=parent,
            before=before,
            after=after,
            better=(after < before) is more_is_worse,
        )
        for (parent, before), (commit, after) in pairwise(points)
        if abs(after - before) > effect * abs(before)
    )


def _is_counted(unit: str) -> bool:
    return unit in {"count", "bytes", "usd"}


def _hint(lineage: Lineage) -> str:
    effect = "Every change is marked" if _is_counted(lineage.unit) else _MARKED
    return f"{effect}, red where it is for the worse."
