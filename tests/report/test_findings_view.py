from __future__ import annotations

import re

import numpy as np

from agent_perf.history import History, Track, find_changes
from agent_perf.records import Acknowledged, Evidence
from agent_perf.report import View, build_findings_view, render
from agent_perf.repository import Commit

COUNT = 1_000


def commit_of(index: int) -> str:
    return f"{index:08x}" + "0" * 32


def make_history(benchmarks: int = 3) -> History:
    """Return times that rise by 20 % at 600, fall at 900, drift, and rise in the last three."""
    steps = np.ones(COUNT)
    steps[600:] *= 1.2
    steps[900:] *= 0.7
    tracks = []
    for row in range(benchmarks):
        noise = np.exp(np.random.default_rng(row).normal(0, 0.02, COUNT))
        values = steps * noise * (row + 1) / 1000
        if row == 1:
            values = noise * np.linspace(1.0, 1.3, COUNT) / 1000
        if row == 2:
            values[-3:] *= 1.5
        tracks.append(
            Track(
                benchmark=f"a<b>.time_{row}",
                metric="time",
                unit="s",
                evidence=Evidence.SAMPLED,
                home="m",
                edition="v1",
                values=values,
                target=0.0015,
            )
        )
    commits = tuple(Commit(id=commit_of(i), subject=f"Change {i}", time_s=i) for i in range(COUNT))
    return History(commits=commits, tracks=tuple(tracks))


def view_of(history: History, *known: Acknowledged) -> View:
    return build_findings_view(history, find_changes(history, known), title="shop")


def test_events_are_steps() -> None:
    """
    Each event is a step at its commit, with what moved; the first commit is the start.
    """
    view = view_of(make_history())
    told = {moment.commit: moment for moment in view.moments if moment.changes}

    assert "1 of 1,000 commits made it slower or dearer" == view.band.headline.replace(
        "1000", "1,000"
    )
    assert [commit_of(600)[:7], commit_of(900)[:7]] == list(told)
    assert ["✗", "✓"] == [moment.badge.mark for moment in told.values()]
    assert "Change 600" in told[commit_of(600)[:7]].subject
    assert "start" == view.moments[0].badge.word


def test_charts_are_short_and_marked() -> None:
    """
    A thousand commits are about a hundred points; a chart is marked where its own series
    changed, exactly at the culprit.
    """
    view = view_of(make_history())
    charts = {chart.title: chart for chart in view.trends}
    stepped, drifted = charts["a<b>.time_0 [m] time"], charts["a<b>.time_1 [m] time"]

    assert len(stepped.dots) <= 110
    assert [2, 0] == [
        sum(line.style.startswith("step") for line in chart.lines) for chart in (stepped, drifted)
    ]


def test_trends_suspicions_and_what_is_known() -> None:
    """
    Drifts are told with their forecast, the last commits as suspected, and what is
    acknowledged with its reason and not as a step.
    """
    known = Acknowledged(commit=commit_of(600)[:8], reason="safer")
    view = view_of(make_history(), known)
    facts = {
        fact.question: " ".join(f"{p.lead} {p.text}" for p in fact.points).replace("\u00a0", " ")
        for fact in view.facts
    }

    assert "a<b>.time_1 [m] time" in facts["Where it is heading"]
    assert "it passes 1.5 ms in about" in facts["Where it is heading"]
    assert "wait for more commits" in facts["Suspected"]
    assert "safer" in facts["Acknowledged"]
    assert [commit_of(900)[:7]] == [m.commit for m in view.moments if m.changes]


def test_a_hundred_benchmarks_make_a_small_page() -> None:
    """
    A page on a hundred benchmarks along a thousand commits stays below 400 kB and escapes
    names from outside.
    """
    page = render(view_of(make_history(100)), "html")

    assert len(page.encode()) < 400_000
    assert "a&lt;b&gt;" in page
    assert "a<b>" not in page
    assert not re.search(r"""(src|href)=["']?(https?:|//)""", page)
