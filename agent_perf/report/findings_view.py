"""
From the change points of a history to what its report shows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import numpy as np

from agent_perf.history import History, Track
from agent_perf.records import Cause, Change, Comparison, Event, Findings, Step, Trend, Verdict
from agent_perf.report.history_view import build_history_view
from agent_perf.report.past import Commit
from agent_perf.report.text import change, plural, quantity, short_commit
from agent_perf.report.trend import Series, SeriesPoint
from agent_perf.report.view import Command, Fact, Point, View

_STEPS_MAX: Final = 40
_POINTS_MAX: Final = 100
_SERIES_MAX: Final = 12
_TOLD_MAX: Final = 12


def build_findings_view(
    history: History,
    findings: Findings,
    *,
    title: str = "agent-perf",
    commands: Sequence[Command] = (),
) -> View:
    """
    Return the report on what was found along *history*.

    The newest events are shown, of each the worst changes; charts of long histories have a
    median for each few commits. Everything is in the JSON of ``agent-perf history``.

    Args:
        history: What was measured.
        findings: What was found along it.
        title: Of the project that was measured.
        commands: What to type next, as it stands.
    """
    sure = [(event, _alarming(event)) for event in findings.events]
    shown = [(event, changes) for event, changes in sure if changes][:_STEPS_MAX]
    left_out = sum(bool(changes) for _, changes in sure) - len(shown)
    notes = list(findings.notes)
    if left_out:
        notes.append(f"{plural(left_out, 'older commit')} with changes: see `agent-perf history`.")
    return build_history_view(
        [_step(event, changes) for event, changes in reversed(shown)],
        [_drawn(history, track, findings) for track in _chosen(history, findings)],
        commits=[
            Commit(name=commit.id, subject=commit.subject)
            for commit, known in zip(history.commits, history.measured(), strict=True)
            if known
        ],
        title=title,
        commands=commands,
        notes=[_evidence(findings), *notes],
        facts=_facts(findings),
    )


def _alarming(event: Event) -> tuple[Change, ...]:
    """Return the changes that are sure, and that nobody has acknowledged."""
    return tuple(one for one in event.changes if one.settled and not one.acknowledged)


def _evidence(findings: Findings) -> str:
    return (
        f"{plural(findings.track_count, 'metric')} along "
        f"{plural(findings.commit_count, 'commit')}, {findings.measured_count} of them measured. "
        "Exact metrics change where they differ, sampled ones where a change point is sure; "
        "intervals hold with 95 %."
    )


def _step(event: Event, changes: Sequence[Change]) -> Step:
    return Step(
        commit=event.commit,
        parent=changes[0].parent,
        subject=event.subject,
        comparisons=tuple(_comparison(one) for one in changes),
        causes={_name(changes[0].benchmark, changes[0].home): tuple(_remarks(event, changes))},
    )


def _remarks(event: Event, changes: Sequence[Change]) -> Iterator[Cause]:
    """Yield what is to be said of the commit: how sure it is, and what else happened there."""
    surest = min(changes, key=lambda one: one.candidate_count)
    if surest.candidate_count > 1:
        first, last = short_commit(surest.earliest), short_commit(surest.latest)
        text = f"it may be any of {surest.candidate_count} commits, {first} to {last}"
        yield Cause(kind="place", text=text)
    if event.run_wide:
        yield Cause(
            kind="run-wide",
            text="most metrics moved together: the machine, or something that all of them use",
        )
    for fact in event.surroundings:
        yield Cause(kind=f"with {fact}", text=f"with it: {fact}")


def _comparison(one: Change) -> Comparison:
    place = (
        f"one of {one.candidate_count} commits, {short_commit(one.earliest)} to "
        f"{short_commit(one.latest)}"
        if one.candidate_count > 1
        else f"level since {short_commit(one.parent)} ended here"
    )
    return Comparison(
        benchmark=_name(one.benchmark, one.home),
        metric=one.metric,
        unit=one.unit,
        evidence=one.evidence,
        base=one.before,
        head=one.after,
        change_ratio=one.change_ratio,
        interval=one.interval,
        limit_ratio=None,
        verdict=Verdict.REGRESSED if one.worse else Verdict.IMPROVED,
        reason=place,
        sample_count=1,
    )


def _name(benchmark: str, home: str) -> str:
    return f"{benchmark} [{home}]" if home else benchmark


def _facts(findings: Findings) -> tuple[Fact, ...]:
    suspected, known = [], []
    for event in findings.events:
        for one in event.changes:
            lead = f"{short_commit(event.commit)} {_name(one.benchmark, one.home)}"
            moved = f"{one.metric} {change(one.change_ratio)}"
            if one.acknowledged:
                known.append(Point(lead=lead, text=f"{moved}: {one.acknowledged}"))
            elif not one.settled:
                suspected.append(Point(lead=lead, text=f"{moved}, wait for more commits"))
    groups = (
        ("Where it is heading", [_trend(one) for one in findings.trends]),
        ("Suspected", suspected),
        ("Acknowledged", known),
    )
    return tuple(Fact(question=asked, points=_first(points)) for asked, points in groups if points)


def _first(points: Sequence[Point]) -> tuple[Point, ...]:
    rest = len(points) - _TOLD_MAX
    more = (Point(text=f"and {rest} more"),) if rest > 0 else ()
    return (*points[:_TOLD_MAX], *more)


def _trend(trend: Trend) -> Point:
    total, low, high = (
        change((1 + ratio) ** (trend.commit_count - 1) - 1)
        for ratio in (trend.ratio_per_commit, *trend.interval)
    )
    since = f"{plural(trend.commit_count, 'commit')} since {short_commit(trend.since)}"
    text = f"{trend.metric} {total} ({low} to {high}) over {since}"
    if trend.forecast is not None:
        forecast = trend.forecast
        latest = "never" if forecast.latest is None else str(forecast.latest)
        text += (
            f"; at this pace it passes {quantity(forecast.target, trend.unit)} in about "
            f"{plural(forecast.commits, 'commit')} ({forecast.soonest} to {latest})"
        )
    return Point(lead=_name(trend.benchmark, trend.home), text=text)


def _chosen(history: History, findings: Findings) -> list[Track]:
    """Return the tracks to draw: of the newest events first, then those with a trend."""
    by_name: dict[tuple[str, str, str], list[Track]] = {}
    for track in history.tracks:
        by_name.setdefault((track.benchmark, track.metric, track.home), []).append(track)
    wanted: Iterable[Change | Trend] = (
        *(one for event in findings.events for one in _alarming(event)[:3]),
        *findings.trends,
    )
    names = dict.fromkeys((one.benchmark, one.metric, one.home) for one in wanted)
    rest = dict.fromkeys(by_name)
    chosen = list({**names, **rest})[:_SERIES_MAX]
    return [
        max(by_name[name], key=lambda track: np.count_nonzero(~np.isnan(track.values)))
        for name in chosen
    ]


def _drawn(history: History, track: Track, findings: Findings) -> Series:
    """Return *track* with at most so many points; where it changes, one begins."""
    key = (track.benchmark, track.metric, track.home)
    culprits = {
        event.commit
        for event in findings.events
        if any((one.benchmark, one.metric, one.home) == key for one in event.changes)
    }
    places = np.flatnonzero(~np.isnan(track.values))
    breaks = {place for place in places.tolist() if history.commits[place].id in culprits}
    size = -(-len(places) // _POINTS_MAX)
    groups: list[list[int]] = []
    for place in places.tolist():
        if not groups or len(groups[-1]) >= size or place in breaks:
            groups.append([])
        groups[-1].append(place)
    return Series(
        name=f"{_name(track.benchmark, track.home)} {track.metric}",
        unit=track.unit,
        target=track.target,
        points=tuple(
            SeriesPoint(
                label=history.commits[group[0]].id, value=float(np.median(track.values[group]))
            )
            for group in groups
        ),
    )
