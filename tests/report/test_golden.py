"""Reports as they stand in golden files, reviewed as diffs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from agent_perf.report import Format, render
from tests.report.views import VIEWS

_GOLDEN = Path(__file__).parent / "golden"
_ENDS: dict[Format, str] = {"html": "html", "md": "md", "json": "json", "junit": "xml"}


_NAMES = (
    "small",
    "passed",
    "undecided",
    "nothing",
    "broken",
    "history",
    "change_points",
    "waived",
    "all_waived",
)
# What the page of a pass shows stands in the page of a failure too.
_CASES = [
    (name, format_)
    for name in _NAMES
    for format_ in _ENDS
    if (name, format_)
    not in {("passed", "html"), ("all_waived", "html"), ("change_points", "json")}
]


@pytest.mark.parametrize(("name", "format_"), _CASES)
def test_golden(name: str, format_: Format, update_golden: bool) -> None:
    """
    Each kind of report renders to its golden file.
    """
    path = _GOLDEN / f"{name}.{_ENDS[format_]}"
    text = _without_style(render(VIEWS[name](), format_))
    if update_golden:
        path.write_text(text)

    assert path.read_text() == text


def _without_style(text: str) -> str:
    """The style sheet is a file of its own, and its hash follows from it."""
    text = re.sub(r"<style>.*</style>", "<style></style>", text, flags=re.DOTALL)
    return re.sub(r"sha256-[\w+/=]+", "sha256-", text)
