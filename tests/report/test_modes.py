"""Pages as different people read them: on paper, by keyboard, in large letters, in few colours."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pytest

from tests.report import browser
from tests.report.shown import PAGES

pytestmark = browser.MARKS

_SOON: Final = ("small", "undecided", "change_points", "load_search", "long names", "start")
_NAMES: Final = [
    name if name in _SOON else pytest.param(name, marks=pytest.mark.slow) for name in PAGES
]
"""All pages; those that have every kind of part in the default run."""

_LIT: Final = """
  const channel = value => value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  const parts = text => text.match(/[\\d.]+/g).map(Number);
  const light = text => {
    const [r, g, b] = parts(text).map(one => channel(one / 255));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = one => {
    for (; one; one = one.parentElement) {
      const colour = getComputedStyle(one).backgroundColor;
      if ((parts(colour)[3] ?? 1) > 0) return colour;
    }
    return 'rgb(255, 255, 255)';
  };
  const contrast = (colour, one) => {
    const [low, high] = [light(colour), light(ground(one))].sort((a, b) => a - b);
    return (high + 0.05) / (low + 0.05);
  };
"""

_PALE: Final = (
    _LIT
    + """
    document.querySelectorAll('details').forEach(one => one.open = true);
    const pale = new Set();
    const hold = (one, colour, least, what) => {
      if (colour !== 'none' && contrast(colour, one.closest('figure')) < least)
        pale.add(`${what} ${one.getAttribute('class')}: ${colour}`);
    };
    document.querySelectorAll('.plot text').forEach(
      one => hold(one, getComputedStyle(one).fill, 4.5, 'text'));
    document.querySelectorAll('.plot circle').forEach(one => {
      const style = getComputedStyle(one);
      // A hollow dot is its ring.
      hold(one, style.stroke === 'none' ? style.fill : style.stroke, 3, 'dot');
    });
    document.querySelectorAll('.plot path, .plot line:not(.grid)').forEach(one => {
      const style = getComputedStyle(one);
      hold(one, style.stroke === 'none' ? style.fill : style.stroke, 3, 'line');
    });
    return [...pale];
    """
)

_FOCUS: Final = """
    const one = document.activeElement, style = getComputedStyle(one);
    const box = one.getBoundingClientRect();
    return {
      tag: one.tagName,
      words: (one.getAttribute('aria-label') || one.textContent).trim().slice(0, 60),
      ring: style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2,
      seen: box.width > 0 && box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth,
    };
"""

_STOPS: Final = """
    return [...document.querySelectorAll('a, summary, [tabindex="0"]')]
      .filter(one => one.checkVisibility())
      .map(one => one.tagName);
"""

_SHUT: Final = """
    return [...document.querySelectorAll('details:not(.same) > :not(summary)')]
      .filter(one => !one.checkVisibility() && one.textContent.trim())
      .map(one => one.textContent.trim().slice(0, 40));
"""

_WIDTH: Final = "return document.documentElement.scrollWidth - innerWidth;"


@pytest.mark.parametrize("name", _NAMES)
def test_charts_are_legible(name: str, window: browser.Browser, pages: dict[str, Path]) -> None:
    """
    Light and dark, every label of a chart has a contrast of 4.5 to 1, every line and mark 3 to 1
    (WCAG 2.2, 1.4.3 and 1.4.11).
    """
    window.open(pages[name])
    light = window.run(_PALE)
    window.show(dark=True)

    assert [] == light
    assert [] == window.run(_PALE)


@pytest.mark.parametrize("name", ["small", "passed", "start", "broken"])
def test_paper_cannot_be_unfolded(
    name: str, window: browser.Browser, pages: dict[str, Path]
) -> None:
    """
    In print nothing is folded away but figures that a chart beside them shows; a page is some
    sheets and not a hundred, and nothing is cut at the right.
    """
    window.open(pages[name], width=720, media="print")
    shut, over = window.run(_SHUT), window.run(_WIDTH)
    sheets = len(re.findall(rb"/Type\s*/Page\b", window.paper()))

    assert [] == shut
    assert 0 == over
    assert 1 <= sheets <= 20


def test_paper_is_white(window: browser.Browser, pages: dict[str, Path]) -> None:
    """
    Who reads dark pages prints dark letters on white.
    """
    window.open(pages["small"], dark=True, media="print")
    colours = window.run(
        "const style = getComputedStyle(document.body); return [style.backgroundColor, style.color]"
    )

    assert ["rgb(255, 255, 255)", "rgb(24, 33, 44)"] == colours


@pytest.mark.parametrize("name", ["small", "start"])
def test_scripts_are_not_needed(name: str, window: browser.Browser, pages: dict[str, Path]) -> None:
    """
    With scripts switched off, the page says the same words.
    """
    words = "document.body.innerText"
    window.open(pages[name])
    with_scripts = window.evaluate(words)
    window.open(pages[name], scripts=False)
    without = window.evaluate(words)
    window.devtools("Emulation.setScriptExecutionDisabled", value=False)

    assert with_scripts == without
    assert len(without) > 500


@pytest.mark.parametrize(("name", "width"), [("small", 1440), ("broken", 1440), ("start", 360)])
def test_keys_reach_everything(
    name: str, width: int, window: browser.Browser, pages: dict[str, Path]
) -> None:
    """
    Tab goes to the way past the head first, then to every link, fold and thing that scrolls, in
    order; each is in the window and has a ring around it.
    """
    window.open(pages[name], width=width)
    stops = window.run(_STOPS)
    seen = []
    for _ in stops:
        window.press("Tab")
        seen.append(window.run(_FOCUS))

    assert "Skip to the answers" == seen[0]["words"]
    assert stops == [one["tag"] for one in seen]
    assert [] == [one for one in seen if not (one["ring"] and one["seen"])]


def test_enter_unfolds(window: browser.Browser, pages: dict[str, Path]) -> None:
    """
    Enter follows the way past the head, and unfolds what has the focus.
    """
    window.open(pages["small"])
    window.press("Tab")
    window.press("Enter")
    passed_by = window.run("return location.hash")
    window.run("document.querySelector('details:not([open]) > summary').focus()")
    before = window.run("return document.activeElement.parentElement.open")
    window.press("Enter")

    assert "#answers" == passed_by
    assert [False, True] == [
        before,
        window.run("return document.activeElement.parentElement.open"),
    ]


@pytest.mark.parametrize("name", _NAMES)
def test_letters_of_twice_the_size(
    name: str, window: browser.Browser, pages: dict[str, Path]
) -> None:
    """
    With letters of twice the size the words grow, and no page is wider than its window
    (WCAG 2.2, 1.4.4).
    """
    window.open(pages[name], width=1440)
    size = "return parseFloat(getComputedStyle(document.querySelector('main p')).fontSize)"
    before = window.run(size)
    window.run("document.documentElement.style.fontSize = '32px'")

    assert 2 * before == window.run(size)
    for width in (1440, 720):
        window.resize(width)
        assert (width, 0) == (width, max(0, window.run(_WIDTH)))


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("name", ["small", "undecided", "start"])
def test_few_colours_still_tell(
    name: str, window: browser.Browser, pages: dict[str, Path], *, dark: bool
) -> None:
    """
    Where the reader's own colours replace the page's, lines, marks and their keys are drawn, in
    colours that stand out, and the verdict's mark does.
    """
    window.open(pages[name], forced_colours=True, dark=dark)
    pale = window.run(_PALE)
    keys = window.run(
        _LIT
        + """
        return [...document.querySelectorAll('.key')].filter(one => {
          const style = getComputedStyle(one);
          const drawn = parseFloat(style.borderTopWidth) ? style.borderTopColor : style.backgroundColor;
          return contrast(drawn, one.parentElement) < 3;
        }).map(one => one.className);
        """
    )
    window.show()

    assert [] == pale
    assert [] == keys
