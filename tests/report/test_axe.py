"""What axe-core says of the pages: nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.report import axe, browser
from tests.report.shown import PAGES

pytestmark = browser.MARKS

_UNFOLD = "document.querySelectorAll('details').forEach(one => one.open = true);"


@pytest.fixture(scope="session")
def source(pytestconfig: pytest.Config) -> str:
    """The source of axe-core."""
    try:
        return axe.fetch(pytestconfig.cache.mkdir("axe-core"))
    except axe.MissingError as error:
        pytest.skip(str(error))


@pytest.mark.parametrize("name", ["small", "start"])
def test_nothing_keeps_anybody_out(
    name: str, window: browser.Browser, pages: dict[str, Path], source: str
) -> None:
    """
    axe-core finds no violation of any of its rules on a page, wide and light.
    """
    window.open(pages[name])
    window.run(_UNFOLD)

    assert [] == axe.violations(window, source)


@pytest.mark.slow
@pytest.mark.parametrize("width", [360, 1440])
@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("name", PAGES)
def test_no_page_in_any_light(
    name: str,
    width: int,
    window: browser.Browser,
    pages: dict[str, Path],
    source: str,
    *,
    dark: bool,
) -> None:
    """
    axe-core finds no violation of any of its rules on any page, narrow and wide, light and dark,
    folded and unfolded.
    """
    window.open(pages[name], width=width, dark=dark)
    folded = axe.violations(window, source)
    window.run(_UNFOLD)

    assert [] == folded
    assert [] == axe.violations(window, source)


def test_it_does_find_something(window: browser.Browser, tmp_path: Path, source: str) -> None:
    """
    A page without title and language, with pale letters, is found wanting.
    """
    page = tmp_path / "poor.html"
    page.write_text("<!doctype html><p style='color: #ddd'>Hardly to be read</p>")
    window.open(page)
    rules = {one.partition(" ")[0] for one in axe.violations(window, source)}

    assert {"document-title", "html-has-lang", "color-contrast", "region"} <= rules
