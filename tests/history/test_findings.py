from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pytest

from agent_perf.history import History, Track, find_changes
from agent_perf.history.events import Located, group_events
from agent_perf.records import Acknowledged, Event, Evidence
from agent_perf.repository import Commit
from agent_perf.stats import ChangePoint

COUNT = 120


def commit_of(index: int) -> str:
    return f"{index:08x}" + "0" * 32


def noisy(levels: Sequence[tuple[int, float]], seed: int, deviation: float = 0.01):
    values = np.concatenate([np.full(count, level) for count, level in levels])
    return values * np.exp(np.random.default_rng(seed).normal(0, deviation, len(values)))


def make_track(values, **changes: object) -> Track:
    given = {
        "benchmark": "a.time_x",
        "metric": "time",
        "unit": "s",
        "evidence": Evidence.SAMPLED,
        "home": "",
        "edition": "v1",
        "values": np.asarray(values, dtype=float),
    }
    return Track(**(given | changes))  # type: ignore[arg-type]


def make_history(*tracks: Track, surroundings: Mapping | None = None) -> History:
    commits = tuple(
        Commit(id=commit_of(i), subject=f"Change {i}", time_s=i)
        for i in range(len(tracks[0].values))
    )
    return History(commits=commits, tracks=tracks, surroundings=surroundings or {})


def places(events: Sequence[Event]) -> list[int]:
    return [int(event.commit[:8], 16) for event in events]


def test_changes_of_one_commit_are_one_event() -> None:
    """
    Clear and faint changes near one commit are one event there, newest event first, its
    worst change first.
    """
    tracks = [
        make_track(noisy([(60, 1.0), (60, rise)], seed, 0.02), benchmark=f"a.time_{seed}")
        for seed, rise in enumerate([1.5, 1.3, 1.04])
    ]
    late = make_track(noisy([(90, 1.0), (30, 0.8)], 9), benchmark="a.time_late")
    findings = find_changes(make_history(*tracks, late))
    newest, event = findings.events

    assert [90, 60] == places(findings.events)
    assert ["a.time_0", "a.time_1", "a.time_2"] == [change.benchmark for change in event.changes]
    assert ("Change 60", 4, True, False) == (
        event.subject,
        event.measured_count,
        event.worse,
        newest.worse,
    )


def test_two_changes_of_one_metric_stay_two() -> None:
    """
    Two changes of one metric whose intervals share the commit at which others changed are two
    events: the nearer one goes there.
    """
    others = [make_track(np.ones(COUNT), benchmark=f"a.time_sure{one}") for one in (1, 2)]
    track = make_track(np.ones(COUNT))
    points = [
        ChangePoint(
            index=index,
            earliest=index - 6,
            latest=index + 6,
            before=before,
            after=after,
            change_ratio=after / before - 1,
            interval=(0.1, 0.9),
            count_before=20,
            count_after=20,
            settled=True,
        )
        for index, before, after in ((55, 1.0, 1.3), (61, 1.3, 1.8))
    ]
    sure = replace(points[0], index=60, earliest=60, latest=60)
    history = make_history(*others, track)
    located = [Located(track=track, point=point) for point in points]
    located += [Located(track=other, point=sure) for other in others]
    events, _ = group_events(history, located, ())

    assert [60, 55] == places(events)
    assert [["a.time_sure1", "a.time_sure2", "a.time_x"], ["a.time_x"]] == [
        sorted(change.benchmark for change in event.changes) for event in events
    ]


def test_a_change_tells_its_commits() -> None:
    """
    The culprit is the first measured commit with the new level; parent and range say where
    else it may lie when commits were not measured.
    """
    values = noisy([(60, 1.0), (60, 1.2)], 1, 0.002)
    values[56:60] = np.nan
    (event,) = find_changes(make_history(make_track(values))).events
    (change,) = event.changes

    assert [60] == places([event])
    assert (commit_of(55), commit_of(56), commit_of(60), 5) == (
        change.parent,
        change.earliest,
        change.latest,
        change.candidate_count,
    )
    assert change.interval is not None
    assert change.interval[0] < 0.2 < change.interval[1]


def test_exact_tracks_change_by_difference() -> None:
    """
    Counts of work are told at every difference, exact times beyond the smallest change.
    """
    counts = make_track([5, 5, 6, 6], metric="work.trips", unit="count", evidence=Evidence.EXACT)
    times = make_track([1.0, 1.01, 1.01, 1.2], metric="latency.p95", evidence=Evidence.EXACT)
    findings = find_changes(make_history(counts, times))

    assert [3, 2] == places(findings.events)
    assert [None, None] == [event.changes[0].interval for event in findings.events]


@pytest.mark.parametrize(
    ("metric", "after", "worse"),
    [("latency.p95", 2, True), ("success_ratio", 2, False), ("work.events", 0.5, True)],
)
def test_worse_depends_on_the_metric(metric: str, after: float, worse: bool) -> None:
    """
    More time is worse, more success is better, fewer events are worse.
    """
    track = make_track([1, after], metric=metric, evidence=Evidence.EXACT)
    (event,) = find_changes(make_history(track)).events

    assert worse == event.changes[0].worse == event.worse


def test_most_metrics_at_once_may_be_the_machine() -> None:
    """
    When all times rise together, it is said, with what else changed; exact counts that move
    together are facts.
    """
    tracks = [
        make_track(noisy([(60, 1.0), (60, 1.2)], seed), benchmark=f"a.time_{seed}")
        for seed in range(6)
    ]
    facts = {"": {place: {"cpu": "Z80" if place < 60 else "6502"} for place in range(COUNT)}}
    (event,) = find_changes(make_history(*tracks, surroundings=facts)).events
    exact = [
        make_track([1] * 60 + [2] * 60, benchmark=f"b{n}", evidence=Evidence.EXACT)
        for n in range(6)
    ]
    (fact,) = find_changes(make_history(*exact)).events

    assert event.run_wide
    assert ("cpu Z80 → 6502",) == event.surroundings
    assert not fact.run_wide


def test_what_is_acknowledged_hides_no_alarm() -> None:
    """A change that nobody accepted comes first, however small beside those that are known."""
    tracks = [
        make_track([1.0, 1.0, after], benchmark=name, evidence=Evidence.EXACT)
        for name, after in (("a", 9.0), ("b", 1.2), ("c", 0.5))
    ]
    (plain,) = find_changes(make_history(*tracks)).events
    known = [Acknowledged(commit=plain.commit, reason="known", benchmark="a")]
    (event,) = find_changes(make_history(*tracks), known).events

    assert ["a", "b", "c"] == [change.benchmark for change in plain.changes]
    assert ["b", "a", "c"] == [change.benchmark for change in event.changes]
    assert event.worse


def test_acknowledged_changes_are_quiet() -> None:
    """
    What is acknowledged is listed with its reason and is no alarm, also where its commit is
    only near the culprit; an entry for nothing is told.
    """
    tracks = [
        make_track(noisy([(60, 1.0), (60, 1.1)], seed, 0.03), benchmark=f"{name}.time_x")
        for seed, name in enumerate("ab")
    ]
    history = make_history(*tracks)
    (plain,) = find_changes(history).events
    near = next(c.latest for c in plain.changes if c.benchmark == "a.time_x")
    known = [
        Acknowledged(commit=near, reason="new index", benchmark="a.*"),
        Acknowledged(commit=plain.commit[:8], reason="safer", benchmark="b.*"),
        Acknowledged(commit="abcdef12", reason="typo"),
    ]
    findings = find_changes(history, known)
    (event,) = findings.events

    assert {"new index", "safer"} == {change.acknowledged for change in event.changes}
    assert plain.worse
    assert not event.worse
    assert ["acknowledged abcdef12 * * matches no change"] == [
        note.partition(" of these")[0] for note in findings.notes
    ]
    part = find_changes(history, known, complete=False)
    assert ((), ("abcdef12 * *",)) == (part.notes, part.unmatched)


def test_editions_are_not_compared() -> None:
    """
    Where the benchmark's own code changed, a different level is nobody's change; it is noted.
    """
    old, new = np.full(COUNT, np.nan), np.full(COUNT, np.nan)
    old[:60], new[60:] = noisy([(60, 1.0)], 1), noisy([(60, 5.0)], 2)
    findings = find_changes(make_history(make_track(old), make_track(new, edition="v2")))

    assert () == findings.events
    assert "1 of 1 benchmarks were measured with several versions" in findings.notes[0]


def test_trends_and_forecasts() -> None:
    """
    A metric that drifts towards its target is told with when it passes it; one that fell
    silent long ago is not.
    """
    drift = noisy([(COUNT, 1.0)], 1) * np.linspace(1.0, 1.2, COUNT)
    silent = drift.copy()
    silent[60:] = np.nan
    findings = find_changes(
        make_history(make_track(drift, target=1.3), make_track(silent, benchmark="a.time_gone"))
    )
    (trend,) = findings.trends

    assert () == findings.events
    assert ("a.time_x", commit_of(0), COUNT, True) == (
        trend.benchmark,
        trend.since,
        trend.commit_count,
        trend.worse,
    )
    assert trend.forecast is not None
    assert trend.forecast.soonest <= trend.forecast.commits
    assert pytest.approx(50, abs=15) == trend.forecast.commits


def test_last_commits_are_suspected() -> None:
    """
    A change of the last three commits is told, as not settled, and is no alarm.
    """
    (event,) = find_changes(make_history(make_track(noisy([(60, 1.0), (3, 1.3)], 1)))).events

    assert [False] == [change.settled for change in event.changes]
    assert not event.worse
