"""Pages on what ran in real time, whose names, errors and hosts come from outside."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from agent_perf.gate import judge_capacity, judge_load
from agent_perf.records import Capacity, LoadRun, Probe, Promise
from agent_perf.report import (
    Command,
    View,
    build_capacity_view,
    build_load_view,
    draw_load,
    draw_terminal,
    render,
)
from tests.report import hostile
from tests.report.hostile import NAMES, harmless

_OBEYED = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)
_BLOCK = re.compile(r"^\s*(?:#{1,6}|[-+>=]|\d+[.)])(?=\s|$)|^\s{4}|^\t")
_ADDRESSES = {"href", "src", "xlink:href", "action", "formaction", "data", "poster", "srcset"}


class Shape(HTMLParser):
    """What a browser would make of a document: its elements with the names of their attributes."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: Counter[tuple[str, tuple[str, ...]]] = Counter()
        self.other: list[str] = []
        self.addresses: list[str] = []
        self.values: list[str] = []
        self.told = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements[tag, tuple(sorted(name for name, _ in attrs))] += 1
        self.addresses += [value or "" for name, value in attrs if name in _ADDRESSES]
        self.values += [value or "" for name, value in attrs if name not in {"d", "points"}]

    handle_startendtag = handle_starttag

    def handle_data(self, data: str) -> None:
        self.told += data

    def handle_comment(self, data: str) -> None:
        self.other.append(data)

    handle_decl = unknown_decl = handle_pi = handle_comment


def _of_a_run(build: Callable[[str], LoadRun]) -> Callable[[str], View]:
    def view(text: str) -> View:
        run = build(text)
        decision = hostile.decision_on(run, judge_load(run), text)
        again = Command(purpose=text, line=text)
        return build_load_view(
            run, decision, (hostile.bottleneck(text),), title=text, commands=(again,)
        )

    return view


def _of_a_search(text: str) -> View:
    probe = Probe(
        rate_hz=20.0, offered=100, good_ratio=1.0, goodput_hz=20.0, p50_ns=1, p95_ns=2, p99_ns=3,
        p999_ns=4, kept=True,
    )  # fmt: skip
    capacity = Capacity(
        scenario=text,
        promise=Promise(within_s=0.1, path=text),
        rate_hz=20.0,
        broken_at_hz=40.0,
        probes=(probe, replace(probe, rate_hz=40.0, kept=False)),
        stopped=text,
        carried=hostile.scenario_run(text),
    )
    decision = replace(judge_capacity(capacity), lines=(text,), notes=(text,))
    again = Command(purpose=text, line=text)
    return build_capacity_view(
        capacity, decision, (hostile.bottleneck(text),), title=text, commands=(again,)
    )


RUNS: dict[str, Callable[[str], LoadRun]] = {
    "a service": hostile.service_run,
    "a scenario in real time": hostile.scenario_run,
    "an experiment": hostile.chaos_run,
}
VIEWS = {**{name: _of_a_run(build) for name, build in RUNS.items()}, "a search": _of_a_search}
ALL = [(page, name) for page in VIEWS for name in NAMES]


@pytest.mark.parametrize(("page", "name"), ALL)
def test_a_page_gains_nothing(page: str, name: str) -> None:
    """
    A page with a hostile name has the elements and attributes that it has with a plain one of
    the same length, leads nowhere, and holds no character that is obeyed instead of read.
    """
    build = VIEWS[page]
    found = Shape(render(build(NAMES[name]), "html"))
    plain = Shape(render(build(harmless(NAMES[name])), "html"))

    assert plain.elements == found.elements
    assert ["doctype html"] == found.other
    assert ("script", ()) not in found.elements
    assert plain.addresses == found.addresses
    assert not _OBEYED.search(found.told + "".join(found.values))


@pytest.mark.parametrize(("page", "name"), [(page, name) for page in RUNS for name in NAMES])
def test_a_picture_gains_nothing(page: str, name: str) -> None:
    """
    The drawing of a load is XML, and has the elements that it has with a plain name.
    """
    found = ET.fromstring(draw_load(RUNS[page](NAMES[name])).encode())
    plain = ET.fromstring(draw_load(RUNS[page](harmless(NAMES[name]))).encode())

    assert _nodes(plain) == _nodes(found)
    assert not _OBEYED.search("".join(found.itertext()))


@pytest.mark.parametrize(("page", "name"), ALL)
def test_other_forms_gain_nothing(page: str, name: str) -> None:
    """
    JUnit has the elements that it has with a plain name, and JSON the keys and the name itself.
    """
    found, plain = VIEWS[page](NAMES[name]), VIEWS[page](harmless(NAMES[name]))
    document = json.loads(render(found, "json").encode())

    assert _nodes(ET.fromstring(render(plain, "junit").encode())) == _nodes(
        ET.fromstring(render(found, "junit").encode())
    )
    assert json.loads(render(plain, "json")).keys() == document.keys()
    assert not re.search("[\ud800-\udfff]", json.dumps(document, ensure_ascii=False))


@pytest.mark.parametrize(("page", "name"), ALL)
def test_a_comment_gains_nothing(page: str, name: str) -> None:
    """
    Markdown has no line whose signs, outside of code, would mean what those of no line with a
    plain name do; nobody is called, and nothing is linked.
    """
    found, plain = (
        render(VIEWS[page](NAMES[name]), "md"),
        render(VIEWS[page](harmless(NAMES[name])), "md"),
    )
    text = "".join(signs(line, keep="") for line in found.splitlines())

    assert not Counter(map(signs, found.split("\n"))) - Counter(map(signs, plain.split("\n")))
    assert not _OBEYED.search(found)
    assert not re.search(r"@\w|://", text)


@pytest.mark.parametrize(("page", "name"), ALL)
def test_a_terminal_obeys_nothing(page: str, name: str) -> None:
    """
    What is drawn for a terminal has no character that one obeys but ends of lines and tabs.
    """
    view = VIEWS[page](NAMES[name])
    drawn = draw_terminal(view, lines=(), columns=80, colour=False)

    assert drawn.replace("\n", "").replace("\t", "").isprintable()


def signs(line: str, keep: str = "<>[]|*_~$`") -> str:
    """
    Return those of *keep* that mean something in a *line* of Markdown; all text, if it is empty.

    Source: CommonMark 0.31.2, "Backslash escapes" and "Code spans"; in a table's row a bar ends a
    cell in code, too (GitHub Flavored Markdown, "Tables").
    """
    is_row = line.startswith("|")
    text, place = "", 0
    while place < len(line):
        sign = line[place]
        if sign == "\\":
            place += 2
            continue
        if sign == "`":
            run = len(line) - place - len(line[place:].lstrip("`"))
            code = re.compile(f"(?<!`)`{{{run}}}(?!`)").search(line, place + run)
            if code is not None:
                inner = line[place + run : code.start()]
                text += "`" + (signs(inner.replace("`", ""), "|") if is_row else "") + "`"
                place = code.end()
                continue
        text += sign
        place += 1
    if not keep:
        return text
    begin = "".join(_BLOCK.findall(line)).strip()
    return begin + "".join(sign for sign in text if sign in keep)


def _nodes(root: ET.Element) -> Counter[tuple[str, tuple[str, ...]]]:
    return Counter((str(one.tag), tuple(sorted(one.attrib))) for one in root.iter())
