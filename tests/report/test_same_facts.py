"""Each format tells the same facts, for they come from one view."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable
from typing import Any, Final
from xml.etree import ElementTree as ET

import pytest

from agent_perf.report import View, draw_terminal, github_commands, make_remarks, render
from tests.report.pages import read_page
from tests.report.test_annotations import unescaped
from tests.report.views import VIEWS

KINDS = (
    *("passed", "small", "sampled", "breached", "undecided", "broken", "nothing", "cut_off"),
    *("waived", "all_waived", "warned"),
)


def plain(text: str) -> str:
    """Text as people read it: without marks that only its format needs."""
    text = text.replace("\u2060", "").replace("`", "").replace("->", "→")
    return re.sub(r"\s+", " ", text)


def page(view: View) -> str:
    return plain(read_page(render(view, "html")).text)


def markdown(view: View) -> str:
    unmarked = re.sub(r"\\([\\`*_{}\[\]|~$#+.)-])", r"\1", render(view, "md"))
    return plain(html.unescape(unmarked.replace("**", "")))


def terminal(view: View) -> str:
    lines: Any = view.document["lines"]
    return plain(draw_terminal(view, lines=lines, columns=100, colour=False))


PEOPLE: Final[dict[str, Callable[[View], str]]] = {
    "html": page,
    "md": markdown,
    "terminal": terminal,
}


def junit(view: View) -> dict[tuple[str, str], str]:
    """Each case that did not pass: what it tells."""
    return {
        (case.attrib["classname"], case.attrib["name"]): f"{inner.get('message')}\n{inner.text}"
        for case in ET.fromstring(render(view, "junit")).iter("testcase")
        for inner in case
    }


def annotations(view: View) -> str:
    read = [unescaped(one) for one in github_commands(make_remarks(view, {}))]
    return plain("\n".join(f"{where['title']}\n{message}" for _, where, message in read))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", PEOPLE)
def test_people_read_the_same(kind: str, name: str) -> None:
    """
    Verdict and every benchmark that is worse, with base, head and change, are in each.
    """
    view = VIEWS[kind]()
    text = PEOPLE[name](view)
    calm = {"unchanged", "improved", "new"}

    band = view.band
    for part in (f"{band.badge.mark} {band.badge.word}", band.headline, band.values, band.change):
        assert plain(part) in text
    for row in view.rows:
        if row.badge.word not in calm:
            told = (row.benchmark, row.metric, row.base, row.head, row.change, row.badge.word)
            assert not [one for one in told if one not in {"", "–"} and plain(one) not in text]


@pytest.mark.parametrize("kind", KINDS)
def test_causes_and_targets_are_in_each(kind: str) -> None:
    """
    What explains a failure, and each target that is missed, is told to people and machines.
    """
    view = VIEWS[kind]()
    document: Any = json.loads(render(view, "json"))
    causes = {
        plain(cause["text"])
        for one in document["benchmarks"]
        for cause in one["causes"]
        if one["fails"]
    }
    missed = {(one["benchmark"], one["metric"]) for one in document["breaches"]}
    told = {name: draw(view) for name, draw in PEOPLE.items()}
    machines = {"junit": plain(str(list(junit(view).values()))), "github": annotations(view)}

    for name, text in (told | machines).items():
        assert not [one for one in causes if one.lower() not in text.lower()], name
    for benchmark, metric in missed:
        assert "target" in junit(view)[benchmark, metric]
        assert not [name for name, text in told.items() if benchmark not in text]


@pytest.mark.parametrize("kind", KINDS)
def test_machines_read_the_same(kind: str) -> None:
    """
    What failed in report.json is a failure in JUnit and an annotation, and nothing else is.
    """
    view = VIEWS[kind]()
    document: Any = json.loads(render(view, "json"))
    waived = {
        (one["benchmark"], one["metric"])
        for use in document["waivers"]
        for one in use["covered"]
        if use["state"] == "used"
    }
    regressed = {
        (one["benchmark"], one["metric"])
        for one in document["comparisons"]
        if one["verdict"] == "regressed"
    } | {(one["benchmark"], one["metric"]) for one in document["breaches"]}
    failed = {
        (case.attrib["classname"], case.attrib["name"])
        for case in ET.fromstring(render(view, "junit")).iter("testcase")
        if case.find("failure") is not None and case.attrib["classname"] != "waivers"
    }
    soft = set() if document["outcome"] == "fail" else regressed
    commands = annotations(view)

    assert regressed - waived - soft == failed
    assert not [one for one in regressed if one[0] not in commands or one[1] not in commands]
    assert regressed <= set(junit(view))
    assert (document["outcome"] == "pass") == (
        not re.search("::error", "\n".join(github_commands(make_remarks(view, {}))))
        and "undecided" != document["outcome"]
    )
