"""junit.xml as CI systems read it: by schema, and by a parser that is not ours."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent_perf.report import render
from tests.report.views import VIEWS

SCHEMA = Path(__file__).parent / "junit.xsd"


@pytest.mark.parametrize("name", VIEWS)
def test_it_follows_the_schema(name: str) -> None:
    """
    Every kind of report is valid by what the CI systems publish, and names at least one case.
    """
    xmlschema = pytest.importorskip("xmlschema")

    xmlschema.XMLSchema(str(SCHEMA)).validate(render(VIEWS[name](), "junit"))


def test_the_schema_refuses_other_documents() -> None:
    """
    A state that no CI knows is refused, and so is a suite without cases, which would pass.
    """
    xmlschema = pytest.importorskip("xmlschema")
    schema = xmlschema.XMLSchema(str(SCHEMA))
    text = render(VIEWS["nothing"](), "junit")

    assert schema.is_valid(text)
    assert not schema.is_valid(
        text.replace("error type", "undecided type").replace("/error", "/undecided")
    )
    assert not schema.is_valid(text[: text.index("<testcase")] + "</testsuite></testsuites>")


@pytest.mark.parametrize("name", VIEWS)
def test_another_parser_counts_the_same(name: str) -> None:
    """
    junitparser finds as many cases of each kind as the report says it has.
    """
    junitparser = pytest.importorskip("junitparser")
    view = VIEWS[name]()
    read = junitparser.JUnitXml.fromstring(render(view, "junit").encode())
    found = [result for suite in read for case in suite for result in case.result]
    kinds = {"Failure": "failure", "Error": "error", "Skipped": "skipped"}
    told = {state: sum(case.state == state for case in view.cases) for state in kinds.values()}

    assert len(view.cases) == read.tests == sum(len(list(suite)) for suite in read)
    assert (told["failure"], told["error"], told["skipped"]) == (
        read.failures,
        read.errors,
        read.skipped,
    )
    assert told == {
        state: sum(type(one).__name__ == kind for one in found) for kind, state in kinds.items()
    }
