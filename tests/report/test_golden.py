"""Reports as they stand in golden files, reviewed as diffs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from agent_perf.report import (
    Format,
    Place,
    View,
    draw_terminal,
    github_commands,
    gitlab_code_quality,
    make_remarks,
    render,
)
from tests.report.views import VIEWS

_GOLDEN = Path(__file__).parent / "golden"
_ENDS: dict[Format, str] = {"html": "html", "md": "md", "json": "json", "junit": "xml"}


_NAMES = (
    "small",
    "passed",
    "undecided",
    "sampled",
    "breached",
    "warned",
    "cut_off",
    "nothing",
    "broken",
    "history",
    "change_points",
    "waived",
    "all_waived",
)
# What the page of a pass shows stands in the page of a failure too.
_CASES: list[tuple[str, Format]] = [
    (name, format_)
    for name in _NAMES
    for format_ in _ENDS
    if (name, format_)
    not in {("passed", "html"), ("all_waived", "html"), ("change_points", "json")}
]
# Of loads what differs: their JSON is long, and tested against its schema.
_CASES += [("load_failed", "html"), ("load_search", "html")]
_CASES += [
    (name, format_)
    for name in ("load_failed", "load_faults", "load_measured", "load_broken", "load_search")
    for format_ in ("md", "junit")
]


_KINDS = ("passed", "small", "sampled", "breached", "undecided", "broken", "nothing", "cut_off")
_KINDS += ("waived", "all_waived", "warned")
_PLACES = {"agent.chat@200": Place(path="benchmarks/agent.py", line=12)}


def _terminal(view: View) -> str:
    lines = view.document["lines"]
    assert isinstance(lines, list)
    return draw_terminal(view, lines=lines, columns=80, colour=False)


def _github(view: View) -> str:
    return "".join(f"{one}\n" for one in github_commands(make_remarks(view, _PLACES)))


def _gitlab(view: View) -> str:
    return gitlab_code_quality(make_remarks(view, _PLACES), default_path="benchmarks")


_OTHERS = {"terminal.txt": _terminal, "github.txt": _github, "gitlab.json": _gitlab}


@pytest.mark.parametrize("name", _KINDS)
@pytest.mark.parametrize("end", _OTHERS)
def test_golden_of_what_is_not_a_file(name: str, end: str, update_golden: bool) -> None:
    """
    Terminal, annotations and code quality of each kind of outcome are those of their files.
    """
    path = _GOLDEN / f"{name}.{end}"
    text = _OTHERS[end](VIEWS[name]())
    if update_golden:
        path.write_text(text)

    assert path.read_text() == text


@pytest.mark.parametrize(("name", "format_"), _CASES)
def test_golden(name: str, format_: Format, update_golden: bool) -> None:
    """
    Each kind of report renders to its golden file.
    """
    path = _GOLDEN / f"{name}.{_ENDS[format_]}"
    text = without_style(render(VIEWS[name](), format_))
    if update_golden:
        path.write_text(text)

    assert path.read_text() == text


def without_style(text: str) -> str:
    """The style sheet is a file of its own, and its hash follows from it."""
    text = re.sub(r"<style>.*</style>", "<style></style>", text, flags=re.DOTALL)
    return re.sub(r"sha256-[\w+/=]+", "sha256-", text)
