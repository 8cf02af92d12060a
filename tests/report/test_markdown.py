"""Prose and names as Markdown."""

from __future__ import annotations

import pytest

from agent_perf.report import render
from agent_perf.report.markdown import (
    comment_marker,
    escape_cell,
    escape_code,
    escape_markdown,
    escape_summary,
    html_prose,
    markdown_prose,
)
from tests.report.views import VIEWS


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("plain", "`plain`"),
        ("a`b", "`` a`b ``"),
        ("``", "``` `` ```"),
        ("", "`   `"),
        ("two\nlines", "`two lines`"),
    ],
)
def test_code_holds_what_it_is_given(text: str, code: str) -> None:
    """
    No backtick in a name ends its code span, and no new line its paragraph.
    """
    assert code == escape_code(text)


def test_bars_do_not_end_a_cell() -> None:
    """
    A bar in a table's cell is escaped, in code too.
    """
    assert "`a\\|b`" == escape_cell("a|b")
    assert "a\\|b" == escape_markdown("a|b")


def test_no_name_ends_a_summary() -> None:
    """
    An empty line, after which Markdown begins again, becomes a space; nobody is called.
    """
    assert "a # [b](c) &lt;/summary&gt; @\u2060all" == escape_summary(
        "a\n\n# [b](c) </summary> @all"
    )


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("# not a heading", "\\# not a heading"),
        ("- not a list", "\\- not a list"),
        ("1. not a list", "1\\. not a list"),
        ("+31.5 %", "+31.5 %"),
        ("<b>&amp;", "&lt;b&gt;&amp;amp;"),
        ("@team", "@\u2060team"),
    ],
)
def test_text_reads_as_it_stands(text: str, escaped: str) -> None:
    """
    Text is no heading, list, element or call; numbers stay readable in the source.
    """
    assert escaped == escape_markdown(text)


def test_prose_shows_code() -> None:
    """
    What stands between backticks is code, on the page and in Markdown, and harmless in both.
    """
    text = "now runs `SELECT <x>` 5 times; `alone"

    assert "now runs <code>SELECT &lt;x&gt;</code> 5 times; `alone" == html_prose(text)
    assert "now runs `SELECT <x>` 5 times; \\`alone" == markdown_prose(text)


@pytest.mark.parametrize(
    ("project", "marker"),
    [
        ("shop-assistant", "<!-- agent-perf:shop-assistant -->"),
        ("a --> <script>", "<!-- agent-perf:a-script -->"),
        ("x--y", "<!-- agent-perf:x-y -->"),
        ("", "<!-- agent-perf:project -->"),
        ("日本", "<!-- agent-perf:project -->"),
    ],
)
def test_the_marker_stays_a_comment(project: str, marker: str) -> None:
    """
    Whatever a project is called, its name can end no comment and shows nowhere.
    """
    assert marker == comment_marker(project)


@pytest.mark.parametrize(
    ("name", "action"),
    [
        ("small", "Needs a look."),
        ("undecided", "Needs a look."),
        ("broken", "Needs a look."),
        ("nothing", "Needs a look."),
        ("passed", "No action needed."),
        ("all_waived", "No action needed."),
    ],
)
def test_a_reader_knows_at_once_whether_to_read_on(name: str, action: str) -> None:
    """
    The first words after the verdict say whether anybody has to do anything, and say it once.
    """
    text = render(VIEWS[name](), "md")

    assert text.splitlines()[3].startswith(f"**{action}**")
    assert 1 == text.count(action)
