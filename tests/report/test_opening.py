"""How long the start page of a long history takes to open."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

from agent_perf.report import render_site
from tests.report import browser, long_past

pytestmark = browser.MARKS

_OPEN_MS_MAX: Final = 2_000

_TIMES: Final = """
    const whole = performance.getEntriesByType('navigation')[0];
    const paint = performance.getEntriesByName('first-contentful-paint')[0];
    return [whole.loadEventEnd, paint ? paint.startTime : 0];
"""


@pytest.mark.parametrize(
    ("commits", "benchmarks"), [(300, 6), pytest.param(2_000, 30, marks=pytest.mark.slow)]
)
def test_it_opens_at_once(
    commits: int, benchmarks: int, window: browser.Browser, tmp_path: Path
) -> None:
    """
    The start page is loaded and painted within 2 s, with each benchmark's chart on it: of a few
    hundred commits, and of 2,000 with 30 benchmarks.
    """
    page = tmp_path / "start.html"
    page.write_text(render_site(long_past.start(commits, benchmarks)), "utf-8")
    window.open(page)

    assert benchmarks == window.run("return document.querySelectorAll('figure').length")
    assert max(window.run(_TIMES)) < _OPEN_MS_MAX
