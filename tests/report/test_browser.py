"""Pages as a browser shows them: nothing loaded, nothing clipped, nothing in the way."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest

from agent_perf.report import (
    Series,
    SeriesPoint,
    View,
    build_history_view,
    build_view,
    write_reports,
)
from tests.report import browser, samples
from tests.report.views import VIEWS

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(bool(browser.missing()), reason=browser.missing() or "a browser is there"),
]

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


def _long_names() -> View:
    """Names, statements and values as long, and as wide, as they come."""
    decision, base, head = samples.n_plus_one()
    name = "agent.answer_with_search_and_tools_and_memory.漢字のとても長い名前@200"
    scenario = name.removesuffix("@200")
    old, new = base["agent.chat@200"], head["agent.chat@200"]
    comparisons = tuple(
        replace(one, benchmark=name)
        for one in decision.comparisons
        if one.benchmark == "agent.chat@200"
    )
    return build_view(
        replace(decision, comparisons=comparisons, breaches=(), causes={}),
        base_runs={name: replace(old, scenario=scenario)},
        head_runs={name: replace(new, scenario=scenario)},
        title="a-project-with-a-name-that-does-not-end-where-names-usually-end",
    )


def _long_history() -> View:
    """A hundred commits, a step at every third, the last one too."""
    steps, _, commits = samples.history()
    names = [f"{index:040x}" for index in range(100)]
    points = tuple(
        SeriesPoint(label=name, value=1234.5678 * (1 + index // 3))
        for index, name in enumerate(names)
    )
    return build_history_view(
        [replace(steps[0], commit=name) for name in names[::3]],
        [Series(name="agent.chat@200 work.bytes_sent", unit="bytes", points=points, target=9e4)],
        commits=[replace(commits[0], name=name) for name in names],
    )


_PAGES: Final[dict[str, Callable[[], View]]] = {
    **VIEWS,
    "long names": _long_names,
    "long history": _long_history,
}


@pytest.fixture(scope="module")
def window() -> Iterator[browser.Browser]:
    """One browser for all pages."""
    with browser.open_browser() as opened:
        yield opened


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Every kind of report, written."""
    folder = tmp_path_factory.mktemp("reports")
    return {
        name: write_reports(folder / str(index), build())[0]
        for index, (name, build) in enumerate(_PAGES.items())
    }


@pytest.mark.parametrize("width", [360, 720, 860, 1440])
@pytest.mark.parametrize("name", _PAGES)
def test_page_fits(name: str, width: int, window: browser.Browser, pages: dict[str, Path]) -> None:
    """
    At no width, all unfolded, is a page wider than its window, or a chart's label clipped or
    covered.
    """
    window.open(pages[name], width=width)

    assert 0 == window.run(_TOO_WIDE)
    assert [] == window.run(_CROWDED)


@pytest.mark.parametrize("name", _PAGES)
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
