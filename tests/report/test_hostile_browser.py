"""Pages on hostile names, opened in a browser."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent_perf.report import render
from tests.report import browser
from tests.report.hostile import NAMES
from tests.report.test_hostile_pages import VIEWS

pytestmark = [pytest.mark.slow, *browser.MARKS]


@pytest.mark.parametrize("page", VIEWS)
def test_a_browser_obeys_nothing(page: str, tmp_path: Path, window: browser.Browser) -> None:
    """
    Opened and unfolded, a page with any hostile name asks for nothing, runs nothing, opens no
    dialog, and its console stays empty.
    """
    for number, name in enumerate(NAMES):
        path = tmp_path / f"{number}.html"
        path.write_text(render(VIEWS[page](NAMES[name]), "html"), "utf-8")
        window.log("browser")
        window.requests()
        window.open(path, width=1440)
        # A dialog would refuse each further command of the driver.
        scripts = window.run(
            "document.querySelectorAll('details').forEach(one => one.open = true);"
            "return document.scripts.length"
        )

        assert 0 == scripts
        assert [path.as_uri()] == [one for one in window.requests() if not one.startswith("data:")]
        assert [] == window.log("browser")
