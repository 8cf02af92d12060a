"""What holds for every report, whatever it tells."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest

import agent_perf.report
from agent_perf.errors import StoreError
from agent_perf.report import render, write_reports
from agent_perf.report.markdown import escape_markdown
from tests.report.pages import read_page
from tests.report.views import VIEWS

every_view = pytest.mark.parametrize("name", VIEWS)


@every_view
def test_page_is_well_formed(name: str) -> None:
    """
    Every element is closed where it should be, and ids are unique and all links meet one.
    """
    page = read_page(render(VIEWS[name](), "html"))

    assert [] == page.faults
    assert len(set(page.ids)) == len(page.ids)
    assert {link[1:] for link in page.links if link.startswith("#")} <= set(page.ids)


@every_view
def test_page_loads_nothing(name: str) -> None:
    """
    No script, no style attribute, no address outside of the page but its sister files.
    """
    page = read_page(render(VIEWS[name](), "html"))

    assert not {"script", "iframe", "object", "img", "form", "base"} & set(page.tags)
    assert not {attribute for attribute in page.attributes if attribute.startswith("on")}
    assert "style" not in page.attributes
    local = {"report.json", "report.md", "junit.xml"}
    assert {link for link in page.links if link[0] != "#"} == local
    assert [True] == [source.startswith("data:image/svg+xml,") for source in page.sources]


@every_view
def test_policy_names_the_style(name: str) -> None:
    """
    The content security policy allows the one style sheet by its hash, and nothing else.
    """
    html = render(VIEWS[name](), "html")
    style = re.search(r"<style>(.*)</style>", html, re.DOTALL)
    assert style is not None
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    page = read_page(html)

    assert (
        f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; "
        "base-uri 'none'; form-action 'none'" == page.policy
    )
    assert "<" not in style[1]


@every_view
def test_verdict_comes_first(name: str) -> None:
    """
    The window's title and the first line of Markdown that is seen begin with the verdict.
    """
    view = VIEWS[name]()
    badge = view.band.badge
    page = read_page(render(view, "html"))

    assert page.title.startswith(f"{badge.mark} {badge.word}: ")
    marker, verdict, *_ = render(view, "md").splitlines()
    assert verdict.startswith(f"## {escape_markdown(badge.mark)} {badge.word}: ")
    assert re.fullmatch(r"<!-- agent-perf:[\w.-]+ -->", marker)


@every_view
def test_charts_have_words(name: str) -> None:
    """
    Every drawing is an image with a title and a description, and none is empty.
    """
    page = read_page(render(VIEWS[name](), "html"))

    assert all(drawing.role == "img" for drawing in page.drawings)
    assert all(drawing.title and drawing.description for drawing in page.drawings)
    assert all(
        {drawing.title_id, drawing.description_id} <= set(page.ids) for drawing in page.drawings
    )


def test_charts_are_there() -> None:
    """
    A failed comparison draws the band, three charts for each benchmark that moved, two for one
    that did not.
    """
    page = read_page(render(VIEWS["small"](), "html"))

    assert 1 + 3 + 2 == len(page.drawings)


@every_view
def test_document_follows_its_schema(name: str) -> None:
    """
    report.json is valid by the published schema that it names.
    """
    folder = Path(agent_perf.report.__file__).parent / "schema"
    document = json.loads(render(VIEWS[name](), "json"))
    schema = json.loads((folder / f"{document['schema']}-1.json").read_text())
    validator = jsonschema.Draft202012Validator(schema)
    validator.check_schema(schema)

    validator.validate(document)


def test_schema_refuses_other_documents() -> None:
    """
    The schema is strict: a field that it does not know, or one that lacks, is refused.
    """
    folder = Path(agent_perf.report.__file__).parent / "schema"
    validator = jsonschema.Draft202012Validator(json.loads((folder / "report-1.json").read_text()))
    document = json.loads(render(VIEWS["small"](), "json"))

    assert not validator.is_valid({**document, "more": 1})
    assert not validator.is_valid({key: value for key, value in document.items() if key != "head"})


@every_view
def test_equal_views_give_equal_files(name: str) -> None:
    """
    Nothing but the view shapes a report: no time, no machine, no order of sets.
    """
    for format_ in ("html", "md", "json", "junit"):
        assert render(VIEWS[name](), format_) == render(VIEWS[name](), format_)


def test_write_reports(tmp_path: Path) -> None:
    """
    All four files are written, into a folder that need not exist, and hold what render gives.
    """
    view = VIEWS["small"]()
    paths = write_reports(tmp_path / "new" / "reports", view)

    assert ["index.html", "report.md", "report.json", "junit.xml"] == [path.name for path in paths]
    assert render(view, "html") == paths[0].read_text()
    assert {path.name for path in paths} == {path.name for path in paths[0].parent.iterdir()}


def test_write_reports_says_what_is_in_the_way(tmp_path: Path) -> None:
    """
    A folder that cannot be one is named in the error.
    """
    (tmp_path / "reports").write_text("")

    with pytest.raises(StoreError, match="reports"):
        write_reports(tmp_path / "reports", VIEWS["nothing"]())


def test_unknown_format() -> None:
    """
    A format that there is none of is refused by name.
    """
    with pytest.raises(ValueError, match="'pdf'"):
        render(VIEWS["nothing"](), "pdf")  # type: ignore[arg-type]


def test_views_are_values() -> None:
    """
    Views of the same decision are equal, and differ when anything in them does.
    """
    view = VIEWS["small"]()

    assert VIEWS["small"]() == view
    assert replace(view, heading="other") != view
