"""The report on a terminal."""

from __future__ import annotations

import re

import pytest

from agent_perf.report import View, draw_terminal
from agent_perf.report.text import columns
from tests.report.views import VIEWS


def shown(view: View, *, width: int = 80, colour: bool = False) -> str:
    lines = view.document.get("lines", [])
    assert isinstance(lines, list)
    return draw_terminal(view, lines=lines, columns=width, colour=colour)


@pytest.mark.parametrize("name", VIEWS)
@pytest.mark.parametrize("width", [40, 60, 200])
def test_lines_keep_within_the_width(name: str, width: int) -> None:
    """
    Only what programs read, and commands to copy, may be longer than the terminal is wide.
    """
    view = VIEWS[name]()
    lines = view.document.get("lines", [])
    assert isinstance(lines, list)
    text = [line for line in shown(view, width=width).splitlines() if line not in lines]

    assert [] == [line for line in text if columns(line) > width and not line.startswith("  $ ")]


@pytest.mark.parametrize("name", VIEWS)
def test_colours_say_nothing_of_their_own(name: str) -> None:
    """
    Without its colours the text is the one that is drawn without colours.
    """
    view = VIEWS[name]()
    coloured = shown(view, colour=True)

    assert "\x1b[" in coloured
    assert "\x1b" not in shown(view)
    assert shown(view) == re.sub(r"\x1b\[[\d;]*m", "", coloured)


def test_the_verdict_follows_what_programs_read() -> None:
    """
    Lines come first, for the end of the output is what is seen: verdict, why, rows, next step.
    """
    view = VIEWS["small"]()
    text = shown(view)
    places = [
        text.index(word)
        for word in (
            "FAIL agent.chat@200 ",
            "✗ FAIL: ",
            "\nWhy\n",
            "\nWorst of 2 benchmarks\n",
            "\nNext step\n",
        )
    ]

    assert sorted(places) == places
    assert "  $ agent-perf compare 36a4e77 9a81b4c --only 'agent.chat@*'\n" in text


def test_numbers_hold_to_their_units() -> None:
    """
    However narrow it is, no line begins with a unit.
    """
    for width in range(40, 100):
        lines = shown(VIEWS["waived"](), width=width).splitlines()
        assert not [line for line in lines if re.match(r"\s*(%|ms|s)\b", line)], width
