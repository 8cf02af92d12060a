"""Whatever stands in a name, a report stays what it is."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent_perf.records import (
    Breach,
    Cause,
    Comparison,
    Decision,
    Evidence,
    Failure,
    Outcome,
    Step,
    Verdict,
)
from agent_perf.report import (
    Command,
    Commit,
    Series,
    SeriesPoint,
    View,
    build_history_view,
    build_view,
    render,
)
from tests.report import samples
from tests.report.pages import read_page

# Every code point there is, lone surrogates and control characters included.
_any_text = st.text(st.characters(exclude_categories=()), max_size=40)
_nasty = st.sampled_from(
    [
        "<script>alert(1)</script>",
        "</title><script>alert(1)</script>",
        '"><img src=x onerror=alert(1)>',
        "]]><!-- --!>",
        "{{ 7 * 7 }}{% raw %}",
        "&lt;&#60;&amp;",
        "\x00\x1b[31m\x9b\u202egnp.exe",
        "\ud800 lone",
        "a|b`c``d\n# e\n<details>",
        "@everyone https://example.com/ $x$ ~~y~~",
        "",
    ]
)
_text = st.one_of(_nasty, _any_text)


def _comparison(name: str, metric: str, text: str) -> Comparison:
    return Comparison(
        benchmark=name,
        metric=metric,
        unit=text,
        evidence=Evidence.EXACT,
        base=1.0,
        head=2.0,
        change_ratio=1.0,
        interval=None,
        limit_ratio=0.15,
        verdict=Verdict.REGRESSED,
        reason=text,
        sample_count=3,
    )


def _everywhere(text: str) -> View:
    """A comparison with *text* wherever a string can stand."""
    run = replace(
        samples.chat_run(samples.BASE, requests=24),
        scenario=text,
        path=(text,) * 24,
        errors={0: text},
        counts={text: 3, "db_statements": 9},
        details={f"db_statements:{text}": 4},
        targets={"latency.p95": 0.001, text: 1.0},
    )
    assert run.exemplar is not None
    spans = tuple(replace(span, name=text, detail=text) for span in run.exemplar.spans)
    head = replace(
        run,
        counts={text: 4, "db_statements": 90},
        details={f"db_statements:{text}": 85},
        exemplar=replace(run.exemplar, spans=spans),
        environment=replace(run.environment, python=text, packages={text: text}),
        latency_ns=tuple(latency + 1_000_000 for latency in run.latency_ns),
        trace_digest="other",
    )
    name = run.benchmark
    decision = Decision(
        base=text,
        head=f"{text}!",
        outcome=Outcome.FAIL,
        comparisons=(_comparison(name, "latency.p95", text), _comparison(text, text, text)),
        breaches=(Breach(benchmark=name, metric=text, unit="s", observed=2.0, limit=1.0),),
        failures=(
            Failure(benchmark=text, commit=text, category=text, message=text, traceback=text),
        ),
        causes={name: (Cause(kind=text, text=text),)},
        lines=(text,),
        warnings=(text,),
    )
    return build_view(
        decision,
        base_runs={name: run},
        head_runs={name: head},
        title=text,
        commands=[Command(purpose=text, line=text)],
        subjects={text: text},
    )


def _history(text: str) -> View:
    step = Step(
        commit=text,
        parent=text,
        subject=text,
        comparisons=(_comparison(text, text, text),),
        causes={text: (Cause(kind=text, text=text),)},
    )
    series = Series(
        name=text,
        unit=text,
        points=(SeriesPoint(label=text, value=1.0), SeriesPoint(label="b", value=2.0)),
    )
    commits = [Commit(name=text, subject=text), Commit(name="b", failure=text)]
    return build_history_view([step], [series], commits=commits, title=text, notes=[text])


_build = st.sampled_from([_everywhere, _history])


@settings(max_examples=60, deadline=None)
@given(build=_build, text=_text)
def test_page_keeps_its_elements(build: object, text: str) -> None:
    """
    A page with any text in it has the elements of one with a plain word, and no others.
    """
    assert callable(build)
    page = read_page(render(build(text), "html"))
    plain = read_page(render(build("word"), "html"))

    assert [] == page.faults
    assert set(page.tags) <= set(plain.tags) | {"pre", "p", "b", "code"}
    assert set(page.attributes) <= set(plain.attributes)
    assert "script" not in page.tags
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\ud800-\udfff]", page.text)


@settings(max_examples=60, deadline=None)
@given(build=_build, text=_text)
def test_junit_is_xml(build: object, text: str) -> None:
    """
    JUnit output with any text in it is XML in UTF-8, and its totals are those of its cases.
    """
    assert callable(build)
    root = ET.fromstring(render(build(text), "junit").encode())
    cases = root.findall(".//testcase")

    assert str(len(cases)) == root.attrib["tests"]
    assert root.attrib["failures"] == str(len(root.findall(".//failure")))
    assert root.attrib["errors"] == str(len(root.findall(".//error")))
    assert root.attrib["skipped"] == str(len(root.findall(".//skipped")))


@settings(max_examples=60, deadline=None)
@given(build=_build, text=_text)
def test_json_and_markdown_are_text(build: object, text: str) -> None:
    """
    JSON with any text in it parses; Markdown holds no element but its own, and fits UTF-8.
    """
    assert callable(build)
    view = build(text)
    markdown = render(view, "md")
    outside_of_code = re.sub(r"(`+).*?\1", "", markdown)

    assert "report" == json.loads(render(view, "json").encode())["schema"]
    assert markdown.encode()
    assert set(re.findall(r"</?\w+", outside_of_code)) <= {
        "<details",
        "</details",
        "<summary",
        "</summary",
    }


def test_script_is_shown_as_text() -> None:
    """
    A benchmark named <script> reads <script> in the page, the title and the test case.
    """
    view = _everywhere("<script>alert(1)</script>")
    page = read_page(render(view, "html"))
    root = ET.fromstring(render(view, "junit"))

    assert "<script>alert(1)</script>@200: P95 latency" in page.title
    assert "<script>alert(1)</script>@200" in page.text
    assert "<script>alert(1)</script>@200" in {
        case.attrib["classname"] for case in root.iter("testcase")
    }


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\x00b", "a\ufffdb"),
        ("\u202egnp.exe", "\ufffdgnp.exe"),
        ("\ud800", "\ufffd"),
        ("tab\tand\nline", "tab\tand\nline"),
        ("é ✓ 漢 🙂", "é ✓ 漢 🙂"),
    ],
)
def test_harmful_characters_are_replaced(text: str, shown: str) -> None:
    """
    Characters that obey instead of being read become U+FFFD; all others stay.
    """
    view = build_view(replace(samples.nothing(), lines=(text,)), base_runs={}, head_runs={})
    document = json.loads(render(view, "json"))

    assert [shown] == document["lines"]
