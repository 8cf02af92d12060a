"""
The past of a project of any size, from integers alone: the same on every machine.
"""

from __future__ import annotations

import numpy as np

from agent_perf.history import History, Track, find_changes
from agent_perf.records import Change, Evidence, Findings
from agent_perf.report import Exhibit, Link, Ways, build_site_view
from agent_perf.report.site_view import SiteView
from agent_perf.repository import Commit
from tests.report.samples import draw

TARGET_S = 0.150


def past(commits: int, benchmarks: int) -> tuple[History, Findings]:
    """
    Return a history: of each benchmark the P95 rises at one place and falls at another.

    Every third is sampled, with noise of 2 %; the others are exact and have a target.
    """
    tracks = []
    for row in range(benchmarks):
        sampled = row % 3 == 2
        rise, fall = (draw(row, 0, what, 5, commits - 5) for what in ("rise", "fall"))
        level_ms = draw(row, 0, "level", 60, 120)
        values = np.full(commits, level_ms / 1000)
        values[rise:] *= 1.3
        values[fall:] *= 0.8
        if sampled:
            noise = [draw(row, place, "noise", 980, 1020) / 1000 for place in range(commits)]
            values = values * 1e-3 * np.array(noise)
        tracks.append(
            Track(
                benchmark=f"cache.time_{row}"
                if sampled
                else f"agent.C{row}.track_latency(50, 'p95')",
                metric="time",
                unit="s",
                evidence=Evidence.SAMPLED if sampled else Evidence.EXACT,
                home="",
                edition="1",
                values=values,
                target=None if sampled else TARGET_S,
            )
        )
    found = History(
        commits=tuple(
            Commit(
                id=f"{place:06x}" * 6 + f"{place:04x}",
                subject=f"Change {place} & <more>",
                time_s=1_700_000_000 + place * 3600,
            )
            for place in range(commits)
        ),
        tracks=tuple(tracks),
    )
    return found, find_changes(found, jobs=1)


def exhibits(history: History, findings: Findings) -> tuple[Exhibit, ...]:
    """Return every track as something to draw."""
    places = {commit.id: place for place, commit in enumerate(history.commits)}
    changes: dict[str, dict[int, Change]] = {}
    for event in findings.events:
        for one in event.changes:
            changes.setdefault(one.benchmark, {})[places[event.commit]] = one
    return tuple(
        Exhibit(
            name=f"agent.c{row}@50" if track.target else track.benchmark,
            metric="P95 latency" if track.target else "CPU time",
            tracks=(track,),
            changes=changes.get(track.benchmark, {}),
            href=f"index.html#c{row}?p-users=50",
        )
        for row, track in enumerate(history.tracks)
    )


def start(commits: int = 60, benchmarks: int = 6) -> SiteView:
    """Return the start page of such a project."""
    history, findings = past(commits, benchmarks)
    ways = Ways(
        ours=(
            Link(text="Targets and verdicts", href="agent-perf-verdict.html"),
            Link(text="Change points", href="agent-perf-history.html"),
        ),
        asv=(Link(text="asv's grid of graphs", href="index.html#/"),),
        names={
            one.track.benchmark: f"{one.name}, {one.metric}" for one in exhibits(history, findings)
        },
        graphs={one.track.benchmark: one.href for one in exhibits(history, findings)},
    )
    return build_site_view(
        history, findings, exhibits(history, findings), verdict=None, title="shop", ways=ways
    )
