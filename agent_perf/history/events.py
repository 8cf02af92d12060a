"""
Changes of many metrics, brought together by the commit they go back to.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from agent_perf.history.tracks import History, Track
from agent_perf.history.worse import is_worse
from agent_perf.records import Acknowledged, Change, Event, Evidence
from agent_perf.stats import ChangePoint

_RUN_WIDE_MIN: Final = 5
_RUN_WIDE_RATIO: Final = 0.5
_SAME_WAY_RATIO: Final = 0.9
_FACTS_MAX: Final = 6


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Located:
    """A change point, and the track that it was found on."""

    track: Track
    point: ChangePoint


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """An acknowledgement, and the positions of the commits that its digits name."""

    entry: Acknowledged
    places: tuple[int, ...]

    def covers(self, track: Track) -> bool:
        """Return whether it is for *track*."""
        return self.entry.covers(self.entry.commit, track.benchmark, track.metric)


def group_events(
    history: History, located: Sequence[Located], acknowledged: Sequence[Acknowledged]
) -> tuple[tuple[Event, ...], tuple[Acknowledged, ...]]:
    """
    Return the events, newest first, and the acknowledgements that match none of them.

    A change found by statistics may lie anywhere within its interval: it goes to the commit
    in it at which most others were found.

    Args:
        history: Where they were found.
        located: Every change found along it.
        acknowledged: What is known already.
    """
    groups = _by_commit(located, len(history.commits))
    spans = _spans(history.tracks)
    known = [_Known(entry=entry, places=_places(history, entry)) for entry in acknowledged]
    used: set[str] = set()
    events = []
    for index in sorted(groups, reverse=True):
        found = groups[index]
        changes = [_change(history, index, one, known, used) for one in found]
        commit = history.commits[index]
        events.append(
            Event(
                commit=commit.id,
                subject=commit.subject,
                time_s=commit.time_s,
                changes=tuple(sorted(changes, key=_weight)),
                measured_count=int(
                    np.count_nonzero((spans[:, 0] < index) & (spans[:, 1] >= index))
                ),
                run_wide=_is_run_wide(history.tracks, spans, index, found),
                surroundings=_became(history, index, {one.track.home for one in found}),
            )
        )
    return tuple(events), tuple(entry for entry in acknowledged if entry.name not in used)


def _by_commit(located: Sequence[Located], count: int) -> dict[int, list[Located]]:
    """Return position to the changes that go back to it."""
    votes = np.zeros(count, dtype=np.int64)
    for one in located:
        votes[one.point.index] += 1
    groups: dict[int, dict[tuple[str, str, str], Located]] = {}
    for one, earliest, latest in _apart(located):
        point = one.point
        range_ = votes[earliest : latest + 1]
        most = np.flatnonzero(range_ == range_.max()) + earliest
        nearest = int(most[np.abs(most - point.index).argmin()])
        key = (one.track.benchmark, one.track.metric, one.track.home)
        group = groups.setdefault(nearest, {})
        other = group.get(key)
        # Two editions may have seen the same: the one that saw more of it counts.
        if other is None or _seen(point) > _seen(other.point):
            group[key] = one
    return {index: list(group.values()) for index, group in groups.items()}


def _apart(located: Sequence[Located]) -> Iterator[tuple[Located, int, int]]:
    """
    Yield each change with the first and last position that it may go to.

    Two changes of one track are two, though their intervals overlap: neither goes to a
    commit that is nearer to the other.
    """
    tracks: dict[int, list[Located]] = {}
    for one in located:
        tracks.setdefault(id(one.track), []).append(one)
    for found in tracks.values():
        ordered = sorted(found, key=lambda one: one.point.index)
        places = [one.point.index for one in ordered]
        # The commit in the middle goes to the later one.
        middles = [-(-(a + b) // 2) for a, b in itertools.pairwise(places)]
        for one, low, high in zip(
            ordered, [0, *middles], [*middles, ordered[-1].point.latest + 1], strict=True
        ):
            yield one, max(one.point.earliest, low), min(one.point.latest, high - 1)


def _seen(point: ChangePoint) -> int:
    return point.count_before + point.count_after


def _change(
    history: History,
    index: int,
    located: Located,
    known: Iterable[_Known],
    used: set[str],
) -> Change:
    track, point, commits = located.track, located.point, history.commits
    before = np.flatnonzero(~np.isnan(track.values[: min(index, point.index)]))
    reason = ""
    for one in known:
        # A later value may move the culprit within its interval; what is known stays so.
        near = any(
            place == index or point.earliest <= place <= point.latest for place in one.places
        )
        if near and one.covers(track):
            used.add(one.entry.name)
            reason = reason or one.entry.reason
    return Change(
        benchmark=track.benchmark,
        metric=track.metric,
        unit=track.unit,
        evidence=track.evidence,
        home=track.home,
        parent=commits[int(before[-1])].id,
        earliest=commits[point.earliest].id,
        latest=commits[point.latest].id,
        candidate_count=point.latest - point.earliest + 1,
        before=point.before,
        after=point.after,
        change_ratio=point.change_ratio,
        interval=None if track.evidence is Evidence.EXACT else point.interval,
        worse=is_worse(track.metric, point.change_ratio),
        settled=point.settled,
        acknowledged=reason,
    )


def _places(history: History, entry: Acknowledged) -> tuple[int, ...]:
    return tuple(
        place for place, commit in enumerate(history.commits) if commit.id.startswith(entry.commit)
    )


def _weight(change: Change) -> tuple[bool, bool, bool, bool, float, str, str]:
    """
    Sort the worst first, and of one size tail latencies before what goes with them.

    What is acknowledged comes after what is not: it must not hide an alarm.
    """
    size = abs(math.log1p(max(change.change_ratio, -0.999))) if change.change_ratio else 0.0
    tail = change.metric in {"latency.p95", "time"}
    return (
        not change.worse or bool(change.acknowledged),
        not change.worse,
        not change.settled,
        not tail,
        -size,
        change.benchmark,
        change.metric,
    )


def _spans(tracks: Sequence[Track]) -> NDArray[np.int64]:
    """Return the first and last measured position of each track."""
    spans = np.zeros((len(tracks), 2), dtype=np.int64)
    for row, track in zip(spans, tracks, strict=True):
        known = np.flatnonzero(~np.isnan(track.values))
        row[:] = known[0], known[-1]
    return spans


def _is_run_wide(
    tracks: Sequence[Track], spans: NDArray[np.int64], index: int, found: Sequence[Located]
) -> bool:
    """Return whether most sampled metrics of some home moved the same way here."""
    alive = Counter(
        track.home
        for track, (first, last) in zip(tracks, spans, strict=True)
        if first < index <= last and track.evidence is Evidence.SAMPLED
    )
    moved = [one for one in found if one.track.evidence is Evidence.SAMPLED]
    for home, count in Counter(one.track.home for one in moved).items():
        ups = sum(one.point.change_ratio > 0 for one in moved if one.track.home == home)
        if (
            count >= _RUN_WIDE_MIN
            and count >= _RUN_WIDE_RATIO * alive[home]
            and max(ups, count - ups) >= _SAME_WAY_RATIO * count
        ):
            return True
    return False


def _became(history: History, index: int, homes: Iterable[str]) -> tuple[str, ...]:
    """Return what was different from the measured commit before, in words."""
    told: dict[str, None] = {}
    for home in sorted(homes):
        facts = history.surroundings.get(home, {})
        before = max((place for place in facts if place < index), default=None)
        if before is not None and index in facts:
            told |= dict.fromkeys(_differences(facts[before], facts[index]))
    return tuple(told)[:_FACTS_MAX]


def _differences(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    return [
        f"{name} {before.get(name) or 'none'} → {after.get(name) or 'none'}"
        for name in sorted(before.keys() | after.keys())
        if before.get(name) != after.get(name)
    ]
