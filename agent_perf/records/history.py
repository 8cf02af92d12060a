"""
What was found along a history: changes, the commits they go back to, and where it is heading.
"""

from __future__ import annotations

from dataclasses import dataclass

from agent_perf.records.measurement import Evidence


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """
    One metric of one benchmark on a new level.

    Attributes:
        benchmark: Its name; asv's name with its parameters.
        metric: As in Metric.name; ``time``, ``memory`` or ``value`` for what asv kept.
        unit: As in units.format_value.
        evidence: Exact or sampled.
        home: What it was measured on, ``i7, py3.11``; empty if all of it was on the same.
        parent: The last measured commit with the old level.
        earliest: First commit that may have changed it, with 95 %: 40 hex digits.
        latest: Last commit that may have.
        candidate_count: Commits from *earliest* to *latest*; 1 if there is no doubt.
        before: Old level, in *unit*.
        after: New level.
        change_ratio: after / before - 1; inf from zero.
        interval: 95 % interval of *change_ratio*; None if exact.
        worse: Whether people pay for it.
        settled: Whether enough commits were measured since to be sure of it.
        acknowledged: Why it stays, from the file of what is accepted; empty if nobody said.
    """

    benchmark: str
    metric: str
    unit: str
    evidence: Evidence
    home: str
    parent: str
    earliest: str
    latest: str
    candidate_count: int
    before: float
    after: float
    change_ratio: float
    interval: tuple[float, float] | None
    worse: bool
    settled: bool = True
    acknowledged: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """
    All changes that go back to one commit.

    Attributes:
        commit: The culprit: first commit with the new level of most of *changes*.
        subject: First line of its message; empty if unknown.
        time_s: Its time, in s since 1970.
        changes: Worst first, what is acknowledged after what is not.
        measured_count: Metrics that were measured before and after.
        run_wide: Whether most metrics of a home moved the same way: perhaps the machine.
        surroundings: What else became different there: ``redis 5.0.8 → 8.1.0``, ``cpu ...``.
    """

    commit: str
    subject: str
    time_s: int
    changes: tuple[Change, ...]
    measured_count: int
    run_wide: bool = False
    surroundings: tuple[str, ...] = ()

    @property
    def worse(self) -> bool:
        """Whether any change of it is for the worse, settled and not acknowledged."""
        return any(one.worse and one.settled and not one.acknowledged for one in self.changes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """
    When a trend passes a target.

    Attributes:
        target: The largest value allowed, or the smallest, in the metric's unit.
        commits: Commits from now, at the trend's own slope; >= 0.
        soonest: The same at the steeper end of its interval.
        latest: At the flatter end; None if it may never.
    """

    target: float
    commits: int
    soonest: int
    latest: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Trend:
    """
    A metric that moves without a single commit to blame.

    Attributes:
        benchmark: As in Change.
        metric: As in Change.
        unit: As in Change.
        home: As in Change.
        since: First commit of the stretch that it was found in.
        commit_count: Commits of that stretch.
        level: Where it stands now, in *unit*.
        ratio_per_commit: Relative slope, 0.001 for a tenth of a per cent a commit.
        interval: 95 % interval of *ratio_per_commit*.
        worse: Whether it moves the wrong way.
        forecast: None without a target, or if it moves away from it, or if that is farther
            away than the stretch carries.
    """

    benchmark: str
    metric: str
    unit: str
    home: str
    since: str
    commit_count: int
    level: float
    ratio_per_commit: float
    interval: tuple[float, float]
    worse: bool
    forecast: Forecast | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """
    All that was found along a history.

    Attributes:
        commit_count: Commits of the range.
        measured_count: Those of them with any value.
        track_count: Series that were looked at.
        events: Newest first.
        trends: For the worse first, the soonest to pass a target before others.
        notes: On the evidence: what was left out, and why; entries that match nothing.
        unmatched: Acknowledgements that match no change of these commits and metrics, by name.
    """

    commit_count: int
    measured_count: int
    track_count: int
    events: tuple[Event, ...]
    trends: tuple[Trend, ...]
    notes: tuple[str, ...] = ()
    unmatched: tuple[str, ...] = ()
