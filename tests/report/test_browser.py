"""Pages as a browser shows them: nothing loaded, nothing clipped, nothing in the way."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

from tests.report import browser
from tests.report.shown import PAGES

pytestmark = browser.MARKS

_UNFOLD: Final = "document.querySelectorAll('details').forEach(one => one.open = true);"

_CROWDED: Final = (
    _UNFOLD
    + """
    const faults = [];
    document.querySelectorAll('.plot > svg').forEach(svg => {
      const title = svg.querySelector('title').textContent;
      const texts = [...svg.querySelectorAll('text')]
        .map(text => [text.textContent, text.getBoundingClientRect()])
        .filter(([_, box]) => box.width > 0);
      texts.forEach(([word, box], index) => {
        if (box.left < -0.5 || box.right > document.documentElement.clientWidth + 0.5)
          faults.push(`${title}: "${word}" leaves the window`);
        const figure = svg.closest('figure').getBoundingClientRect();
        if (box.left < figure.left - 1 || box.right > figure.right + 1)
          faults.push(`${title}: "${word}" leaves its figure`);
        if (box.top < figure.top - 1 || box.bottom > figure.bottom + 1)
          faults.push(`${title}: "${word}" leaves its figure upwards or downwards`);
        const caption = svg.closest('figure').querySelector('.legend') ||
          svg.closest('figure').querySelector('figcaption');
        if (caption.getBoundingClientRect().width > 40 &&
            caption.getBoundingClientRect().left >= 0 &&
            box.top < caption.getBoundingClientRect().bottom - 1)
          faults.push(`${title}: "${word}" meets the caption`);
        texts.slice(index + 1).forEach(([other, its]) => {
          if (box.left < its.right - 0.5 && its.left < box.right - 0.5 &&
              box.top < its.bottom - 2 && its.top < box.bottom - 2)
            faults.push(`${title}: "${word}" meets "${other}"`);
        });
      });
    });
    return faults;
    """
)

_TOO_WIDE: Final = (
    _UNFOLD
    + """
    return document.documentElement.scrollWidth - document.documentElement.clientWidth;
    """
)


@pytest.mark.parametrize("name", PAGES)
def test_page_fits(name: str, window: browser.Browser, pages: dict[str, Path]) -> None:
    """
    At no width, all unfolded, is a page wider than its window, or a chart's label clipped or
    covered.
    """
    window.open(pages[name])
    for width in (360, 720, 860, 1440):
        window.resize(width)

        assert (width, 0) == (width, window.run(_TOO_WIDE))
        assert (width, []) == (width, window.run(_CROWDED))


@pytest.mark.parametrize("name", PAGES)
def test_page_is_quiet(name: str, window: browser.Browser, pages: dict[str, Path]) -> None:
    """
    A page, all unfolded, asks for itself and its own icon only, and the console stays empty.
    """
    window.log("browser")
    window.requests()
    window.open(pages[name], width=1440, dark=True)
    window.run(_UNFOLD)
    addresses = window.requests()

    assert [pages[name].as_uri()] == [one for one in addresses if not one.startswith("data:")]
    assert [] == window.log("browser")


def test_dark_page_is_dark(window: browser.Browser, pages: dict[str, Path]) -> None:
    """
    Who asks for a dark page gets one; the style sheet is allowed by the policy.
    """
    ground = "return getComputedStyle(document.body).backgroundColor"
    window.open(pages["small"], width=1440)
    light = window.run(ground)
    window.open(pages["small"], width=1440, dark=True)

    assert "rgb(251, 251, 249)" == light
    assert "rgb(17, 21, 27)" == window.run(ground)


def test_what_failed_is_open(window: browser.Browser, pages: dict[str, Path]) -> None:
    """
    Without a click, the details of what failed are shown, and nothing else.
    """
    window.open(pages["small"], width=1440)
    opened = window.run(
        "return [...document.querySelectorAll('details.benchmark[open] .name')].map(one => one.textContent)"
    )

    assert ["agent.chat@200"] == opened
