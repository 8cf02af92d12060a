"""The start page of a published site."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from agent_perf.history import History, find_changes
from agent_perf.report import build_site_view, render_site
from agent_perf.report.formats import HTML_BYTES_MAX
from tests.report import long_past
from tests.report.pages import read_page
from tests.report.test_golden import without_style
from tests.report.views import VIEWS

_GOLDEN = Path(__file__).parent / "golden" / "start.html"


def test_golden(update_golden: bool) -> None:
    """
    The start page of a small history stands in its golden file.
    """
    text = without_style(render_site(long_past.start()))
    if update_golden:
        _GOLDEN.write_text(text)

    assert _GOLDEN.read_text() == text


def test_it_is_whole_and_alone() -> None:
    """
    The page is well-formed, loads nothing, runs nothing, and every drawing is labelled; each of
    its links has words of its own.
    """
    text = render_site(long_past.start())
    page = read_page(text)
    words = re.findall(r'<a [^>]*href="([^"]+)"[^>]*>([^<]+)<', text)

    assert [] == page.faults
    assert len(page.ids) == len(set(page.ids))
    assert [] == [one for one in page.sources if not one.startswith("data:")]
    assert "script" not in page.tags
    assert all(one.role == "img" and one.title and one.description for one in page.drawings)
    assert len(set(words)) == len({word for _, word in words})
    assert "Change 7 & <more>" in page.text


def test_without_whole_runs_the_newest_values_are_judged() -> None:
    """
    Where no runs are kept, the verdict is that of the newest values: the one farthest over its
    target leads; with all below theirs it passes; without targets it is no verdict.
    """
    history, findings = long_past.past(60, 6)
    exhibits = long_past.exhibits(history, findings)

    def words(*targets: float | None) -> str:
        chosen = [
            replace(one, tracks=(replace(one.track, target=target),))
            for one, target in zip(exhibits, targets, strict=False)
        ]
        view = build_site_view(history, findings, chosen, verdict=None, title="shop")
        return f"{view.band.badge.word}: {view.band.headline}"

    over = exhibits[1].newest / 1.5

    assert f"TARGET MISSED: {exhibits[1].name}: P95 latency" == words(1.0, over)
    assert "TARGETS MET: 2 targets, all met by the newest values" == words(1.0, 1.0)
    assert "MEASURED: 2 metrics, none with a target" == words(None, None)
    assert words() == "NOTHING MEASURED: No benchmark gave a value, so nothing was judged"


def test_a_verdict_comes_first() -> None:
    """
    Where runs are kept, the newest verdict is the page's, and its targets are.
    """
    history, findings = long_past.past(20, 2)
    verdict = VIEWS["small"]()
    view = build_site_view(history, findings, (), verdict=verdict, title="shop")

    assert (verdict.band, verdict.targets) == (view.band, view.targets)


def test_older_versions_of_a_benchmark_stay_apart() -> None:
    """
    What the benchmark's older code measured is drawn as another line, and no change is told
    between the two.
    """
    history, _ = long_past.past(40, 1)
    (track,) = history.tracks
    early, late = track.values.copy(), np.full(40, 0.002)
    early[20:], late[:20] = np.nan, np.nan
    tracks = (replace(track, values=early), replace(track, values=late, edition="2"))
    found = History(commits=history.commits, tracks=tracks)
    (exhibit,) = long_past.exhibits(
        replace(found, tracks=tracks[1:]), find_changes(replace(found, tracks=tracks[1:]), jobs=1)
    )
    both = replace(exhibit, tracks=tracks)
    view = build_site_view(found, find_changes(found, jobs=1), [both], verdict=None, title="x")
    chart = view.galleries[0].pictures[0].chart

    assert ["base", "head"] == [curve.style for curve in chart.curves]
    assert "before the benchmark itself was changed" in [key.text for key in chart.legend]
    assert 1 == len(chart.table.rows if chart.table else ())


@pytest.mark.slow
def test_two_thousand_commits_fit_a_page() -> None:
    """
    2,000 commits and 30 benchmarks are a page of less than 300 KB; with 400 benchmarks it says
    what it leaves out.
    """
    text = render_site(long_past.start(2_000, 30))
    history, findings = long_past.past(200, 400)
    many = build_site_view(
        history, findings, long_past.exhibits(history, findings), verdict=None, title="shop"
    )

    assert len(text.encode()) < 300_000
    assert 30 == text.count("<figure")
    assert len(render_site(many).encode()) < HTML_BYTES_MAX
    assert many.charts_left_out.startswith("340 more metrics")
