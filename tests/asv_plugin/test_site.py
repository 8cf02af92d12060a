from __future__ import annotations

from pathlib import Path

import asv
import pytest
from asv.util import UserError

from agent_perf.asv_plugin.site import link_pages

INDEX = (Path(asv.__file__).parent / "www" / "index.html").read_text("utf-8")
LABELS = {"agent-perf": "Targets & verdicts", "agent-perf-redis": "redis <script> versions"}


def test_navigation_leads_to_every_page() -> None:
    """
    Each page has an entry beside asv's own, a frame that shows it, and the script that
    registers it comes after asv's.
    """
    linked = link_pages(INDEX, LABELS)

    assert (
        '<li id="nav-li-agent-perf"><a href="#/agent-perf">Targets &amp; verdicts</a></li>'
        in linked
    )
    assert "<script> versions" not in linked
    for name in LABELS:
        assert 1 == linked.count(f'<iframe src="{name}.html"')
        assert linked.index("nav-li-regressions") < linked.index(f"nav-li-{name}")
    assert linked.index('src="asv.js"') < linked.index('src="agent-perf.js"')


def test_offline_it_leads_to_our_page() -> None:
    """
    Where asv's scripts cannot be loaded, the reader gets our page and not an error.
    """
    linked = link_pages(INDEX, LABELS)

    assert 'window.location = "agent-perf.html"' in linked
    assert "error.html" not in linked


def test_the_rest_of_the_page_stays() -> None:
    """
    Nothing of asv's own page is lost.
    """
    linked = link_pages(INDEX, LABELS).splitlines()

    assert [line for line in INDEX.splitlines() if line not in linked] == [
        '        window.location = "error.html";'
    ]


def test_another_asv_is_told() -> None:
    """
    A page that we do not know is refused, with what to do instead.
    """
    with pytest.raises(UserError, match=r"open agent-perf\.html itself"):
        link_pages("<html></html>", LABELS)
