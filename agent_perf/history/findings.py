"""
From the columns of a history to what people should know of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np
from numpy.typing import NDArray

from agent_perf.history.events import Located, group_events
from agent_perf.history.processes import map_in_processes
from agent_perf.history.tracks import History, Track
from agent_perf.history.worse import is_worse
from agent_perf.records import Acknowledged, Evidence, Findings, Forecast, Trend
from agent_perf.stats import (
    EFFECT_RATIO,
    ChangePoint,
    Slope,
    change_points,
    exact_change_points,
    find_slope,
    passing,
)

_VALUES_PER_TASK: Final = 200_000
_CURRENT: Final = 20
"""A track that ended more commits ago than this is going nowhere."""


def find_changes(
    history: History,
    acknowledged: Sequence[Acknowledged] = (),
    *,
    effect_ratio: float = EFFECT_RATIO,
    complete: bool = True,
    jobs: int | None = None,
) -> Findings:
    """
    Return the changes along *history*, by the commits they go back to, and its trends.

    Exact tracks change wherever they differ, and are told beyond *effect_ratio*, counts of
    work always. Sampled ones change where stats.change_points says so.

    Args:
        history: What was measured.
        acknowledged: What is known already.
        effect_ratio: Smallest change told, > 0.
        complete: Whether *history* is all that is known: of a part, no acknowledgement is said
            to match nothing, for it may be about the rest.
        jobs: Processes that compute; one per core if None.
    """
    tracks = history.tracks
    answers = _examine_all(tracks, effect_ratio, jobs)
    located = [
        Located(track=track, point=point)
        for track, (points, _) in zip(tracks, answers, strict=True)
        for point in points
    ]
    events, unused = group_events(history, located, acknowledged)
    trends = [
        _trend(history, track, slope)
        for track, (_, slope) in zip(tracks, answers, strict=True)
        if slope is not None
    ]
    return Findings(
        commit_count=len(history.commits),
        measured_count=int(history.measured().sum()),
        track_count=len(tracks),
        events=events,
        trends=tuple(sorted(trends, key=_urgency)),
        notes=(
            *history.notes,
            *_edition_notes(tracks),
            *(
                f"acknowledged {entry.name} matches no change of these commits; remove it, or "
                "correct its commit"
                for entry in unused
                if complete
            ),
        ),
        unmatched=tuple(entry.name for entry in unused),
    )


Answer = tuple[tuple[ChangePoint, ...], Slope | None]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Question:
    """What is asked of some tracks: their values, row by row."""

    values: NDArray[np.float64]
    exact: tuple[bool, ...]
    counted: tuple[bool, ...]
    current: tuple[bool, ...]


def _examine_all(tracks: Sequence[Track], effect_ratio: float, jobs: int | None) -> list[Answer]:
    current = _current(tracks)
    size = max(1, _VALUES_PER_TASK // max(1, len(tracks[0].values))) if tracks else 1
    questions = [
        _Question(
            values=np.stack([track.values for track in part]),
            exact=tuple(track.evidence is Evidence.EXACT for track in part),
            counted=tuple(track.unit in {"count", "bytes", "usd"} for track in part),
            current=tuple(id(track) in current for track in part),
        )
        for part in (tracks[i : i + size] for i in range(0, len(tracks), size))
    ]
    answers = map_in_processes(partial(_examine, effect_ratio), questions, jobs)
    return [answer for part in answers for answer in part]


def _examine(effect_ratio: float, question: _Question) -> list[Answer]:
    """Return changes and slope of each row; it runs in a process of its own."""
    answers: list[Answer] = []
    rows = zip(question.values, question.exact, question.counted, question.current, strict=True)
    for values, exact, counted, current in rows:
        if exact:
            points = exact_change_points(values, effect_ratio=0.0 if counted else effect_ratio)
        else:
            points = change_points(values, effect_ratio=effect_ratio)
        slope = find_slope(values, points, effect_ratio=effect_ratio) if current else None
        answers.append((points, slope))
    return answers


def _current(tracks: Iterable[Track]) -> set[int]:
    """Return the ids of the tracks that reach the newest commits of their home."""
    last = {id(track): int(np.flatnonzero(~np.isnan(track.values))[-1]) for track in tracks}
    newest: dict[str, int] = {}
    for track in tracks:
        newest[track.home] = max(newest.get(track.home, 0), last[id(track)])
    best: dict[tuple[str, str, str], Track] = {}
    for track in tracks:
        key = (track.benchmark, track.metric, track.home)
        if last[id(track)] >= newest[track.home] - _CURRENT:
            other = best.get(key)
            if other is None or last[id(track)] > last[id(other)]:
                best[key] = track
    return {id(track) for track in best.values()}


def _trend(history: History, track: Track, slope: Slope) -> Trend:
    found = passing(slope, track.target) if track.target else None
    last = int(np.flatnonzero(~np.isnan(track.values))[-1])
    return Trend(
        benchmark=track.benchmark,
        metric=track.metric,
        unit=track.unit,
        home=track.home,
        since=history.commits[slope.start].id,
        commit_count=last - slope.start + 1,
        level=slope.level,
        ratio_per_commit=slope.ratio_per_step,
        interval=slope.interval,
        worse=is_worse(track.metric, slope.ratio_per_step),
        forecast=None
        if found is None or track.target is None
        else Forecast(
            target=track.target,
            commits=found.steps,
            soonest=found.soonest,
            latest=found.latest,
        ),
    )


def _urgency(trend: Trend) -> tuple[bool, float, float]:
    soon = trend.forecast.commits if trend.forecast and trend.worse else float("inf")
    return not trend.worse, soon, -abs(trend.ratio_per_commit * trend.commit_count)


def _edition_notes(tracks: Iterable[Track]) -> tuple[str, ...]:
    editions: dict[tuple[str, str], set[str]] = {}
    for track in tracks:
        editions.setdefault((track.benchmark, track.home), set()).add(track.edition)
    mixed = sum(len(found) > 1 for found in editions.values())
    if not mixed:
        return ()
    note = (
        f"{mixed} of {len(editions)} benchmarks were measured with several versions of their "
        "own code or harness; those are not compared with each other"
    )
    return (note,)
